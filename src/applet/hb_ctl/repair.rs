//! --repair: mends what was left behind, and says of the rest why it stays.

use super::args::Args;
use super::named;
use crate::group::repair::repair;
use crate::heartbeat::{Mode, Outcome};
use crate::report::{self, Failure, Silent, Usage};
use crate::system::System;
use eyre::{Report, Result, bail};

/// How it ends: the worst of all that was found counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    /// Nothing was wrong, or all is mended.
    Well = 0,
    /// Something is wrong and was left alone.
    Left = 1,
    /// Something cannot be told.
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
    if !args.service.is_empty() || (args.all && named_one) {
        bail!(Usage(
            "--repair takes one of -d DEVICE, -u UUID and --all, and no service".into()
        ));
    }
    let volume = match named_one {
        true => Some(named(system, &args.target()?)?.0),
        false => None,
    };
    let mode = match args.dry_run {
        true => Mode::DryRun,
        false => Mode::Mend,
    };
    let (mut end, mut told) = (End::Well, false);
    repair(system, volume, mode, &mut |uuid, mended| {
        let text = match mended {
            // Of all volumes only those are worth a line with which something is wrong.
            Ok(mended) if mended.outcome == Outcome::Sound && volume.is_none() => return Ok(()),
            Ok(mended) => {
                if mended.outcome == Outcome::Left {
                    end = end.max(End::Left);
                }
                mended.text
            }
            Err(report) => {
                (end, told) = (End::Unknown, true);
                report::warn(format_args!("{uuid}: cannot be told or mended: {report:#}"));
                return Ok(());
            }
        };
        told = true;
        report::say(format!("{uuid}: {}\n", report::plain(text)))
    })?;
    if !told {
        report::say("nothing wrong\n")?;
    }
    Ok(end)
}
