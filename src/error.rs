//! Types and errors whose text is one sentence, and the system error in a report.

use eyre::{Report, Result, eyre};
use rustix::io::Errno;
use std::io;

/// Displays a type as the text of a format string: `display!(Late(it) => "{} s late", it.0)`.
macro_rules! display {
    ($type:ident $(($it:ident))? => $($text:tt)+) => {
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $(let $it = self;)?
                write!(f, $($text)+)
            }
        }
    };
}

/// Makes a type an error with such a text.
macro_rules! sentence {
    ($type:ident $($text:tt)+) => {
        display!($type $($text)+);

        impl std::error::Error for $type {}
    };
}

/// Fails if there is an error: one alone as it is, several with the texts of all.
pub fn none_of(errors: Vec<Report>) -> Result<()> {
    let all = errors.into_iter();
    let all = all.reduce(|all, next| eyre!("{all:#}; {next:#}"));
    all.map_or(Ok(()), Err)
}

/// Returns the system error in the chain of `report`.
pub fn errno(report: &Report) -> Option<Errno> {
    report.chain().find_map(|cause| {
        if let Some(errno) = cause.downcast_ref::<Errno>() {
            return Some(*errno);
        }
        let error = cause.downcast_ref::<io::Error>()?;
        match (Errno::from_io_error(error), error.kind()) {
            (Some(errno), _) => Some(errno),
            (None, io::ErrorKind::PermissionDenied) => Some(Errno::PERM),
            (None, io::ErrorKind::OutOfMemory) => Some(Errno::NOMEM),
            _ => None,
        }
    })
}
