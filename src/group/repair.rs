//! Repairs what killed programs, removed disks and leaks have left of heartbeats.

use crate::cluster::registered::RegisteredCluster;
use crate::heartbeat::survey::Survey;
use crate::heartbeat::{Heartbeat, RepairMode, RepairOutcome, RepairReport};
use crate::host::System;
use crate::ids::Uuid;
use crate::syscall::fork;
use eyre::{Result, eyre};
use std::time::Duration;

/// Per region: the wait for the process that works on it, and the kernel's wait for the disk.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Repairs the heartbeat of `volume`, or all of this node, and reports on each. One whose state
/// cannot be determined holds up no other.
///
/// Sets of semaphores without a region are found for `volume`, and for volumes that udev(7) shows:
/// a set does not show its volume's name.
///
/// # Errors
/// The regions cannot be listed.
pub fn repair(
    system: &System,
    volume: Option<Uuid>,
    mode: RepairMode,
    tell: &mut dyn FnMut(Uuid, Result<RepairReport>) -> Result<()>,
) -> Result<()> {
    let live = RegisteredCluster::if_loaded(system)?;
    let names = match volume {
        Some(name) => vec![name],
        None => {
            let survey = Survey::gather(system, &[])?;
            let regions = survey.regions.iter().map(|region| region.uuid);
            regions
                .chain(survey.left.iter().map(|(name, _)| *name))
                .collect()
        }
    };
    for name in names {
        let heartbeat = Heartbeat::of(system, live.as_ref(), name);
        let report = match mode {
            RepairMode::DryRun => heartbeat.repair(mode),
            // In this process, as a warning in a child would be lost.
            RepairMode::Repair => heartbeat
                .evict_stranger()
                .and_then(|()| repair_in_child(&heartbeat)),
        };
        tell(name, report)?;
    }
    Ok(())
}

/// Repairs in a child: neither the kernel's wait for a disk nor a kill of this process cuts it off.
fn repair_in_child(heartbeat: &Heartbeat) -> Result<RepairReport> {
    let report = fork::call_in_child(TIMEOUT, || heartbeat.repair(RepairMode::Repair))?;
    report.ok_or_else(|| {
        eyre!(
            "mending it has not ended within {} s, and goes on (its disk does not answer)",
            TIMEOUT.as_secs()
        )
    })
}

message!(struct RepairReport { outcome, text });
message!(enum RepairOutcome { 0 = Sound, 1 = Repaired, 2 = LeftAlone });
