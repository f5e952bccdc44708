//! A region at one moment.

use super::{Counters, Party};
use crate::cluster::dlmfs;
use crate::heartbeat::semaphores::RegionLock;
use crate::heartbeat::{Heartbeat, LeaveCause, State, Thread};
use crate::host::places::Place;
use crate::host::{list, mounts, process};
use crate::ondisk::Geometry;
use crate::report::plain;
use eyre::{Result, WrapErr};

/// What configfs, semaphores, mount tables, dlmfs and /proc show of a region at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The region's state in configfs.
    pub state: State,
    /// The region's blocks in configfs; none before they are set.
    pub geometry: Option<Geometry>,
    /// The heartbeat's kernel thread in configfs; the state shows whether that still runs.
    pub thread: Option<u32>,
    /// The device that it heartbeats on is among the kernel's block devices; true where there is
    /// none.
    pub device_there: bool,
    /// The region's references; none where there is no set of semaphores. Or a line that explains
    /// why the set cannot be read.
    pub counters: Result<Option<Counters>, String>,
    /// Whether the driver shows the superblock: a mounted volume, which pins the region. Before a
    /// removal, a claimed device counts as one on drivers without the pin.
    pub mounted: bool,
    /// Where the volume is mounted, in all mount namespaces that are visible.
    pub places: Vec<Place>,
    /// The processes that hold locks of its lock domain in dlmfs, which pins the region, each by its
    /// number and its name; none where there is no such domain.
    pub lock_holders: Option<Vec<String>>,
    /// Whether the region is the cluster's (global heartbeat).
    pub global: bool,
}

impl Heartbeat<'_> {
    /// Takes a snapshot. No device is opened.
    pub(super) fn snapshot(&self) -> Result<Snapshot> {
        let counters = Counters::of(self.system, self.region.name());
        self.snapshot_with(counters.map_err(|report| plain(format_args!("{report:#}"))))
    }

    /// Takes a snapshot by which the region may be removed. While this process has the lock, no
    /// other works on the region.
    ///
    /// # Errors
    /// Part of the state cannot be read.
    pub(in crate::heartbeat) fn snapshot_to_act(
        &self,
        lock: Option<&RegionLock>,
    ) -> Result<Snapshot> {
        let mut counters = Counters::of(self.system, self.region.name())?;
        if let (Some(counters), Some(_)) = (&mut counters, lock) {
            counters.locked_by = None;
        }
        let mut snapshot = self.snapshot_with(Ok(counters))?;
        snapshot.mounted = self.superblock_lives(LeaveCause::Tool)?;
        Ok(snapshot)
    }

    fn snapshot_with(&self, counters: Result<Option<Counters>, String>) -> Result<Snapshot> {
        let thread = self.region.pid()?;
        let mut state = self.region.state()?;
        if state == State::HalfStarted(Thread::Ended)
            && thread.is_none()
            && matches!(&counters, Ok(Some(counters)) if counters.locked_by.is_some())
        {
            // A process that works on the region may not have come to the thread yet.
            state = State::HalfStarted(Thread::None);
        }
        let device_there = match &state {
            State::Beating(device) => !self.is_gone(device)?,
            _ => true,
        };
        Ok(Snapshot {
            geometry: self.region.geometry()?,
            thread,
            device_there,
            counters,
            mounted: self.is_shown_mounted()?,
            places: self.places()?,
            lock_holders: self.lock_holders()?,
            global: self.is_shared()?,
            state,
        })
    }

    /// Returns the processes that hold locks of the region's lock domain; none where dlmfs has no
    /// such domain.
    fn lock_holders(&self) -> Result<Option<Vec<String>>> {
        let domain = self.region.name().to_string();
        if dlmfs::domain(self.system, &domain)?.is_none() {
            return Ok(None);
        }
        let holders = dlmfs::users(self.system, &domain);
        let holders = holders.wrap_err("listing the holders of the volume's locks")?;
        let named = holders.into_iter().map(|pid| {
            // It may have ended meanwhile.
            let name = process::living(self.system, pid).unwrap_or_default();
            format!("{pid} ({name})")
        });
        Ok(Some(named.collect()))
    }

    /// Returns whether a disk was taken out, with the region still open on what is left of it.
    /// Where no block device is shown at all, that is unknown.
    fn is_gone(&self, device: &str) -> Result<bool> {
        if mounts::number_of(self.system, device)?.is_some() {
            return Ok(false);
        }
        let all = list(&self.system.path("/sys/class/block"));
        Ok(!all.wrap_err("listing the block devices")?.is_empty())
    }
}

impl Snapshot {
    /// Returns the number of references; none where it cannot be read.
    pub fn references(&self) -> Option<u32> {
        let counters = self.counters.as_ref().ok()?.as_ref();
        Some(counters.map_or(0, |counters| counters.references))
    }

    /// Returns whether one of the references is marked as the mounted superblock's; none where that
    /// is unknown.
    pub fn marked(&self) -> Option<bool> {
        let counters = self.counters.as_ref().ok()?.as_ref();
        Some(counters.is_some_and(|counters| counters.marked == Some(true)))
    }

    /// Returns whether the volume's superblock is there, shown by a mount table or not.
    pub fn is_mounted(&self) -> bool {
        self.mounted || !self.places.is_empty()
    }

    /// Returns the name of the device that the region heartbeats on, as the kernel has it, without
    /// `/dev`.
    pub fn device(&self) -> Option<&str> {
        match &self.state {
            State::Beating(device) => Some(device),
            _ => None,
        }
    }

    /// Returns the process that has the region's lock, and so works on it at this moment.
    pub fn locked_by(&self) -> Option<&Party> {
        let counters = self.counters.as_ref().ok()?.as_ref();
        counters?.locked_by.as_ref()
    }
}
