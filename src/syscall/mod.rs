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

use std::ffi::CStr;
use std::fs::File;

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
fn checked<T: Copy + Into<i64>>(answer: T) -> std::io::Result<T> {
    match answer.into() {
        -1 => Err(std::io::Error::last_os_error()),
        _ => Ok(answer),
    }
}

/// Opens /dev/null, in place of a standard file.
fn null() -> std::io::Result<File> {
    File::options().read(true).write(true).open("/dev/null")
}

/// Returns the list that execve(2) takes, which ends in a null pointer. It is valid as long as
/// `words` are.
fn pointers(words: &[&CStr]) -> Vec<*const libc::c_char> {
    let words = words.iter().map(|word| word.as_ptr());
    words.chain([std::ptr::null()]).collect()
}
