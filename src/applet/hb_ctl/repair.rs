//! --repair: repairs what was left behind, and reports why the rest stays.

use super::args::{Args, Target};
use super::{UNKNOWN, named};
use crate::heartbeat::{self, RepairOutcome, RepairReport};
use crate::host::System;
use crate::ids::Uuid;
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
        code = code.max(match &repaired {
            Ok(found) if found.outcome == RepairOutcome::LeftAlone => LEFT_ALONE,
            Ok(_) => 0,
            Err(_) => UNKNOWN,
        });
        if args.json {
            entries.push(entry(uuid, repaired));
            return Ok(());
        }
        // Of all volumes, only the faulty ones are worth a line.
        if volume.is_none()
            && matches!(&repaired, Ok(found) if found.outcome == RepairOutcome::Sound)
        {
            return Ok(());
        }
        told = true;
        match repaired {
            Ok(found) => report::say(format!("{uuid}: {}\n", report::plain(found.text))),
            Err(report) => {
                report::warn(format_args!("{uuid}: cannot be told or mended: {report:#}"));
                Ok(())
            }
        }
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

/// Makes one entry for programs. ocfs2box-json(5) defines names and meanings: none changes; more may
/// come.
fn entry(uuid: Uuid, repaired: Result<RepairReport>) -> Json {
    let (outcome, text) = match repaired {
        Ok(RepairReport { outcome, text }) => (
            match outcome {
                RepairOutcome::Sound => "sound",
                RepairOutcome::Repaired => "repaired",
                RepairOutcome::LeftAlone => "left-alone",
            },
            text,
        ),
        Err(report) => ("unknown", format!("{report:#}")),
    };
    object! { "uuid": Json::text(uuid), "outcome": outcome, "text": &report::plain(text) }
}
