//! Runs in a child what may remove a region. The child holds the region's lock to the end even
//! where the caller has given up, or was killed.

use super::{Heartbeat, LeaveOutcome};
use crate::host::System;
use crate::message::Message;
use crate::syscall::fork;
use eyre::{Result, eyre};
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
        call(self.system, timeout, "it", || work(self))
    }
}

/// Calls `work`, which may remove regions, in a child.
///
/// # Errors
/// The child has not ended within `timeout`: names `what`, and the removal that hangs.
pub fn call<T: Message>(
    system: &System,
    timeout: Duration,
    what: &str,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    fork::call_in_child(timeout, work)?.ok_or_else(|| {
        let hung = system.hung_removal().unwrap_or_else(|| {
            "another process works on the region, or its device does not answer".into()
        });
        let waited = timeout.as_secs();
        eyre!("{what} has not ended within {waited} s, and goes on: {hung}")
    })
}

message!(enum LeaveOutcome {
    0 = Stopped,
    1 = NothingThere,
    2 = StillMounted(points),
    3 = StillAlive,
    4 = InUse
});
