//! Errors without a backtrace.

use std::error::Error;
use std::fmt;

/// Makes later reports have no backtrace, whatever `RUST_BACKTRACE` is: the executable has no
/// tables to unwind by, and an attempt would end it.
pub fn install() {
    // A program that uses the library may have installed another hook.
    let _ = eyre::set_hook(Box::new(|_| Box::new(Plain)));
}

struct Plain;

impl eyre::EyreHandler for Plain {
    fn debug(&self, error: &(dyn Error + 'static), f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.display(error, f)
    }
}
