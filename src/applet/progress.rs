//! What a user sees of a wait.

use crate::heartbeat::{Wait, Watch};
use crate::report;
use crate::syscall::fork::{self, Companion};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The time after which a wait without an end is reported unasked.
const UNTOLD: Duration = Duration::from_secs(5);

/// Reports waits: once a second on a terminal; once each with `-v`, or if they have no end; else
/// not at all.
pub struct Progress {
    subject: PathBuf,
    verbose: bool,
    terminal: bool,
    told: String,
    seconds: Option<u64>,
}

impl Progress {
    /// Makes a reporter of waits that concern `subject`, a device or a cluster.
    pub fn new(verbose: bool, subject: &Path) -> Self {
        Self {
            subject: subject.to_owned(),
            verbose,
            terminal: io::stderr().is_terminal(),
            told: String::new(),
            seconds: None,
        }
    }

    /// Runs `work`, which waits, and reports what it waits for until it returns.
    pub fn during<T>(&mut self, work: impl FnOnce(&mut Watch) -> T) -> T {
        let done = work(&mut |wait, since| {
            // No timeout bounds these: the user ends them.
            let open = matches!(wait, Wait::Daemon | Wait::Group) && since > UNTOLD;
            self.note(text(wait), since, open);
            Ok(())
        });
        self.clear();
        done
    }

    /// Reports any other wait, which `what` names.
    pub fn tell(&mut self, what: &str, since: Duration) {
        self.note(what, since, false);
    }

    fn note(&mut self, what: &str, since: Duration, open: bool) {
        if self.terminal {
            if self.seconds.replace(since.as_secs()) != Some(since.as_secs()) {
                let (subject, seconds) = (self.subject.display(), since.as_secs());
                report::show_passing(Some(format_args!("{subject}: {what}: {seconds} s")));
            }
        } else if (self.verbose || open) && self.told != what {
            self.told = what.to_owned();
            report::warn(format_args!("{}: {what}", self.subject.display()));
        }
    }

    /// Reports what a system call that blocks this process waits for, until the result is dropped.
    /// Best effort.
    pub fn report_blocked(&mut self, what: impl Fn() -> &'static str) -> Option<Companion> {
        let report = || {
            // The thread that clears a passing line is blocked.
            self.terminal = false;
            loop {
                std::thread::sleep(UNTOLD);
                self.note(what(), UNTOLD, true);
            }
        };
        fork::in_companion(report).ok()
    }

    /// Ends the report: the terminal's line is free again.
    pub fn clear(&mut self) {
        if self.seconds.take().is_some() {
            report::show_passing(None);
        }
    }
}

fn text(wait: Wait) -> &'static str {
    match wait {
        Wait::Lock => "waiting for another process that works on the same volume",
        Wait::Steady => "waiting for the heartbeat, some 8 s",
        Wait::Daemon => "waiting for the control daemon",
        Wait::Group => {
            "waiting for ocfs2_controld to leave the volume's group, which an interrupted call or \
             another program uses"
        }
        Wait::Peers => "waiting for the other nodes, to lock together with them",
        Wait::Slots => "looking whether another node beats, some 3 s",
    }
}
