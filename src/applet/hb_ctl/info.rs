//! -I: what is known of the heartbeat, for people and for programs. It changes nothing.

use super::args::Args;
use super::{json, text, watch};
use crate::heartbeat::survey::Survey;
use crate::host::System;
use crate::inspect::{Inspected, Inspector, Target};
use crate::report;
use crate::syscall::signal;
use eyre::{Result, WrapErr};
use std::time::Duration;

/// Answers -I with its options; returns the exit code.
pub(super) fn show(system: &System, args: &Args, interval: Duration) -> Result<u8> {
    let target = args.inspected()?;
    let signals = signal::defer_termination().wrap_err("holding signals back")?;
    let tick = &mut || Ok(signals.check()?);
    if args.is_plain() {
        let survey = Survey::gather(system, &[])?;
        report::say(survey.regions.iter().map(text::brief).collect::<String>())?;
        return Ok(0);
    }
    if args.watch {
        return match watch::run(system, target, args.json, interval, tick) {
            // This is how the user ends it.
            Err(report) if report.is::<signal::Interrupted>() || report::reader_left(&report) => {
                Ok(0)
            }
            ended => ended,
        };
    }
    let mut inspector = Inspector::new(system, target, 1)?;
    match args.nodes {
        true => inspector.look_for_nodes(tick)?,
        false => inspector.look_at_devices(tick)?,
    }
    let (survey, found) = gather(system, &inspector)?;
    report::say(match args.json {
        true => format!("{}\n", json::of(&survey, &found, args.nodes)),
        false => text::of(&survey, &found, args),
    })?;
    let troubled = |volume: &Inspected| volume.trouble.is_some() || volume.region.seen.is_err();
    Ok(u8::from(found.iter().any(troubled)))
}

/// Gathers all that is known now.
pub(super) fn gather(system: &System, inspector: &Inspector) -> Result<(Survey, Vec<Inspected>)> {
    let found = inspector.inspected()?;
    let names: Vec<_> = found.iter().map(|volume| volume.region.uuid).collect();
    let mut survey = Survey::gather(system, &names)?;
    if *inspector.target() != Target::All {
        survey.left.retain(|(uuid, _)| names.contains(uuid));
    }
    Ok((survey, found))
}
