//! What became of the heartbeat thread of a half-started region.

use super::Region;
use crate::system::{System, process, read_attribute};
use eyre::{Result, WrapErr};
use std::time::Duration;

/// A thread beats, sleeps until 2 s after it began to (O2HB_REGION_TIMEOUT_MS in
/// fs/ocfs2/cluster/heartbeat.h), and only then ends because its start was cut off.
const SHORTEST_LIFE: Duration = Duration::from_secs(2);

/// The heartbeat thread of a half-started region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thread {
    /// The kernel knows of none: the region may be removed.
    None,
    /// It still runs: the region may be removed while it does.
    Running(u32),
    /// It has ended, or may have, and the kernel still holds its address (before 6.1.192,
    /// 6.12.117): to touch the region may panic the machine. `pid` then says what happens to be in
    /// that memory: the old number, somebody else's, or nothing.
    Ended,
}

impl Region<'_> {
    pub(super) fn thread(&self) -> Result<Thread> {
        Ok(match self.pid()? {
            Some(pid) if self.is_thread(pid) => Thread::Running(pid),
            Some(_) => Thread::Ended,
            None if self.may_hide_a_thread()? => Thread::Ended,
            None => Thread::None,
        })
    }

    /// By its name, which older kernels cut to 15 bytes, and as a thread of the kernel's: a process
    /// may have the number by now, or the memory that `pid` is read from, and the same name.
    fn is_thread(&self, pid: u32) -> bool {
        let wanted = format!("o2hb-{}", self.name);
        process::kernel_thread(self.system, pid)
            .is_some_and(|name| name.len() >= 15 && wanted.starts_with(&name))
    }

    /// `pid` is empty; may there have been a thread all the same? There is none before the geometry
    /// is set, and one that was made since the region was absent cannot have ended yet.
    fn may_hide_a_thread(&self) -> Result<bool> {
        let absent_just_now = self
            .absent_at
            .get()
            .is_some_and(|at| at.elapsed() < SHORTEST_LIFE);
        if absent_just_now || !self.geometry()?.is_set() {
            return Ok(false);
        }
        holds_dead_threads(self.system)
            .wrap_err_with(|| format!("looking at the heartbeat region {}", self.name))
    }
}

/// Does this kernel hold the address of a thread whose start was cut off? From 3.1 on, until it
/// was mended.
fn holds_dead_threads(system: &System) -> std::io::Result<bool> {
    let read = |name| read_attribute(&system.path(name)).map(Option::unwrap_or_default);
    let release = read("/proc/sys/kernel/osrelease")?;
    // Debian's release is 6.1.0-49-amd64, and the rest stands here: ... Debian 6.1.192-1 ...
    let build = read("/proc/sys/kernel/version")?;
    let Some(running) = numbers(&release) else {
        return Ok(true);
    };
    let [major, minor, _] = running;
    let mut versions = build
        .split_whitespace()
        .filter_map(numbers)
        .filter(|other| other.starts_with(&[major, minor]));
    Ok(!(is_mended(running) || versions.any(is_mended)))
}

fn is_mended(version: [u32; 3]) -> bool {
    match version {
        [6, 1, patch] => patch >= 192,
        [6, 12, patch] => patch >= 117,
        // Of other series nobody has looked which is the first; what comes after all of them has it.
        [major, minor, _] => (major, minor) < (3, 1) || major >= 8,
    }
}

/// Of `6.1.192-1` or `6.12.117+deb13-amd64`.
fn numbers(version: &str) -> Option<[u32; 3]> {
    let mut parts = version.splitn(3, '.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?.parse().ok()?;
    let patch = parts.next()?;
    let end = patch
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(patch.len());
    Some([major, minor, patch.get(..end)?.parse().ok()?])
}
