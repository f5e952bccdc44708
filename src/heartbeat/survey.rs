//! Surveys the heartbeat regions of a node. Nothing is changed, made, loaded or waited for, and no
//! device is opened.

mod counters;
mod diagnosis;
mod snapshot;

pub use counters::{Counters, Party, Sets};
pub use diagnosis::{Fault, Remedy};
pub use snapshot::Snapshot;

use super::Heartbeat;
use crate::cluster::registered::RegisteredCluster;
use crate::host::{System, list};
use crate::ids::{ClusterName, HeartbeatMode, Uuid};
use crate::report::plain;
use eyre::Result;
use std::path::PathBuf;

/// The regions of the cluster that the kernel has, and what is left of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The registered cluster. Without one, or without the drivers, there are no regions.
    pub cluster: Option<ClusterName>,
    /// The cluster's mode, or local without one. Where it is global, nothing refers to a region,
    /// and none is idle.
    pub mode: HeartbeatMode,
    /// The regions, in the order of their names.
    pub regions: Vec<Surveyed>,
    /// Sets of semaphores without a region, among those of the volumes that are known (a set's key
    /// is a checksum, which does not show the name).
    pub left: Vec<(Uuid, Counters)>,
}

/// A region. One that cannot be read hides nothing of the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surveyed {
    /// The region's name, which is its volume's.
    pub uuid: Uuid,
    /// The region's state, or a line that explains why it is unknown.
    pub seen: Result<Snapshot, String>,
}

impl Survey {
    /// Surveys all regions. `known` are volumes that may have left semaphores, besides those that
    /// udev(7) shows.
    ///
    /// # Errors
    /// The cluster or the list of its regions cannot be read.
    pub fn gather(system: &System, known: &[Uuid]) -> Result<Self> {
        let live = RegisteredCluster::if_loaded(system)?;
        let all = live.as_ref().map(|live| regions(system, live));
        let regions = all.unwrap_or(Ok(Vec::new()))?;
        let mode = live.as_ref().map(RegisteredCluster::heartbeat_mode);
        let mut names: Vec<Uuid> = Vec::new();
        for name in shown_by_udev(system).iter().chain(known) {
            let listed = names.contains(name) || regions.iter().any(|region| region.uuid == *name);
            if !listed {
                names.push(*name);
            }
        }
        let left = names.into_iter().filter_map(|name| {
            let counters = Counters::of(system, name).ok()??;
            Some((name, counters))
        });
        Ok(Self {
            left: left.collect(),
            mode: mode.unwrap_or(Ok(HeartbeatMode::Local))?,
            cluster: live.map(|live| live.name().clone()),
            regions,
        })
    }
}

/// Surveys the regions of a cluster.
///
/// # Errors
/// The list of regions cannot be read.
pub fn regions(system: &System, live: &RegisteredCluster) -> Result<Vec<Surveyed>> {
    let regions = live.regions()?.into_iter();
    let seen = |uuid| Heartbeat::new(system, live.path(), uuid).snapshot();
    Ok(regions.map(|uuid| surveyed(uuid, seen(uuid))).collect())
}

/// Surveys the region of the volume `uuid`, there or not, in whichever cluster the kernel has.
pub fn of_volume(system: &System, uuid: Uuid) -> Surveyed {
    let live = RegisteredCluster::if_loaded(system);
    let seen = live.and_then(|live| Heartbeat::of(system, live.as_ref(), uuid).snapshot());
    surveyed(uuid, seen)
}

fn surveyed(uuid: Uuid, seen: Result<Snapshot>) -> Surveyed {
    Surveyed {
        uuid,
        seen: seen.map_err(|report| plain(format_args!("{report:#}"))),
    }
}

impl Surveyed {
    /// Returns why the region, or its semaphores, could not be read.
    pub fn error(&self) -> Option<&String> {
        match self.seen.as_ref().map(|seen| &seen.counters) {
            Err(why) | Ok(Err(why)) => Some(why),
            Ok(Ok(_)) => None,
        }
    }

    /// Returns the device that the region heartbeats on, by the kernel's name for it.
    pub fn device(&self, system: &System) -> Option<PathBuf> {
        let device = self.seen.as_ref().ok()?.device()?;
        Some(system.path("/dev").join(device))
    }
}

/// Returns the UUIDs in /dev/disk/by-uuid that may be those of volumes.
fn shown_by_udev(system: &System) -> Vec<Uuid> {
    let names = list(&system.path("/dev/disk/by-uuid")).unwrap_or_default();
    let names = names.iter().filter_map(|name| name.to_str()?.parse().ok());
    names.collect()
}
