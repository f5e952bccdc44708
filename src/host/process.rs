//! The processes of the machine.

use super::System;
use std::fs;

/// PF_KTHREAD in include/linux/sched.h, which no process can set.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// Returns a process's name; none if it has ended, also as a zombie. A later process with the same
/// number looks the same.
pub fn living(system: &System, pid: u32) -> Option<String> {
    Some(look(system, pid)?.0)
}

/// Returns the name of a kernel thread while it runs; none for any other process. Only such a name
/// proves anything: every other process can choose its own.
pub fn kernel_thread(system: &System, pid: u32) -> Option<String> {
    let (name, flags) = look(system, pid)?;
    (flags & KERNEL_THREAD != 0).then_some(name)
}

/// Returns a process's name and flags, unless it has ended.
fn look(system: &System, pid: u32) -> Option<(String, u64)> {
    let stat = fs::read(system.path(format!("/proc/{pid}/stat"))).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    // The state follows the name, which is in parentheses and may hold any text.
    let (head, state) = stat.rsplit_once(") ")?;
    let (_, name) = head.split_once('(')?;
    let flags = state.split(' ').nth(6).and_then(|flags| flags.parse().ok());
    (!state.starts_with(['Z', 'X'])).then(|| (name.to_owned(), flags.unwrap_or(0)))
}
