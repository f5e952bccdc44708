//! ioprio_set(2), which neither rustix nor libc wraps.

use super::checked;
use std::io;

// linux/ioprio.h
const WHO_PROCESS: libc::c_int = 1;
const CLASS_REAL_TIME: libc::c_int = 1;
const CLASS_SHIFT: libc::c_int = 13;

/// The urgency of a process's I/O within the real-time class: 0 (most) to 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(u8);

impl Level {
    /// The most urgent one.
    pub const HIGHEST: Self = Self(0);

    /// Makes a level; `None` above 7.
    pub const fn new(level: u8) -> Option<Self> {
        if level <= 7 { Some(Self(level)) } else { None }
    }
}

/// Puts the I/O of the process or kernel thread `pid` into the real-time class.
pub fn set_real_time(pid: u32, level: Level) -> io::Result<()> {
    let pid = libc::c_int::try_from(pid).map_err(|_| io::ErrorKind::InvalidInput)?;
    let priority = CLASS_REAL_TIME << CLASS_SHIFT | libc::c_int::from(level.0);
    // SAFETY: three integers, no pointer.
    checked(unsafe { libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, pid, priority) }).map(drop)
}
