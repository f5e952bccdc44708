//! Errors without a backtrace.

use std::error::Error;
use std::fmt;

/// Has reports made without one from here on, whatever `RUST_BACKTRACE` says: the executable
/// has no tables to unwind by, and trying to would end it.
pub fn install() {
    // Somebody who uses the library may have chosen another way.
    let _ = eyre::set_hook(Box::new(|_| Box::new(Plain)));
}

struct Plain;

impl eyre::EyreHandler for Plain {
    fn debug(&self, error: &(dyn Error + 'static), f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.display(error, f)
    }
}
