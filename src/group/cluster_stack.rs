//! The interface of a cluster stack. A new stack is a file with these traits, and a line in
//! [`stacks`](super::stacks).

use crate::disk::VolumeInfo;
use crate::heartbeat::{Completion, LeaveCause, LeaveOutcome, Watch};
use crate::host::System;
use crate::host::mounts::{DeviceNumber, Mount};
use crate::ids::{Service, StackName, Uuid};
use crate::syscall::ioprio::Level;
use eyre::{Report, Result, eyre};
use std::io;

/// A cluster stack, on a node.
pub trait ClusterStack<'s> {
    /// Returns whether it serves volumes of the stack `name` on this kernel.
    fn serves(&self, name: StackName) -> Result<bool>;

    /// Returns the group of a volume, to join it. `running` is the stack that the volume finds
    /// here. Only compares and reads; changes nothing.
    ///
    /// # Errors
    /// The stack or the cluster does not match: names both sides, and what to do.
    fn of_volume(&self, volume: &VolumeInfo, running: StackName) -> Result<Box<dyn Group + 's>>;

    /// Returns the group of the volume `name`, to leave it; that of a mount with its `device`.
    fn of_name(&self, name: Uuid, device: Option<DeviceNumber>) -> Result<Box<dyn Group + 's>>;

    /// Returns the group of a mounted volume, to leave it. `name` looks up the volume's name.
    fn of_mount(&self, mount: &Mount, name: NameOf) -> Result<Box<dyn Group + 's>>;

    /// Returns the cluster that this node is a member of.
    fn cluster(&self) -> Result<Option<String>>;

    /// Describes to the user what is known of the volume `name`.
    fn describe(&self, name: Uuid) -> Result<String>;

    /// Returns whether a join asks a daemon, before the kernel's stack is set for the volume.
    fn asks_first(&self) -> bool {
        false
    }

    /// Cleans up after processes that were killed.
    fn tidy(&self) {}
}

/// A function that looks up a volume's name.
pub type NameOf<'n> = &'n dyn Fn() -> Result<Uuid>;

/// One volume's group of users on this node.
pub trait Group {
    /// Joins on behalf of `service`, as `begin_join` does; none where nothing has to be kept.
    fn join(&self, service: &Service, watch: &mut Watch) -> Result<Option<Box<dyn Joined + '_>>>;

    /// Leaves on behalf of `service`, which is done with the volume.
    ///
    /// # Errors
    /// What the service has could not be given back.
    fn leave(&self, _service: &Service) -> Result<LeaveOutcome> {
        Ok(LeaveOutcome::NothingThere)
    }

    /// Leaves on behalf of the superblock, which is done with the volume wherever it was mounted.
    ///
    /// # Errors
    /// The volume is still mounted: names the mount points.
    fn superblock_leaves(&self, _cause: LeaveCause) -> Result<LeaveOutcome> {
        Ok(LeaveOutcome::NothingThere)
    }

    /// Returns why a user's start or stop does nothing; none where the volume has something of its
    /// own on this node.
    fn why_idle(&self) -> Option<&'static str>;

    /// Names what remains where leaving failed, after "Its".
    fn stays(&self) -> &'static str {
        "heartbeat goes on"
    }

    /// Returns the error of leaving the volume `name` where there is nothing to leave.
    fn nothing_to_leave(&self, name: Uuid) -> Report {
        eyre!("the volume {name} has no heartbeat on this node")
    }

    /// Gives the I/O of the volume's own heartbeat priority over that of others.
    ///
    /// # Errors
    /// The heartbeat is that of the cluster (global).
    fn prefer_heartbeat_io(&self, _level: Level) -> Result<()> {
        Ok(())
    }

    /// Returns a function that names what a mount(2) without a bound waits for.
    fn wait_in_mount(&self) -> Option<fn(&System) -> &'static str> {
        None
    }
}

/// The resources of a join. Dropped, they are rolled back.
pub trait Joined {
    /// Completes the join, as [`Join::complete`](super::Join::complete) does.
    fn complete(self: Box<Self>, service: &Service, purpose: &io::Result<()>) -> Completion;
}
