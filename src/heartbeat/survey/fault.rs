//! What may be wrong with a region.

use super::{Condition, Party, Seen};
use crate::heartbeat::Thread;

/// What is wrong with a region, or may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It was made and does not beat.
    HalfStarted(Thread),
    /// It is not there, and its semaphores are, with so many references.
    NoRegion(u32),
    /// The device that it beats on is gone.
    DeviceGone,
    /// It beats, and nobody is seen that uses it.
    Idle,
    /// A reference is marked as the superblock's, and the volume is not mounted.
    MarkStale,
    /// The volume is mounted, and has no reference: only the pin keeps its heartbeat.
    Uncounted,
    /// So many references belong to no mount and to no process that is seen: those of
    /// `ocfs2_hb_ctl -S` are such, and those that were lost.
    Unowned(u32),
}

impl Seen {
    /// All that is wrong with it.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        match self.condition() {
            Condition::Absent => {
                // A process that has their lock may be about to make the region.
                if let Ok(Some(counters)) = &self.counters
                    && counters.locked_by.is_none()
                {
                    faults.push(Fault::NoRegion(counters.references));
                }
                return faults;
            }
            Condition::HalfStarted(thread) => faults.push(Fault::HalfStarted(thread)),
            Condition::Idle => faults.push(Fault::Idle),
            Condition::Beating => {}
        }
        if !self.device_there {
            faults.push(Fault::DeviceGone);
        }
        // With global heartbeat nobody counts.
        if self.global {
            return faults;
        }
        if self.is_mark_stale() {
            faults.push(Fault::MarkStale);
        }
        let Ok(counters) = &self.counters else {
            return faults;
        };
        let references = self.references().unwrap_or_default();
        if self.is_mounted() && references == 0 {
            faults.push(Fault::Uncounted);
        }
        let Some(counters) = counters else {
            return faults;
        };
        let superblocks = u32::from(self.is_mounted() || self.marked() == Some(true));
        let others = references.saturating_sub(superblocks + counters.held);
        if others > 0 && matches!(counters.stranger, None | Some(Party::Ended(_))) {
            faults.push(Fault::Unowned(others));
        }
        faults
    }
}
