//! What a user sees of a wait.

use crate::heartbeat::Wait;
use crate::report;
use eyre::Result;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Tells of waits: once a second on a terminal, with `-v` once each, else not at all.
pub struct Progress {
    device: PathBuf,
    verbose: bool,
    terminal: bool,
    told: Option<Wait>,
    seconds: Option<u64>,
}

impl Progress {
    /// For a wait for the heartbeat of `device`.
    pub fn new(verbose: bool, device: &Path) -> Self {
        Self {
            device: device.to_owned(),
            verbose,
            terminal: io::stderr().is_terminal(),
            told: None,
            seconds: None,
        }
    }

    /// A wait goes on.
    pub fn show(&mut self, wait: Wait, since: Duration) -> Result<()> {
        let what = match wait {
            Wait::Lock => "waiting for another process that works on the same volume",
            Wait::Steady => "waiting for the heartbeat, some 8 s",
            Wait::Daemon => "waiting for the control daemon",
            Wait::Peers => "waiting for the other nodes, to lock together with them",
            Wait::Slots => "looking whether another node beats, some 3 s",
        };
        if self.terminal {
            if self.seconds.replace(since.as_secs()) != Some(since.as_secs()) {
                let (device, seconds) = (self.device.display(), since.as_secs());
                report::show_passing(format_args!("{device}: {what}: {seconds} s"));
            }
        } else if self.verbose && self.told.replace(wait) != Some(wait) {
            report::warn(format_args!("{}: {what}", self.device.display()));
        }
        Ok(())
    }

    /// Over: the terminal's line is free again.
    pub fn clear(&mut self) {
        if self.seconds.take().is_some() {
            report::show_passing("");
        }
    }
}
