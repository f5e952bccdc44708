//! Where a volume is mounted, in every mount namespace that a process lives in.

use super::System;
use super::mounts::{self, DeviceNumber, Mount};
use eyre::{Result, WrapErr};
use std::fmt;
use std::fs;
use std::path::PathBuf;

/// One mount point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its path in its own mount namespace.
    pub point: PathBuf,
    /// A process of the namespace; none for that of this process.
    pub process: Option<u32>,
    /// The superblock takes no writes.
    pub read_only: bool,
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

/// Lists the mount points as the user sees them.
pub fn listed(places: &[Place]) -> String {
    let places: Vec<_> = places.iter().map(Place::to_string).collect();
    places.join(", ")
}

/// Returns the mount points of a device's superblock.
pub fn of(system: &System, device: DeviceNumber) -> Result<Vec<Place>> {
    places(system, &|mount| mount.is_volume_on(device))
}

/// Returns the mount points of all volumes that belong to a cluster.
pub fn of_clusters(system: &System) -> Result<Vec<Place>> {
    places(system, &|mount| mount.kind == "ocfs2" && mount.has_group())
}

/// Returns the mount points of the `wanted` mounts. A namespace without a process, which only a
/// file keeps, is not visible; nor is a detached (lazily unmounted) mount.
fn places(system: &System, wanted: &dyn Fn(&Mount) -> bool) -> Result<Vec<Place>> {
    let own = fs::read_link(system.path("/proc/self/ns/mnt")).ok();
    let mut tables = vec![(None, mounts::visible(system)?)];
    let mut seen: Vec<_> = own.into_iter().collect();
    for pid in super::processes(system).wrap_err("listing the processes")? {
        let directory = system.path(format!("/proc/{pid}"));
        // The process may have ended meanwhile, or be a kernel thread.
        let Ok(namespace) = fs::read_link(directory.join("ns/mnt")) else {
            continue;
        };
        if seen.contains(&namespace) {
            continue;
        }
        if let Ok(table) = fs::read(directory.join("mountinfo")) {
            seen.push(namespace);
            tables.push((Some(pid), mounts::parse(&table)));
        }
    }
    let places = tables.into_iter().flat_map(|(process, mounts)| {
        let mounts = mounts.into_iter().filter(wanted);
        mounts.map(move |mount| Place {
            read_only: mount.is_read_only(),
            point: mount.point,
            process,
        })
    });
    Ok(places.collect())
}
