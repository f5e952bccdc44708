//! What a user sees of a wait.

use crate::heartbeat::Wait;
use crate::report;
use eyre::Result;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Tells of waits: once a second on a terminal, with `-v` once each, else not at all.
pub struct Progress {
    subject: PathBuf,
    verbose: bool,
    terminal: bool,
    told: String,
    seconds: Option<u64>,
}

impl Progress {
    /// For waits that concern `subject`, a device or a cluster.
    pub fn new(verbose: bool, subject: &Path) -> Self {
        Self {
            subject: subject.to_owned(),
            verbose,
            terminal: io::stderr().is_terminal(),
            told: String::new(),
            seconds: None,
        }
    }

    /// A wait goes on.
    pub fn show(&mut self, wait: Wait, since: Duration) -> Result<()> {
        self.tell(
            match wait {
                Wait::Lock => "waiting for another process that works on the same volume",
                Wait::Steady => "waiting for the heartbeat, some 8 s",
                Wait::Daemon => "waiting for the control daemon",
                Wait::Peers => "waiting for the other nodes, to lock together with them",
                Wait::Slots => "looking whether another node beats, some 3 s",
            },
            since,
        );
        Ok(())
    }

    /// The same, for whatever else is waited for.
    pub fn tell(&mut self, what: &str, since: Duration) {
        if self.terminal {
            if self.seconds.replace(since.as_secs()) != Some(since.as_secs()) {
                let (subject, seconds) = (self.subject.display(), since.as_secs());
                report::show_passing(format_args!("{subject}: {what}: {seconds} s"));
            }
        } else if self.verbose && self.told != what {
            self.told = what.to_owned();
            report::warn(format_args!("{}: {what}", self.subject.display()));
        }
    }

    /// Over: the terminal's line is free again.
    pub fn clear(&mut self) {
        if self.seconds.take().is_some() {
            report::show_passing("");
        }
    }
}
