//! The group API: a volume is used between `begin_join` and `leave`.
//!
//! ```text
//! let join = group.begin_join(&service, watch)?;
//! let mounted = mount(...);
//! join.complete(&mounted)?;      // success keeps it, failure rolls everything back
//! ...
//! group.leave(&service)?;
//! ```

mod cluster_stack;
mod controld;
pub mod global;
mod kernel_dlm;
pub mod nocluster;
mod o2cb;

pub use cluster_stack::Group;

use crate::cluster::registered::RegisteredCluster;
use crate::cluster::stack;
use crate::disk::VolumeInfo;
use crate::heartbeat::{Completion, Wait, Watch};
use crate::host::System;
use crate::host::mounts::{DeviceNumber, Mount};
use crate::ids::{ClusterName, Service, StackName, Uuid};
use crate::ondisk::Membership;
use crate::syscall::signal;
use cluster_stack::{ClusterStack, Joined, NameOf};
use eyre::{Result, WrapErr, bail};
use std::io;
use std::time::Duration;

/// Returns the cluster stacks, each in a file of its own. The first that serves a volume's stack on
/// this kernel is used.
fn stacks(system: &System) -> [Stack<'_>; 3] {
    [
        Box::new(o2cb::O2cb(system)),
        Box::new(kernel_dlm::KernelDlm(system)),
        Box::new(controld::Controld(system)),
    ]
}

type Stack<'s> = Box<dyn ClusterStack<'s> + 's>;

/// Returns the group of a volume: its stack is loaded and checked against what runs on this node.
///
/// # Errors
/// Names both sides of a mismatch, and what to do.
pub fn of_volume<'s>(system: &'s System, volume: &VolumeInfo) -> Result<Box<dyn Group + 's>> {
    let Some(wanted) = volume.superblock.membership.stack() else {
        stack::load_filesystem(system)?;
        return Ok(of_local());
    };
    stack::prepare(system, wanted)?;
    let serving = serving(system, wanted)?;
    let group = serving.of_volume(volume, expected(system, volume, wanted)?)?;
    // A daemon is asked first: if it refuses, no stack is set.
    let named = volume.superblock.membership.cluster().is_some();
    if (named || stack::is_closed(system)?) && !serving.asks_first() {
        stack::set(system, wanted)?;
    }
    Ok(group)
}

/// Returns the group of a volume that no other node mounts: nothing is joined or left.
pub fn of_local<'s>() -> Box<dyn Group + 's> {
    Box::new(Local)
}

/// The one user of a local volume.
struct Local;

impl Group for Local {
    fn join(&self, _: &Service, _: &mut Watch) -> Result<Option<Box<dyn Joined + '_>>> {
        Ok(None)
    }

    fn why_idle(&self) -> Option<&'static str> {
        Some("a volume for one node alone has no heartbeat")
    }
}

/// Checks whether the volume could be joined: reads what runs on this node and changes nothing.
///
/// # Errors
/// As for [`of_volume`].
pub fn check(system: &System, volume: &VolumeInfo) -> Result<()> {
    let Some(wanted) = volume.superblock.membership.stack() else {
        return Ok(());
    };
    let running = expected(system, volume, wanted)?;
    serving(system, wanted)?
        .of_volume(volume, running)
        .map(drop)
}

/// Returns the group of the volume `name`, by what runs on this node alone: no device is searched
/// for, opened or read. Leaving a mount requires the number of its `device`.
pub fn of_name<'s>(
    system: &'s System,
    name: Uuid,
    device: Option<DeviceNumber>,
) -> Result<Box<dyn Group + 's>> {
    stack_of(system, name)?.of_name(name, device)
}

/// Returns the group of a mounted volume whose mount shows that it has one. `name` looks up its
/// name, and is called only where that matters.
pub fn of_mount<'s>(
    system: &'s System,
    mount: &Mount,
    name: NameOf,
) -> Result<Box<dyn Group + 's>> {
    let stack = mount.user_stack().unwrap_or(StackName::O2CB);
    serving(system, stack)?.of_mount(mount, name)
}

impl dyn Group + '_ {
    /// Joins on behalf of `service`. From here on the signals that would end the process are held
    /// back; a wait for a heartbeat gives up on one and fails as interrupted.
    pub fn begin_join(&self, service: &Service, watch: &mut Watch) -> Result<Join<'_>> {
        Ok(Join {
            joined: self.join(service, &mut interruptible(watch)?)?,
            service: service.clone(),
        })
    }
}

/// Holds back the signals that would end the process. One ends the waits that the returned callback
/// watches.
pub fn interruptible(watch: &mut Watch) -> Result<impl FnMut(Wait, Duration) -> Result<()>> {
    let signals = signal::defer_termination().wrap_err("holding signals back")?;
    Ok(move |wait, since| {
        signals.check()?;
        watch(wait, since)
    })
}

/// A join whose purpose is still open. Dropped, it is rolled back.
#[must_use = "a join that is not completed is undone"]
pub struct Join<'g> {
    joined: Option<Box<dyn Joined + 'g>>,
    service: Service,
}

impl Join<'_> {
    /// Completes the join by the result of its purpose: success keeps it, failure rolls it back.
    /// Where nothing protects the volume from damage, the caller must unmount.
    ///
    /// # Errors
    /// The join could not be kept or rolled back; the purpose's own error stays with the caller.
    pub fn complete(self, purpose: &io::Result<()>) -> Completion {
        let joined = self.joined;
        joined.map_or(Ok(Ok(())), |joined| joined.complete(&self.service, purpose))
    }
}

/// # Errors
/// No cluster stack of that name is known.
fn serving(system: &System, name: StackName) -> Result<Stack<'_>> {
    for stack in stacks(system) {
        if stack.serves(name)? {
            return Ok(stack);
        }
    }
    bail!("the cluster stack \"{name}\" is unknown (o2cb, pcmk and cman are supported)")
}

/// Returns the stack of the volume `name`. A volume that has a region here was joined before the
/// node's stack was changed.
fn stack_of(system: &System, name: Uuid) -> Result<Stack<'_>> {
    let running = stack::running(system)?;
    let is_o2cb = running == StackName::O2CB
        || RegisteredCluster::if_loaded(system)?
            .map_or(Ok(Vec::new()), |live| live.regions())?
            .contains(&name);
    match is_o2cb {
        true => Ok(Box::new(o2cb::O2cb(system))),
        false => serving(system, running),
    }
}

/// Returns the stack that the volume finds running: a kernel whose stack can change takes the
/// volume's.
fn expected(system: &System, volume: &VolumeInfo, wanted: StackName) -> Result<StackName> {
    let named = volume.superblock.membership.cluster().is_some();
    match named && stack::can_change(system)? {
        true => Ok(wanted),
        false => stack::running(system),
    }
}

/// Returns the cluster that a volume of a user-space cluster stack belongs to.
///
/// # Errors
/// The running stack is another.
fn checked_cluster(volume: &VolumeInfo, running: StackName) -> Result<&ClusterName> {
    match &volume.superblock.membership {
        Membership::User { stack, cluster } if *stack == running => Ok(cluster),
        Membership::User { stack, cluster } => bail!(
            "the volume belongs to cluster \"{cluster}\" (stack {stack}); this node runs the stack \
             {running} (unmount what uses that, then retry: the stack changes by itself)"
        ),
        Membership::Local | Membership::O2cb { .. } => bail!("the volume names no cluster"),
    }
}

/// Returns whether this node is a member of a cluster of the stack that is set, or of the one that
/// was asked for.
pub fn is_online(system: &System, asked: Option<&ClusterName>) -> Result<bool> {
    let running = stack::running(system)?;
    let own = serving(system, running)?.cluster()?;
    Ok(own.is_some_and(|own| asked.is_none_or(|name| name.as_str() == own)))
}

/// Describes the volume `name` on this node: its users, and what its stack reports of it.
pub fn describe(system: &System, name: Uuid) -> Result<String> {
    stack_of(system, name)?.describe(name)
}

/// Cleans up after processes that were killed, and superblocks whose end no process saw.
pub fn tidy(system: &System) {
    stacks(system).iter().for_each(|stack| stack.tidy());
}
