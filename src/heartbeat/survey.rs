//! All that a node can tell of its heartbeat regions. Nothing is changed, made, loaded or waited
//! for, and no device is opened.

mod counters;
mod fault;
mod sets;

pub use counters::{Counters, Party};
pub use fault::Fault;
pub use sets::Sets;

use super::{Heartbeat, State, Thread};
use crate::cluster::dlmfs;
use crate::cluster::live::Live;
use crate::ids::{ClusterName, Uuid};
use crate::report::plain;
use crate::system::places::Place;
use crate::system::{System, is_there, list};
use crate::volume::Geometry;
use eyre::Result;
use std::path::PathBuf;

/// The regions of the cluster that the kernel has, and what is left of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// None is registered, or the drivers are not loaded: there are no regions.
    pub cluster: Option<ClusterName>,
    /// Regions belong to the cluster: nobody refers to them, and none is idle.
    pub global: bool,
    /// In the order of their names.
    pub regions: Vec<Surveyed>,
    /// Sets of semaphores whose regions are not there, among those of the volumes that are known
    /// (a set's key is a checksum, which does not tell the name).
    pub left: Vec<(Uuid, Counters)>,
}

/// A region. One that cannot be read hides nothing of the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surveyed {
    /// The region's name, which is its volume's.
    pub uuid: Uuid,
    /// Or a line that says why that cannot be told.
    pub seen: Result<Seen, String>,
}

/// What is seen of a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// By configfs.
    pub state: State,
    /// Its blocks as configfs has them; [`Geometry::NONE`] before somebody sets them.
    pub geometry: Geometry,
    /// The heartbeat's kernel thread, as configfs has it; the state says whether that still runs.
    pub thread: Option<u32>,
    /// The device that it beats on is among the kernel's block devices; true where it beats on none.
    pub device_there: bool,
    /// Its references. None where there is no set of semaphores; or a line that says why it cannot
    /// be read.
    pub counters: Result<Option<Counters>, String>,
    /// The driver shows the superblock: a mounted volume, in sight or not, which pins the region.
    pub mounted: bool,
    /// Where it is mounted, in all mount namespaces that can be seen.
    pub places: Vec<Place>,
    /// dlmfs has its lock domain, which pins the region.
    pub domain: bool,
    /// With global heartbeat.
    pub global: bool,
}

/// What a region does, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// It is not there.
    Absent,
    /// It beats, for somebody.
    Beating,
    /// It beats, and nobody is seen that uses it.
    Idle,
    /// It was made and does not beat.
    HalfStarted(Thread),
}

impl Survey {
    /// Of all regions. `known` are volumes that may have left semaphores beside those that
    /// udev(7) shows.
    ///
    /// # Errors
    /// The cluster or the list of its regions cannot be read.
    pub fn gather(system: &System, known: &[Uuid]) -> Result<Self> {
        let live = Live::if_loaded(system)?;
        let regions = match &live {
            Some(live) => regions(system, live)?,
            None => Vec::new(),
        };
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
            global: match &live {
                Some(live) => live.global_heartbeat()?,
                None => false,
            },
            cluster: live.map(|live| live.name().clone()),
            regions,
        })
    }
}

/// The regions of a cluster.
///
/// # Errors
/// Their list cannot be read.
pub fn regions(system: &System, live: &Live) -> Result<Vec<Surveyed>> {
    let regions = live.regions()?.into_iter();
    Ok(regions.map(|uuid| region(system, live, uuid)).collect())
}

/// The region of the volume `uuid`, there or not, in whichever cluster the kernel has.
pub fn of_volume(system: &System, uuid: Uuid) -> Surveyed {
    match Live::if_loaded(system) {
        Ok(Some(live)) => region(system, &live, uuid),
        Ok(None) => surveyed(uuid, Seen::without_region(system, uuid)),
        Err(report) => surveyed(uuid, Err(report)),
    }
}

fn region(system: &System, live: &Live, uuid: Uuid) -> Surveyed {
    surveyed(uuid, Seen::of(system, live, uuid))
}

fn surveyed(uuid: Uuid, seen: Result<Seen>) -> Surveyed {
    Surveyed {
        uuid,
        seen: seen.map_err(|report| plain(format_args!("{report:#}"))),
    }
}

impl Surveyed {
    /// The device that the region beats on, by the kernel's name for it.
    pub fn device(&self, system: &System) -> Option<PathBuf> {
        let device = self.seen.as_ref().ok()?.device()?;
        Some(system.path("/dev").join(device))
    }
}

impl Seen {
    /// No cluster is registered.
    fn without_region(system: &System, uuid: Uuid) -> Result<Self> {
        let counters = Counters::of(system, uuid);
        Ok(Self {
            state: State::Absent,
            geometry: Geometry::NONE,
            thread: None,
            device_there: true,
            counters: counters.map_err(|report| plain(format_args!("{report:#}"))),
            mounted: false,
            places: Vec::new(),
            domain: false,
            global: false,
        })
    }

    fn of(system: &System, live: &Live, uuid: Uuid) -> Result<Self> {
        let heartbeat = Heartbeat::new(system, live.path(), uuid);
        let counters = Counters::of(system, uuid);
        let thread = heartbeat.region().pid()?;
        let mut state = heartbeat.region().state()?;
        if state == State::HalfStarted(Thread::Ended)
            && thread.is_none()
            && matches!(&counters, Ok(Some(counters)) if counters.locked_by.is_some())
        {
            // Somebody who works on it may only not have come to the thread yet.
            state = State::HalfStarted(Thread::None);
        }
        let device_there = match &state {
            State::Beating(device) => !heartbeat.is_gone(device)?,
            _ => true,
        };
        let domain = match dlmfs::place(system)? {
            Some(place) => is_there(&place.join(uuid.to_string()))?,
            None => false,
        };
        Ok(Self {
            geometry: heartbeat.region().geometry()?,
            thread,
            device_there,
            counters: counters.map_err(|report| plain(format_args!("{report:#}"))),
            mounted: heartbeat.is_shown_mounted()?,
            places: heartbeat.mounted_on()?,
            domain,
            global: live.global_heartbeat()?,
            state,
        })
    }

    /// The number of references; none where it cannot be read.
    pub fn references(&self) -> Option<u32> {
        let counters = self.counters.as_ref().ok()?.as_ref();
        Some(counters.map_or(0, |counters| counters.references))
    }

    /// Is one of the references marked as the mounted superblock's? None where it cannot be told.
    pub fn marked(&self) -> Option<bool> {
        let counters = self.counters.as_ref().ok()?.as_ref();
        Some(counters.is_some_and(|counters| counters.marked == Some(true)))
    }

    /// The mark stands, and the superblock that it speaks of is not to be seen.
    pub fn is_mark_stale(&self) -> bool {
        self.marked() == Some(true) && !self.is_mounted()
    }

    /// The volume's superblock is there, in sight or out of it.
    pub fn is_mounted(&self) -> bool {
        self.mounted || !self.places.is_empty()
    }

    /// The name of the device that it beats on, as the kernel has it, without `/dev`.
    pub fn device(&self) -> Option<&str> {
        match &self.state {
            State::Beating(device) => Some(device),
            _ => None,
        }
    }

    /// In one word.
    pub fn condition(&self) -> Condition {
        match self.state {
            State::Absent => Condition::Absent,
            State::HalfStarted(thread) => Condition::HalfStarted(thread),
            State::Beating(_) => {
                // What cannot be counted may be somebody's.
                let marked = u32::from(self.marked() == Some(true));
                let unused = self.references().is_some_and(|count| count <= marked);
                match unused && !self.global && !self.is_mounted() && !self.domain {
                    true => Condition::Idle,
                    false => Condition::Beating,
                }
            }
        }
    }
}

/// The names in /dev/disk/by-uuid that may be those of volumes.
fn shown_by_udev(system: &System) -> Vec<Uuid> {
    let names = list(&system.path("/dev/disk/by-uuid")).unwrap_or_default();
    let names = names.iter();
    names
        .filter_map(|name| name.to_str()?.parse().ok())
        .collect()
}
