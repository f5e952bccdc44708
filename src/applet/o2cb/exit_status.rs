//! Exit codes of failures.

use crate::report::{Failure, Usage, lacks_permission};
use eyre::Report;

/// The reason why `start` brings nothing up: the file at this path does not enable it.
#[derive(Debug)]
pub(super) struct NotConfigured(pub(super) &'static str);

sentence!(NotConfigured(it) => "not started: O2CB_ENABLED is not true in {} (run: o2cb enable)", it.0);

/// The exit codes of a command's failures.
#[derive(Debug, Clone, Copy)]
pub(super) enum Codes {
    /// The C tool's code: 1.
    Plain,
    /// The LSB's codes for actions of init scripts: 2 for wrong usage, 4 for a lack of permission,
    /// 6 for a service that is not set up to run.
    Action,
    /// The LSB's code for `status`: 4, unknown.
    Status,
    /// A question's code: 2, unknown. The C tools' script has it for `online-status`.
    Question,
}

impl Codes {
    pub(super) fn of(self, report: Report) -> Failure {
        let code = match self {
            Self::Question => 2,
            Self::Status => 4,
            Self::Action if report.is::<Usage>() => 2,
            Self::Action if lacks_permission(&report) => 4,
            Self::Action if report.is::<NotConfigured>() => 6,
            Self::Plain | Self::Action => 1,
        };
        Failure::new(code, report)
    }
}
