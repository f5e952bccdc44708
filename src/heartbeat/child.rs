//! Runs in a child what may remove a region. The child holds the region's lock to the end even
//! where the caller has given up, or was killed.

use super::{Heartbeat, LeaveOutcome};
use crate::syscall::fork;
use eyre::{Result, eyre};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

/// Bounds the removal of another region (`REMOVAL_TIMEOUT`), and the kernel's own wait for the
/// heartbeat's thread.
const TIMEOUT: Duration = Duration::from_secs(35);

impl Heartbeat<'_> {
    /// Runs `work` in a child and waits for its end within bounds; a child just runs it.
    ///
    /// # Errors
    /// The child has not ended in time and goes on: names the removal that hangs.
    pub fn in_child(&self, work: &dyn Fn(&Self) -> Result<LeaveOutcome>) -> Result<LeaveOutcome> {
        if fork::is_child() {
            return work(self);
        }
        let timeout = self.system.pause(TIMEOUT);
        match fork::call_in_child(timeout, || Ok(to_bytes(&work(self)?)))? {
            Some(bytes) => from_bytes(&bytes),
            None => Err(self.late(timeout)),
        }
    }

    pub(super) fn late(&self, timeout: Duration) -> eyre::Report {
        let hung = self.system.hung_removal().unwrap_or_else(|| {
            "another process works on the region, or its device does not answer".into()
        });
        eyre!(
            "it has not ended within {} s, and goes on: {hung}",
            timeout.as_secs()
        )
    }
}

fn to_bytes(left: &LeaveOutcome) -> Vec<u8> {
    match left {
        LeaveOutcome::Stopped => b"s".into(),
        LeaveOutcome::NothingThere => b"n".into(),
        LeaveOutcome::StillAlive => b"a".into(),
        LeaveOutcome::InUse => b"u".into(),
        LeaveOutcome::StillMounted(points) => {
            let points = points.iter().map(|point| point.as_os_str().as_bytes());
            let points: Vec<_> = points.collect();
            [b"m", &points.join(&0)[..]].concat()
        }
    }
}

fn from_bytes(bytes: &[u8]) -> Result<LeaveOutcome> {
    match bytes {
        b"s" => Ok(LeaveOutcome::Stopped),
        b"n" => Ok(LeaveOutcome::NothingThere),
        b"a" => Ok(LeaveOutcome::StillAlive),
        b"u" => Ok(LeaveOutcome::InUse),
        [b'm', points @ ..] => {
            let points = points.split(|&byte| byte == 0);
            let path = |point: &[u8]| PathBuf::from(std::ffi::OsString::from_vec(point.to_vec()));
            Ok(LeaveOutcome::StillMounted(points.map(path).collect()))
        }
        _ => Err(eyre!("the process that leaves says nothing")),
    }
}
