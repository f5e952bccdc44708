//! --repair: repairs what was left behind, and reports why the rest stays.

use super::args::Args;
use super::named;
use crate::group::repair::repair;
use crate::heartbeat::{RepairMode, RepairOutcome, RepairReport};
use crate::host::System;
use crate::ids::Uuid;
use crate::json::{Json, object};
use crate::report::{self, Failure, Silent, Usage};
use eyre::{Report, Result, bail};

/// The schema's version, which goes up when an existing name changes its meaning.
const SCHEMA: u64 = 1;

/// The exit code: the worst of all results counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    /// Nothing was wrong, or everything is repaired.
    Well = 0,
    /// Something is wrong and was left alone.
    Left = 1,
    /// Something cannot be determined.
    Unknown = 2,
}

pub(super) fn run(system: &System, args: &Args) -> Result<(), Failure> {
    match act(system, args) {
        Ok(End::Well) => Ok(()),
        Ok(end) => Err(Failure::new(end as u8, Report::new(Silent))),
        Err(report) if report.is::<Usage>() => Err(Failure::new(1, report)),
        Err(report) => Err(Failure::new(End::Unknown as u8, report)),
    }
}

fn act(system: &System, args: &Args) -> Result<End> {
    let named_one = args.device.is_some() || args.uuid.is_some();
    if args.long || args.nodes || args.watch || args.quiet {
        bail!(Usage("--repair takes no form of -I but --json".into()));
    }
    if !args.service.is_empty() || (args.all && named_one) {
        bail!(Usage(
            "--repair takes one of -d DEVICE, -u UUID and --all, and no service".into()
        ));
    }
    let volume = match named_one {
        true => Some(named(system, &args.target()?)?),
        false => None,
    };
    let mode = match args.dry_run {
        true => RepairMode::DryRun,
        false => RepairMode::Repair,
    };
    let (mut end, mut told) = (End::Well, false);
    let mut entries = Vec::new();
    repair(system, volume, mode, &mut |uuid, repaired| {
        end = end.max(match &repaired {
            Ok(found) if found.outcome == RepairOutcome::LeftAlone => End::Left,
            Ok(_) => End::Well,
            Err(_) => End::Unknown,
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
    Ok(end)
}

/// Makes one entry for programs. ocfs2_hb_ctl(8) defines names and meanings: none changes; more may
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
