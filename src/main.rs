//! The entry point: `argv` goes to the applet table, which returns the exit code.
#![no_main]
#![deny(unsafe_code)]

use libc::{c_char, c_int};
use ocfs2box::host::System;
use ocfs2box::{applet, syscall};

/// The C library's entry point: see [`syscall::start`].
#[allow(unsafe_code)]
// SAFETY: there is no other symbol of this name.
#[unsafe(no_mangle)]
extern "C" fn main(count: c_int, values: *const *const c_char) -> c_int {
    // SAFETY: the C library calls this with the arguments of the command line.
    let argv = unsafe { syscall::start::arguments(count, values) };
    applet::main(&System::real(), &argv).into()
}
