//! --repair: repairs what was left behind, and reports why the rest stays.

use super::args::{Args, Target};
use super::{UNKNOWN, named};
use crate::heartbeat::{self, RepairOutcome};
use crate::host::System;
use crate::json::{Json, object};
use crate::report;
use eyre::Result;

/// The schema's version, which goes up when an existing name changes its meaning.
const SCHEMA: u64 = 1;

/// The exit code where something is wrong and was left alone.
const LEFT_ALONE: u8 = 1;

/// Repairs one volume or all; returns the exit code of the worst result.
pub(super) fn run(system: &System, target: Option<Target>, args: &Args) -> Result<u8> {
    let volume = target.map(|target| named(system, &target)).transpose()?;
    let volume = volume.map(|(uuid, _)| uuid);
    let (mut code, mut told) = (0, false);
    let mut entries = Vec::new();
    heartbeat::repair(system, volume, args.dry_run, &mut |uuid, repaired| {
        // ocfs2box-json(5) defines names and meanings: none changes; more may come.
        let (outcome, severity) = match repaired.as_ref().map(|found| found.outcome) {
            Ok(RepairOutcome::Sound) => ("sound", 0),
            Ok(RepairOutcome::Repaired) => ("repaired", 0),
            Ok(RepairOutcome::LeftAlone) => ("left-alone", LEFT_ALONE),
            Err(_) => ("unknown", UNKNOWN),
        };
        let text = repaired.map_or_else(|report| format!("{report:#}"), |found| found.text);
        let text = report::plain(text);
        code = code.max(severity);
        if args.json {
            entries.push(object! { "uuid": Json::text(uuid), "outcome": outcome, "text": &text });
        } else if severity == UNKNOWN {
            told = true;
            report::warn(format_args!(
                "{uuid}: cannot be determined or repaired: {text}"
            ));
        } else if volume.is_some() || outcome != "sound" {
            // Of all volumes, only the faulty ones are worth a line.
            told = true;
            report::say(format!("{uuid}: {text}\n"))?;
        }
        Ok(())
    })?;
    if args.json {
        let json = object! {
            "schema": SCHEMA,
            "dry_run": args.dry_run,
            "volumes": Json::List(entries),
        };
        report::say(format!("{json}\n"))?;
    } else if !told {
        report::say("nothing wrong\n")?;
    }
    Ok(code)
}
