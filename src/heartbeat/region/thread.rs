//! The state of the heartbeat thread of a half-started region.

use super::Region;
use crate::host::{System, is_absent, process, read_attribute};
use eyre::{Result, WrapErr};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::time::Duration;

/// A thread heartbeats, sleeps until 2 s after it began to (O2HB_REGION_TIMEOUT_MS in
/// fs/ocfs2/cluster/heartbeat.h), and only then ends because its start was cut off.
const SHORTEST_LIFE: Duration = Duration::from_secs(2);

/// The heartbeat thread of a half-started region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thread {
    /// The kernel has no thread: the region may be removed.
    None,
    /// The thread runs: the region may be removed meanwhile.
    Running(u32),
    /// The thread has ended, or may have, and the kernel still holds its address (see `REPAIRED`):
    /// any use of the region may panic the machine. `pid` then shows what happens to be in that
    /// memory: the old number, another process's, or nothing.
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

    /// Returns whether `pid` is the region's thread: by its name, which older kernels cut to 15
    /// bytes, and as a kernel thread. Another process may have the number by now, or the memory
    /// that `pid` is read from, and the same name.
    fn is_thread(&self, pid: u32) -> bool {
        let wanted = format!("o2hb-{}", self.name);
        process::kernel_thread(self.system, pid)
            .is_some_and(|name| name.len() >= 15 && wanted.starts_with(&name))
    }

    /// Returns whether there may have been a thread though `pid` is empty. There is none before the
    /// geometry is set, and one made since the region was absent cannot have ended yet.
    fn may_hide_a_thread(&self) -> Result<bool> {
        let absent_at = self.absent_at.get();
        let absent_just_now = absent_at.is_some_and(|at| at.elapsed() < SHORTEST_LIFE);
        if absent_just_now || self.geometry()?.is_none() {
            return Ok(false);
        }
        holds_dead_threads(self.system)
            .wrap_err_with(|| format!("looking at the heartbeat region {}", self.name))
    }
}

/// Explains to the user a half-started region whose thread has ended, and what to do.
pub const REBOOT: &str = "on this kernel any use of it may panic the machine (reboot this node when \
    it suits you; kernels from 6.1.191, 6.12.114 and 7.1 on are repaired)";

/// The first version of each series that has "ocfs2/heartbeat: fix slot mapping rollback leaks on
/// error paths", by the changelogs of Debian's kernels up to 5.10.262, 6.1.192, 6.12.117 and 7.3.4
/// and by their sources. 7.1 and all later ones have it; of other series this is unknown.
const REPAIRED: [[u32; 3]; 2] = [[6, 1, 191], [6, 12, 114]];
const REPAIRED_SINCE: [u32; 2] = [7, 1];
/// The version since which an interrupted start leaves its thread running.
const BROKEN_SINCE: [u32; 2] = [3, 1];
/// A function that came with the fix. Where it exists, the version does not matter; a compiler may
/// inline it into its callers.
const REPAIR: &str = "o2hb_unmap_slot_data";

/// Returns whether this kernel holds the address of a thread whose start was aborted.
fn holds_dead_threads(system: &System) -> io::Result<bool> {
    if has_symbol(system, REPAIR)? {
        return Ok(false);
    }
    let read = |name| read_attribute(&system.path(name)).map(Option::unwrap_or_default);
    let release = read("/proc/sys/kernel/osrelease")?;
    // Debian's release is 6.1.0-49-amd64, and the rest is here: ... Debian 6.1.192-1 ...
    let build = read("/proc/sys/kernel/version")?;
    let Some(running) = numbers(&release) else {
        return Ok(true);
    };
    let [major, minor, _] = running;
    let mut versions = build
        .split_whitespace()
        .filter_map(numbers)
        .filter(|other| other.starts_with(&[major, minor]));
    Ok(!(is_sound(running) || versions.any(is_sound)))
}

fn is_sound(version: [u32; 3]) -> bool {
    let [major, minor, _] = version;
    let series = [major, minor];
    series < BROKEN_SINCE
        || series >= REPAIRED_SINCE
        || REPAIRED
            .iter()
            .any(|first| first.starts_with(&series) && version >= *first)
}

/// Returns whether the running kernel, or a module in it, has a function of this name. Kernels
/// without CONFIG_KALLSYMS show none.
fn has_symbol(system: &System, name: &str) -> io::Result<bool> {
    let symbols = match File::open(system.path("/proc/kallsyms")) {
        Err(error) if is_absent(&error) => return Ok(false),
        symbols => symbols?,
    };
    for line in BufReader::new(symbols).lines() {
        if line?.split_whitespace().nth(2) == Some(name) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Parses the numbers of `6.1.192-1` or `6.12.117+deb13-amd64`.
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
