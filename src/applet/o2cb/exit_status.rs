//! Exit codes of commands that report more than failure.

use crate::report::{Failure, Usage, lacks_permission};
use eyre::Report;

/// An exit with a code of its own.
#[derive(Debug)]
pub(super) struct Ends {
    code: u8,
    why: String,
}

impl Ends {
    /// The code for `online-status`, as in the C tools' script.
    pub(super) const OFFLINE: u8 = 1;
    /// The LSB's code for `status` of a service that does not run.
    pub(super) const NOT_RUNNING: u8 = 3;
    /// The LSB's code for a service that is not set up to run.
    pub(super) const NOT_CONFIGURED: u8 = 6;

    pub(super) fn new(code: u8, why: String) -> Self {
        Self { code, why }
    }

    /// Exits without a message: standard output has the answer.
    pub(super) fn silently(code: u8) -> Report {
        Report::new(Self::new(code, String::new()))
    }
}

sentence!(Ends(it) => "{}", it.why);

/// The exit code of a command whose failure has no code of its own.
#[derive(Debug, Clone, Copy)]
pub(super) enum Codes {
    /// The C tool's code: 1.
    Plain,
    /// The LSB's codes for actions of init scripts: 2 for wrong usage, 4 for a lack of permission.
    Action,
    /// The LSB's code for `status`: 4, unknown.
    Status,
    /// A question's code: 2, unknown. The C tools' script has it for `online-status`.
    Question,
}

impl Codes {
    pub(super) fn of(self, report: Report) -> Failure {
        let code = match (report.downcast_ref::<Ends>(), self) {
            (Some(ends), _) if ends.why.is_empty() => return Failure::silent(ends.code),
            (Some(ends), _) => ends.code,
            (None, Self::Question) => 2,
            (None, Self::Status) => 4,
            (None, Self::Action) if report.is::<Usage>() => 2,
            (None, Self::Action) if lacks_permission(&report) => 4,
            _ => 1,
        };
        Failure::new(code, report)
    }
}
