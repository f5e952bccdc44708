//! Repairs a region: removes what is of no use, and reports why the rest stays.

use super::survey::{Party, Remedy, Snapshot};
use super::{Heartbeat, LeaveCause, LeaveOutcome, State};
use eyre::{Result, WrapErr, bail};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Longer than the start of a heartbeat, during which the region is locked.
const TIMEOUT: Duration = Duration::from_secs(20);
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// The result of a repair of one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairReport {
    /// The region's state now.
    pub outcome: RepairOutcome,
    /// What was found and what was done about it, as a clause for the user.
    pub text: String,
}

/// The state of a region after a repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepairOutcome {
    /// Nothing was wrong.
    Sound,
    /// What was wrong is repaired, or would be.
    Repaired,
    /// Something is wrong, or may be, and was left alone.
    LeftAlone,
}

/// How far a repair goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepairMode {
    /// Repair what may be repaired.
    Repair,
    /// Only report what would be repaired.
    DryRun,
}

impl Heartbeat<'_> {
    /// Removes a set that another user has made in the place of the region's semaphores.
    pub fn evict_stranger(&self) -> Result<()> {
        let evicted = self.references.evict().map(drop);
        evicted.wrap_err("removing the semaphores of another user")
    }

    /// Repairs the region and its references, or reports what a repair would do. Waits for a
    /// process that works on the region.
    ///
    /// # Errors
    /// The state cannot be determined, as a process works on the region and does not end; or the
    /// kernel refuses.
    pub fn repair(&self, mode: RepairMode) -> Result<RepairReport> {
        let started = Instant::now();
        let mut found = self.snapshot_to_act(None)?;
        let is_busy = |found: &Snapshot| {
            found.locked_by().is_some()
                && (found.state == State::Absent || !found.faults().is_empty())
        };
        while mode == RepairMode::DryRun && is_busy(&found) {
            self.check_timeout(started.elapsed())?;
            sleep(POLL_INTERVAL);
            found = self.snapshot_to_act(None)?;
        }
        let name = self.region.name();
        let needs_work = matches!(found.remedy(name), Remedy::Remove | Remedy::PutSuperblock);
        if mode == RepairMode::DryRun || !(needs_work || is_busy(&found)) {
            return Ok(self.report(&found, "would be "));
        }
        let locked = self.lock(&mut |_, since| self.check_timeout(since))?;
        // Only with the lock does the state no longer change.
        found = self.snapshot_to_act(Some(&locked))?;
        match found.remedy(name) {
            Remedy::PutSuperblock => locked.put_superblocks()?,
            Remedy::Remove
                if self.remove(locked, LeaveCause::Tool)? == LeaveOutcome::StillAlive =>
            {
                return Ok(kept(&found, &format!("{:#}", self.refusal())));
            }
            Remedy::Remove | Remedy::Keep(_) | Remedy::None => {}
        }
        Ok(self.report(&found, ""))
    }

    fn check_timeout(&self, since: Duration) -> Result<()> {
        if since < TIMEOUT {
            return Ok(());
        }
        let found = self.snapshot_to_act(None)?;
        let holder = match found.locked_by() {
            Some(Party::Running(pid, _) | Party::Ended(pid)) => *pid,
            Some(Party::Unseen) | None => 0,
        };
        bail!(
            "process {holder} has been working on it for {} s (try again when that has ended)",
            TIMEOUT.as_secs()
        )
    }

    fn report(&self, found: &Snapshot, would: &str) -> RepairReport {
        let (outcome, text) = match found.remedy(self.region.name()) {
            Remedy::Keep(why) => return kept(found, &why),
            Remedy::Remove | Remedy::PutSuperblock => {
                let text = format!("{}: {would}removed", complaint(found));
                (RepairOutcome::Repaired, text)
            }
            Remedy::None => {
                let why = match found.state {
                    State::Absent => "it has no heartbeat on this node",
                    _ if found.is_mounted() => "its volume is mounted",
                    _ => "it beats, and somebody uses it",
                };
                (RepairOutcome::Sound, format!("nothing wrong: {why}"))
            }
        };
        RepairReport { outcome, text }
    }
}

fn kept(found: &Snapshot, why: &str) -> RepairReport {
    RepairReport {
        outcome: RepairOutcome::LeftAlone,
        text: format!("{}: left alone: {why}", complaint(found)),
    }
}

/// Describes the fault that matters most.
fn complaint(found: &Snapshot) -> String {
    let faults = found.faults();
    faults
        .first()
        .map_or(String::new(), |fault| found.describe(*fault))
}
