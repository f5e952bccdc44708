//! Exit codes of failures.

use crate::report::{Failure, Usage, lacks_permission};
use eyre::Report;

/// The reason why `start` brings nothing up: the file at this path does not enable it.
#[derive(Debug)]
pub(super) struct NotConfigured(pub(super) &'static str);

sentence!(NotConfigured(it) => "not started: O2CB_ENABLED is not true in {} (run: o2cb enable)", it.0);

/// A command's code for failures, and all its codes but 0 with what they mean. Without the former,
/// the LSB's codes for actions of init scripts tell causes apart.
#[derive(Clone, Copy)]
pub(super) struct Codes(Option<u8>, pub(super) &'static [(i32, &'static str)]);

/// The C tool's code.
pub(super) const PLAIN: Codes = Codes(Some(1), &[(1, "failure, or wrong usage")]);
pub(super) const CHECK_CONFIG: Codes = Codes(Some(1), &[(1, "there are findings, or failure")]);
pub(super) const CLUSTER_STATUS: Codes = Codes(Some(1), &[(1, "not online, or failure")]);
pub(super) const ACTION: Codes = Codes(None, &[FAILURE, USAGE, PERMISSION]);
pub(super) const START: Codes = Codes(None, &[FAILURE, USAGE, PERMISSION, NOT_CONFIGURED]);
/// The LSB's codes for `status`.
pub(super) const STATUS: Codes = Codes(Some(4), &[(3, "not online"), (4, "unknown")]);
/// The codes of the C tools' script for `online-status`.
pub(super) const ONLINE_STATUS: Codes = Codes(Some(2), &[(1, "offline"), (2, "unknown")]);
pub(super) const DOCTOR: Codes = Codes(Some(2), &[(1, "warnings"), (2, "errors, or failure")]);
pub(super) const DIFF: Codes = Codes(Some(2), &[(1, "there are differences"), (2, "unknown")]);

const FAILURE: (i32, &str) = (1, "failure");
const USAGE: (i32, &str) = (2, "wrong usage");
const PERMISSION: (i32, &str) = (4, "not permitted");
const NOT_CONFIGURED: (i32, &str) = (6, "O2CB_ENABLED is not true");

impl Codes {
    pub(super) fn of(self, report: Report) -> Failure {
        let code = match self.0 {
            Some(code) => code,
            None if report.is::<Usage>() => 2,
            None if lacks_permission(&report) => 4,
            None if report.is::<NotConfigured>() => 6,
            None => 1,
        };
        Failure::new(code, report)
    }
}
