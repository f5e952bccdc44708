//! What a cluster stack has to do: a new one is a file with these two traits, and a line in
//! [`STACKS`](super::STACKS).

use super::join::Joined;
use crate::disk::VolumeInfo;
use crate::heartbeat::{LeaveCause, LeaveOutcome, Watch};
use crate::host::System;
use crate::host::mounts::{DeviceNumber, Mount};
use crate::ids::{Service, StackName, Uuid};
use crate::syscall::ioprio::Level;
use eyre::{Report, Result, eyre};

/// A cluster stack.
pub trait ClusterStack: Sync {
    /// Returns whether it serves volumes of the stack `name` on this kernel.
    fn serves(&self, system: &System, name: StackName) -> Result<bool>;

    /// The group of a volume, to join it; `running` is the stack that the volume finds here.
    /// Compares and looks, and changes nothing.
    ///
    /// # Errors
    /// Names both sides of a mismatch, and what to do.
    fn of_volume<'s>(
        &self,
        system: &'s System,
        volume: &VolumeInfo,
        running: StackName,
    ) -> Result<Box<dyn Group + 's>>;

    /// The group of the volume `name`, to leave it; of a mount with its `device`.
    fn of_name<'s>(
        &self,
        system: &'s System,
        name: Uuid,
        device: Option<DeviceNumber>,
    ) -> Result<Box<dyn Group + 's>>;

    /// The group of a mounted volume, to leave it. `name` looks for the volume's name.
    fn of_mount<'s>(
        &self,
        system: &'s System,
        mount: &Mount,
        name: &dyn Fn() -> Result<Uuid>,
    ) -> Result<Box<dyn Group + 's>>;

    /// The cluster that this node is a member of.
    fn cluster(&self, system: &System) -> Result<Option<String>>;

    /// What is known of the volume `name`, for the user.
    fn describe(&self, system: &System, name: Uuid) -> Result<String>;

    /// Returns whether a join asks a daemon, before the kernel's stack is set for the volume.
    fn asks_first(&self) -> bool {
        false
    }

    /// Makes up for processes that were killed.
    fn tidy(&self, _system: &System) {}
}

/// One volume's group of users on this node.
pub trait Group {
    /// Joins on behalf of `service`, as `begin_join` does; none where there is nothing to hold on
    /// to.
    fn join(&self, service: &Service, watch: &mut Watch) -> Result<Option<Box<dyn Joined + '_>>>;

    /// `service` is done with the volume.
    ///
    /// # Errors
    /// What it has could not be given back.
    fn leave(&self, _service: &Service) -> Result<LeaveOutcome> {
        Ok(LeaveOutcome::NothingThere)
    }

    /// The superblock is done with the volume, wherever that was mounted.
    ///
    /// # Errors
    /// It is not: names the places where the volume is mounted.
    fn superblock_leaves(&self, _cause: LeaveCause) -> Result<LeaveOutcome> {
        Ok(LeaveOutcome::NothingThere)
    }

    /// Returns whether the volume has something of its own on this node, to start and to stop. Not
    /// with global heartbeat, whose regions are the cluster's, and not with the kernel's DLM.
    fn has_own(&self) -> bool {
        false
    }

    /// Returns whether the volume's heartbeat is on regions of its cluster.
    fn has_global_heartbeat(&self) -> bool {
        false
    }

    /// Why nothing is started or stopped for a user who asks for it; none where something is.
    fn why_idle(&self) -> Option<&'static str>;

    /// "Its ...", where leaving failed.
    fn stays(&self) -> &'static str {
        "heartbeat goes on"
    }

    /// The error of leaving the volume `name` where there is nothing to be left.
    fn nothing_to_leave(&self, name: Uuid) -> Report {
        eyre!("the volume {name} has no heartbeat on this node")
    }

    /// The I/O of the volume's own heartbeat goes before that of others.
    fn prefer_heartbeat_io(&self, _level: Level) -> Result<()> {
        Ok(())
    }

    /// Returns what names the wait of a mount(2) that may be without a bound.
    fn wait_in_mount(&self) -> Option<fn(&System) -> &'static str> {
        None
    }
}
