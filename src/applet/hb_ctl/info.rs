//! -I: what is known of the heartbeat, for people and for programs. It changes nothing.

use super::{json, text, watch};
use crate::heartbeat::survey::Survey;
use crate::host::System;
use crate::inspect::{self, Inspected, Inspector, Target};
use crate::report::{self, Failure, Silent};
use crate::syscall::signal;
use eyre::{Report, Result, WrapErr};
use std::time::Duration;

/// How -I answers where it differs from the C tool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct View {
    pub long: bool,
    pub nodes: bool,
    pub json: bool,
    /// The interval at which the answer repeats.
    pub watch: Option<Duration>,
    /// Whether the exit code is the only answer.
    pub quiet: bool,
}

/// Whether the heartbeat is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    No = 1,
    Unknown = 2,
}

pub(super) fn show(system: &System, target: Target, view: View) -> Result<()> {
    let signals = signal::defer_termination().wrap_err("holding signals back")?;
    let tick = &mut || Ok(signals.check()?);
    if view == View::default() {
        let survey = Survey::gather(system, &[])?;
        return report::say(survey.regions.iter().map(text::brief).collect::<String>());
    }
    if let Some(interval) = view.watch {
        return match watch::run(system, target, view, interval, tick) {
            // This is how the user ends it.
            Err(report) if report.is::<signal::Interrupted>() || report::reader_left(&report) => {
                Ok(())
            }
            ended => ended,
        };
    }
    let mut inspector = Inspector::new(system, target, 1)?;
    match view.nodes {
        true => inspector.look_for_nodes(tick)?,
        false => inspector.look_at_devices(tick)?,
    }
    let (survey, found) = gather(system, &inspector)?;
    report::say(match view.json {
        true => format!("{}\n", json::of(&survey, &found, view.nodes)),
        false => text::of(&survey, &found, view),
    })?;
    let troubled = |volume: &Inspected| volume.trouble.is_some() || volume.region.seen.is_err();
    match found.iter().any(troubled) {
        true => Err(Report::new(Silent)),
        false => Ok(()),
    }
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

/// Answers --quiet.
pub(super) fn answer(system: &System, target: Target) -> Result<(), Failure> {
    match inspect::beats(system, target) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::new(Answer::No as u8, Report::new(Silent))),
        Err(report) => Err(Failure::new(Answer::Unknown as u8, report)),
    }
}
