//! Where a volume is mounted, in every mount namespace that a process lives in.

use super::System;
use super::mounts::{self, DeviceNumber};
use eyre::{Result, WrapErr};
use std::fmt;
use std::fs;
use std::path::PathBuf;

/// One mount point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// As its own mount namespace shows it.
    pub point: PathBuf,
    /// A process of the namespace; none for that of this process.
    pub process: Option<u32>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let point = self.point.display();
        match self.process {
            None => write!(f, "{point}"),
            Some(pid) => write!(f, "{point} of process {pid} (another mount namespace)"),
        }
    }
}

/// As the user sees them.
pub fn listed(places: &[Place]) -> String {
    let places: Vec<_> = places.iter().map(Place::to_string).collect();
    places.join(", ")
}

/// The mount points of a device's superblock. A namespace that no process lives in any more,
/// but that a file keeps, is not seen; nor is a mount that was taken out of sight.
pub fn of(system: &System, device: DeviceNumber) -> Result<Vec<Place>> {
    let own = fs::read_link(system.path("/proc/self/ns/mnt")).ok();
    let mut places = on(mounts::points_of(system, device)?, None);
    let mut seen: Vec<_> = own.into_iter().collect();
    for pid in super::processes(system).wrap_err("listing the processes")? {
        let folder = system.path(format!("/proc/{pid}"));
        // It may have ended meanwhile, or be a kernel thread's.
        let Ok(namespace) = fs::read_link(folder.join("ns/mnt")) else {
            continue;
        };
        if seen.contains(&namespace) {
            continue;
        }
        if let Ok(table) = fs::read(folder.join("mountinfo")) {
            seen.push(namespace);
            places.extend(on(mounts::points_in(&table, device), Some(pid)));
        }
    }
    Ok(places)
}

fn on(points: Vec<PathBuf>, process: Option<u32>) -> Vec<Place> {
    let points = points.into_iter();
    points.map(|point| Place { point, process }).collect()
}
