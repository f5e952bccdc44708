//! What Rust's runtime does before `main`, as far as this program needs it. The runtime itself
//! brings some 140 KB of the C library along, for a message about an overflown stack, and makes
//! system calls that can fail before an error can be reported.

use eyre::{Result, WrapErr};
use std::ffi::{CStr, OsStr, OsString};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::os::unix::ffi::OsStrExt;

/// Returns the words of `argv`, with which C calls `main`.
///
/// # Safety
/// `values` leads to `count` pointers to C strings, which live on.
pub unsafe fn arguments(count: libc::c_int, values: *const *const libc::c_char) -> Vec<OsString> {
    let count = usize::try_from(count).unwrap_or(0);
    (0..count)
        .map(|at| {
            // SAFETY: as the caller has promised.
            let word = unsafe { CStr::from_ptr(*values.add(at)) };
            OsStr::from_bytes(word.to_bytes()).to_owned()
        })
        .collect()
}

/// Prepares the process. Descriptors 0, 1 and 2 are open, so that no device that is opened later
/// becomes standard output. A reader that has gone is an error instead of a signal.
///
/// # Errors
/// /dev/null is required and cannot be opened.
pub fn prepare() -> Result<()> {
    for standard in 0..=2 {
        // SAFETY: integers alone.
        if unsafe { libc::fcntl(standard, libc::F_GETFD) } != -1 {
            continue;
        }
        // The lowest free number is this one.
        let null = super::null().wrap_err("opening /dev/null")?;
        if null.as_raw_fd() == standard {
            // SAFETY: the descriptor is this process's own.
            unsafe { libc::fcntl(null.into_raw_fd(), libc::F_SETFD, 0) };
        }
    }
    super::signal::ignore_broken_pipes().wrap_err("ignoring SIGPIPE")
}
