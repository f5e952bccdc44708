//! Repairs what killed programs, removed disks and leaks have left of heartbeats: removes what is
//! of no use, and reports why the rest stays.

use super::survey::{Party, Remedy, Snapshot, Survey};
use super::{Heartbeat, LeaveCause, LeaveOutcome, POLL_INTERVAL, State, child};
use crate::cluster::registered::RegisteredCluster;
use crate::host::System;
use crate::ids::Uuid;
use eyre::{Result, WrapErr, bail};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Longer than the start of a heartbeat, during which the region is locked.
const LOCK_TIMEOUT: Duration = Duration::from_secs(20);
/// Per region: the wait for the process that works on it, and the kernel's wait for the disk.
const TIMEOUT: Duration = Duration::from_secs(60);

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

/// Repairs the heartbeat of `volume`, or all of this node, and reports on each. A `dry_run` only
/// reports what would be repaired. One whose state cannot be determined holds up no other.
///
/// Sets of semaphores without a region are found for `volume`, and for volumes that udev(7) shows:
/// a set does not show its volume's name.
///
/// # Errors
/// The regions cannot be listed.
pub fn repair(
    system: &System,
    volume: Option<Uuid>,
    dry_run: bool,
    tell: &mut dyn FnMut(Uuid, Result<RepairReport>) -> Result<()>,
) -> Result<()> {
    let live = RegisteredCluster::if_loaded(system)?;
    let names = match volume {
        Some(name) => vec![name],
        None => {
            let survey = Survey::gather(system, &[])?;
            let regions = survey.regions.iter().map(|region| region.uuid);
            let left = survey.left.iter().map(|(name, _)| *name);
            regions.chain(left).collect()
        }
    };
    for name in names {
        let heartbeat = Heartbeat::of(system, live.as_ref(), name);
        let report = match dry_run {
            true => heartbeat.would_repair(),
            false => heartbeat.repair_in_child(),
        };
        tell(name, report)?;
    }
    Ok(())
}

impl Heartbeat<'_> {
    /// Repairs in a child: neither the kernel's wait for a disk nor a kill of this process cuts it
    /// off.
    fn repair_in_child(&self) -> Result<RepairReport> {
        // In this process, as a warning in a child would be lost.
        let evicted = self.references.evict().map(drop);
        evicted.wrap_err("removing the semaphores of another user")?;
        child::call(self.system, TIMEOUT, "repairing it", || self.repair())
    }

    /// Reports what a repair would do. Waits for a process that works on the region.
    fn would_repair(&self) -> Result<RepairReport> {
        let started = Instant::now();
        loop {
            let found = self.snapshot_to_act(None)?;
            if !is_busy(&found) {
                return Ok(self.report(&found, "would be "));
            }
            self.check_timeout(started.elapsed())?;
            sleep(POLL_INTERVAL);
        }
    }

    /// Repairs the region and its references. Waits for a process that works on the region.
    ///
    /// # Errors
    /// The state cannot be determined, as a process works on the region and does not end; or the
    /// kernel refuses.
    fn repair(&self) -> Result<RepairReport> {
        let name = self.region.name();
        let mut found = self.snapshot_to_act(None)?;
        let needs_work = matches!(found.remedy(name), Remedy::Remove | Remedy::PutSuperblock);
        if !(needs_work || is_busy(&found)) {
            return Ok(self.report(&found, ""));
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
        if since < LOCK_TIMEOUT {
            return Ok(());
        }
        let found = self.snapshot_to_act(None)?;
        let holder = match found.locked_by() {
            Some(Party::Running(pid, _) | Party::Ended(pid)) => *pid,
            Some(Party::Unseen) | None => 0,
        };
        bail!(
            "process {holder} has been working on it for {} s (try again when that has ended)",
            LOCK_TIMEOUT.as_secs()
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

/// Returns whether a process works on the region, and the repair may depend on what it does.
fn is_busy(found: &Snapshot) -> bool {
    found.locked_by().is_some() && (found.state == State::Absent || !found.faults().is_empty())
}

fn kept(found: &Snapshot, why: &str) -> RepairReport {
    RepairReport {
        outcome: RepairOutcome::LeftAlone,
        text: format!("{}: left alone: {why}", complaint(found)),
    }
}

/// Describes the fault that matters most.
fn complaint(found: &Snapshot) -> String {
    let worst = found.faults().into_iter().next();
    worst.map_or(String::new(), |fault| found.describe(fault))
}

message!(struct RepairReport { outcome, text });
message!(enum RepairOutcome { 0 = Sound, 1 = Repaired, 2 = LeftAlone });
