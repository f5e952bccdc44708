//! The system calls that rustix lacks, behind safe and typed functions.
//!
//! Only this directory may contain `unsafe`. Each call's result becomes an [`std::io::Error`] at
//! once; no flag word or raw number leaves a file.
#![allow(unsafe_code)]

pub mod channel;
pub mod fork;
pub mod ioprio;
pub mod program;
pub mod sched;
pub mod sem;
pub mod signal;
pub mod socket;
pub mod start;

/// Returns whether the error only means that one wait of a socket has timed out, or was interrupted
/// by a signal: the caller waits again.
pub fn is_pause(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

/// Checks the answer of a C function that returns -1 on failure.
fn checked(answer: libc::c_int) -> std::io::Result<libc::c_int> {
    if answer == -1 {
        Err(std::io::Error::last_os_error())
    } else {
        Ok(answer)
    }
}
