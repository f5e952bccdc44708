//! The failure of an applet: its exit code and its causes.

use super::without_numbers;
use crate::disk::NotPermitted;
use crate::error::errno;
use crate::syscall::signal::Interrupted;
use eyre::Report;
use rustix::io::Errno;
use std::fmt;

/// The exit codes that mount(8) expects from a helper.
pub mod exit {
    /// Wrong usage, or not permitted.
    pub const USAGE: u8 = 1;
    /// A system error: out of memory, descriptors or processes.
    pub const SYSTEM: u8 = 2;
    /// The user interrupted it.
    pub const INTERRUPTED: u8 = 8;
    /// The mount or unmount failed.
    pub const MOUNT: u8 = 32;
    /// `o2cb exec` has not run its command.
    pub const NOT_RUN: u8 = 125;
    /// The command cannot be executed; the shell's code.
    pub const CANNOT_EXECUTE: u8 = 126;
    /// Unknown applet or command; the shell's code for an unknown command.
    pub const NOT_FOUND: u8 = 127;
}

/// Wrong arguments; the text names which and why.
#[derive(Debug, PartialEq, Eq)]
pub struct Usage(pub String);

sentence!(Usage(it) => "{}", it.0);

/// Returns from the function with a [`Usage`] of the text of a format string.
macro_rules! bail_usage {
    ($($text:tt)+) => {
        return Err($crate::report::Usage(format!($($text)+)).into())
    };
}
pub(crate) use bail_usage;

/// The failure of an applet: a code, and nearly always a reason.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    pub(super) report: Option<Report>,
    pub(super) notes: Vec<String>,
}

impl Failure {
    /// Makes a failure with `code`, whatever the report contains.
    pub fn new(code: u8, report: Report) -> Self {
        Self {
            report: Some(report),
            ..Self::silent(code)
        }
    }

    /// Makes a failure that standard output shows already: only the exit code is left.
    pub fn silent(code: u8) -> Self {
        Self {
            code,
            report: None,
            notes: Vec::new(),
        }
    }

    /// Adds lines that follow the message, such as the kernel's own.
    pub fn with_notes(self, notes: Vec<String>) -> Self {
        Self { notes, ..self }
    }

    /// Makes a failure with the code that mount(8) has for this cause, else with `default`. A
    /// mount(2) that fails with EACCES is not the caller's lack of permission: give such a failure
    /// its code yourself.
    pub fn of(report: Report, default: u8) -> Self {
        let wrong = report.is::<Usage>() || report.is::<NotPermitted>();
        let code = match errno(&report) {
            _ if report.is::<Interrupted>() => exit::INTERRUPTED,
            _ if wrong || lacks_permission(&report) => exit::USAGE,
            Some(Errno::NOMEM | Errno::MFILE | Errno::NFILE | Errno::AGAIN) => exit::SYSTEM,
            _ => default,
        };
        Self::new(code, report)
    }

    /// Returns the exit status.
    pub fn code(&self) -> u8 {
        self.code
    }
}

impl From<Usage> for Failure {
    fn from(usage: Usage) -> Self {
        Self::new(exit::USAGE, Report::new(usage))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.report {
            Some(report) => {
                f.write_str(&without_numbers(&format!("{report:#}")))?;
                if lacks_permission(report) && !rustix::process::geteuid().is_root() {
                    f.write_str(" (only root can do this)")?;
                }
                Ok(())
            }
            None => write!(f, "exit status {}", self.code),
        }
    }
}

/// Returns whether the cause is the caller's lack of permission.
pub fn lacks_permission(report: &Report) -> bool {
    matches!(errno(report), Some(Errno::PERM | Errno::ACCESS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn codes_follow_the_chain() {
        let io = |errno: Errno| Report::new(io::Error::from(errno));
        for (report, code) in [
            (io(Errno::PERM).wrap_err("while mounting"), exit::USAGE),
            (io(Errno::ACCESS), exit::USAGE),
            (io(Errno::NOMEM), exit::SYSTEM),
            (io(Errno::MFILE).wrap_err("a").wrap_err("b"), exit::SYSTEM),
            (Report::new(Errno::AGAIN).wrap_err("fork"), exit::SYSTEM),
            (io(Errno::IO).wrap_err("x"), exit::MOUNT),
            (Report::new(Interrupted).wrap_err("x"), exit::INTERRUPTED),
            (io(Errno::INTR).wrap_err(Interrupted), exit::INTERRUPTED),
            (io(Errno::INVAL).wrap_err(Usage("u".into())), exit::USAGE),
            (
                Report::new(io::Error::from(io::ErrorKind::OutOfMemory)),
                exit::SYSTEM,
            ),
            (eyre::eyre!("plain"), exit::MOUNT),
        ] {
            let text = format!("{report:#}");
            assert_eq!(Failure::of(report, exit::MOUNT).code(), code, "{text}");
        }
    }

    #[test]
    fn a_failure_reads_as_one_line() {
        let report = Report::new(io::Error::from(Errno::NODEV)).wrap_err("/dev/x");
        let text = Failure::of(report, exit::MOUNT).to_string();
        assert_eq!(text, "/dev/x: No such device");
    }
}
