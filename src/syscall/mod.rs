//! The system calls that rustix lacks, behind safe and typed functions.
//!
//! The only directory where `unsafe` may stand. Each call's result becomes an
//! [`std::io::Error`] at once; no flag word or raw number leaves a file.
#![allow(unsafe_code)]

pub mod fork;
pub mod ioprio;
pub mod program;
pub mod sched;
pub mod sem;
pub mod signal;
pub mod socket;
pub mod start;

/// The time that a socket waits at once is over, or a signal has ended it: it is taken up again.
pub fn is_pause(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

/// What a C function that answers -1 on failure answered.
fn checked(answer: libc::c_int) -> std::io::Result<libc::c_int> {
    if answer == -1 {
        Err(std::io::Error::last_os_error())
    } else {
        Ok(answer)
    }
}
