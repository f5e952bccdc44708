//! Exit codes of commands that say more with them than that they failed.

use crate::report::{Failure, Silent, Usage, lacks_permission};
use eyre::Report;

/// An end that has a code of its own.
#[derive(Debug)]
pub(super) struct Ends {
    code: u8,
    why: String,
}

impl Ends {
    /// `online-status`, as the C tools' script has it.
    pub(super) const OFFLINE: u8 = 1;
    /// The LSB's, for `status` of a service that does not run.
    pub(super) const NOT_RUNNING: u8 = 3;
    /// The LSB's, for a service that is not set up to run.
    pub(super) const NOT_CONFIGURED: u8 = 6;

    pub(super) fn new(code: u8, why: String) -> Self {
        Self { code, why }
    }

    /// Standard output has said it.
    pub(super) fn silently(code: u8) -> Report {
        Report::new(Silent).wrap_err(Self::new(code, String::new()))
    }
}

sentence!(Ends(it) => "{}", it.why);

/// What a command ends with where it fails in no way of its own.
#[derive(Debug, Clone, Copy)]
pub(super) enum Codes {
    /// As the C tool does: 1.
    Plain,
    /// The LSB's for actions of init scripts: 2 for wrong usage, 4 for a lack of permission.
    Action,
    /// The LSB's for `status`: 4, it cannot be told.
    Status,
    /// A question's: 2, it cannot be told. So does the C tools' script for `online-status`.
    Question,
}

impl Codes {
    pub(super) fn of(self, report: Report) -> Failure {
        let code = match (report.downcast_ref::<Ends>(), self) {
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
