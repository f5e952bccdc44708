//! One volume's disk heartbeat on this node: a region that is active while a reference to it
//! exists.
//!
//! Every operation keeps this order: lock, read, act on the region, act on the references, unlock.
//! The kernel's state of a region outweighs the references: a mounted volume pins its region, so
//! that a missing reference stops nothing.

pub mod child;
mod guard;
mod leave;
mod reference;
mod region;
mod repair;
mod semaphores;
mod start_all;
mod starter;
mod superblock;
pub mod survey;

pub use guard::{Completion, HeartbeatGuard, Unprotected};
pub use region::{REBOOT, State, Thread};
pub use repair::{RepairOutcome, RepairReport, repair};
pub use semaphores::Lifetime;
pub use start_all::start_all;

use crate::cluster::registered::RegisteredCluster;
use crate::host::System;
use crate::host::mounts::{self, DeviceNumber};
use crate::ids::{Service, Uuid};
use crate::ondisk::Geometry;
use crate::syscall::channel::Channel;
use crate::syscall::ioprio::Level;
use eyre::{Result, WrapErr, bail};
use reference::Reference;
use region::Region;
use semaphores::{Mark, RegionLock, RegionSemaphores};
use starter::PendingStart;
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a region is on disk.
#[derive(Debug, Clone)]
pub struct Source {
    /// The block device, by a name that may be one of many.
    pub device: PathBuf,
    /// The device's number in the kernel.
    pub number: DeviceNumber,
    /// Its blocks.
    pub geometry: Geometry,
}

/// What a process waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Another process works on the same region.
    Lock,
    /// The heartbeat has to become steady, which takes the kernel 8 s or more.
    Steady,
    /// The control daemon has to answer.
    Daemon,
    /// The control daemon has to leave the volume's group.
    Group,
    /// The other nodes have to let this one into the volume's lock domain.
    Peers,
    /// A node that is alive has to show it in its heartbeat slot.
    Slots,
}

/// The progress callback, called every [`POLL_INTERVAL`] during a wait; an error ends the wait.
pub type Watch<'w> = dyn FnMut(Wait, Duration) -> Result<()> + 'w;

/// How often a wait checks whether to go on.
pub const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Who reports that the superblock is done with its region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaveCause {
    /// A tool: the superblock may live on.
    Tool,
    /// The kernel's callout: this superblock is just ending, though its device is still claimed.
    Kernel,
    /// The mount.ocfs2 of ocfs2-tools 1.2 after a mount(2) that failed. The kernel's callout may
    /// have come before, with the reference of the same mount.
    OldMount,
}

/// What is known of a superblock before it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnmountState {
    /// Its device; other mounts of it may go on.
    device: Option<DeviceNumber>,
    /// The mark of its reference. Several may come to give that back: two unmounts, or one and the
    /// process that waits. Without a mark it is one of the C mount.ocfs2's.
    mark: Mark,
}

/// The result of leaving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaveOutcome {
    /// The reference was the last: the heartbeat has stopped.
    Stopped,
    /// There was no region to begin with.
    NothingThere,
    /// The volume is still mounted in these places, so that nothing was given back.
    StillMounted(Vec<PathBuf>),
    /// The superblock lives on where this process cannot see it (lazy unmount, another
    /// mount namespace), so that nothing was given back.
    StillAlive,
    /// The reference was given back; others keep the heartbeat going.
    InUse,
}

/// The heartbeat of one volume.
pub struct Heartbeat<'s> {
    system: &'s System,
    region: Region<'s>,
    references: RegionSemaphores<'s>,
    /// The attribute `heartbeat/mode` of its cluster. Drivers without it have neither the pin nor
    /// global heartbeat.
    mode: PathBuf,
    /// Its other end removes the region should this process be killed while it refers to it.
    starter: Cell<Option<Channel>>,
}

impl<'s> Heartbeat<'s> {
    /// Returns the heartbeat of the volume `name` in the cluster whose configfs directory is
    /// `cluster`.
    pub fn new(system: &'s System, cluster: &Path, name: Uuid) -> Self {
        Self {
            system,
            region: Region::new(system, cluster, name),
            references: RegionSemaphores::of(system, name),
            mode: cluster.join("heartbeat/mode"),
            starter: Cell::new(None),
        }
    }

    /// Returns the heartbeat of the volume `name` in the registered cluster. Without one there is no
    /// region, but there may be semaphores.
    pub fn of(system: &'s System, live: Option<&RegisteredCluster>, name: Uuid) -> Self {
        let none = system.path("/sys/kernel/config/cluster");
        let cluster = live.map_or(&*none, RegisteredCluster::path);
        Self::new(system, cluster, name)
    }

    /// Returns whether a mounted volume pins its region, as it does on kernels since 2.6.37.
    fn is_pinned_while_mounted(&self) -> Result<bool> {
        let there = self.system.has_object(&self.mode);
        there.wrap_err("looking for the heartbeat mode")
    }

    /// Returns whether the region is the cluster's (global heartbeat); then references do not show
    /// its users.
    fn is_shared(&self) -> Result<bool> {
        let mode = self.system.attribute(&self.mode);
        let mode = mode.wrap_err("reading the heartbeat mode")?;
        Ok(mode.as_deref() == Some("global"))
    }

    /// Returns whether the region's heartbeat is active.
    pub fn beats(&self) -> Result<bool> {
        Ok(matches!(self.region.state()?, State::Beating(_)))
    }

    /// Joins: the region's heartbeat is active and a reference of this process keeps it so. That of
    /// a mount is `marked`, unless a program that does not know marks will give it back (the C
    /// tools).
    ///
    /// A mount's reference is lasting from the start where no pin would make up for its loss: leak,
    /// never lose.
    pub fn hold(
        &self,
        source: &Source,
        service: &Service,
        marked: bool,
        watch: &mut Watch,
    ) -> Result<HeartbeatGuard<'_>> {
        let is_pinned = self.is_pinned_while_mounted()?;
        let lifetime = match service {
            Service::Mount(_) if !is_pinned => Lifetime::Lasting,
            _ => Lifetime::Process,
        };
        let mark = match service {
            // A mark can be stale, which without the pin would lose a reference.
            Service::Mount(_) if marked && is_pinned => Mark::Superblock,
            Service::OldMount if marked => Mark::OldMount,
            _ => Mark::None,
        };
        let mounted_before =
            self.is_shown_mounted()? || !mounts::points_of(self.system, source.number)?.is_empty();
        let mut guard = match self.hold_running(source, lifetime, mark, watch)? {
            Some(reference) => HeartbeatGuard::of(self, reference, None),
            None => {
                let mut starting = PendingStart::begin(self, source, &mut Vec::new())?;
                starting.wait(watch)?;
                starting.take(lifetime, watch)?
            }
        };
        guard.expect_mount(mark, !mounted_before)?;
        Ok(guard)
    }

    fn hold_running(
        &self,
        source: &Source,
        lifetime: Lifetime,
        mark: Mark,
        watch: &mut Watch,
    ) -> Result<Option<Reference>> {
        // Without a region there is nothing to lock, and no set of semaphores to make.
        if self.region.state()? == State::Absent {
            return Ok(None);
        }
        let locked = self.lock(watch)?;
        match self.region.state()? {
            State::Beating(device) => {
                self.check_device(&device, source)?;
                // Before mount(2): now a superblock that is shown is another mount's, and has to
                // give its reference back under this lock.
                if mark == Mark::Superblock && self.is_shown_mounted()? {
                    locked.adopt()?;
                }
                locked.take(lifetime).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Checks the region's device: a copy of a volume has its UUID too, but not its heartbeat.
    fn check_device(&self, beating: &str, source: &Source) -> Result<()> {
        let number = mounts::number_of(self.system, beating)?;
        if number.is_some_and(|number| number != source.number) {
            bail!(
                "the heartbeat of the volume {} runs on {beating}, which is another device (a \
                 copy of the volume, or one path of several to it)",
                self.region.name()
            );
        }
        Ok(())
    }

    fn lock(&self, watch: &mut Watch) -> Result<RegionLock> {
        let started = std::time::Instant::now();
        let wanted = &mut || watch(Wait::Lock, started.elapsed());
        let locked = self.references.lock(wanted)?;
        self.forget_mounting(&locked)?;
        Ok(locked)
    }

    /// Removes the mark of a mount that failed or was killed, unless the volume is mounted.
    fn forget_mounting(&self, locked: &RegionLock) -> Result<()> {
        match locked.tally()?.mark == Mark::Mounting && !self.is_shown_mounted()? {
            true => locked.forget_mounting(),
            false => Ok(()),
        }
    }

    /// Gives the I/O of the heartbeat's thread priority over that of others. Does nothing without a
    /// visible thread, as on the oldest drivers.
    pub fn prefer_io(&self, level: Level) -> Result<()> {
        let Some(pid) = self.region.pid()? else {
            return Ok(());
        };
        let set = self.system.kernel().set_io_priority(pid, level);
        set.wrap_err("raising the I/O priority of the heartbeat thread")
    }
}

/// Returns the number of references to the heartbeat of the volume `name`, whatever the cluster.
pub fn references(system: &System, name: Uuid) -> Result<u32> {
    Ok(RegionSemaphores::of(system, name).tally()?.count)
}
