//! The processes of the machine.

use super::System;
use std::fs;

/// What a process is called; none if it has ended, of which a zombie is the rest. A later process
/// with the same number cannot be told from it.
pub fn living(system: &System, pid: u32) -> Option<String> {
    let stat = fs::read(system.path(format!("/proc/{pid}/stat"))).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    // The state follows the name, which stands in parentheses and may hold any text.
    let (head, state) = stat.rsplit_once(") ")?;
    let (_, name) = head.split_once('(')?;
    (!state.starts_with(['Z', 'X'])).then(|| name.to_owned())
}
