//! Runs in a child what may remove a region. The child holds the region's lock to the end even
//! where the caller has given up, or was killed.

use super::{Heartbeat, LeaveOutcome};
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
        fork::call_in_child(timeout, || work(self))?.ok_or_else(|| {
            let hung = self.system.hung_removal().unwrap_or_else(|| {
                "another process works on the region, or its device does not answer".into()
            });
            let waited = timeout.as_secs();
            eyre!("it has not ended within {waited} s, and goes on: {hung}")
        })
    }
}

message!(enum LeaveOutcome {
    0 = Stopped,
    1 = NothingThere,
    2 = StillMounted(points),
    3 = StillAlive,
    4 = InUse
});
