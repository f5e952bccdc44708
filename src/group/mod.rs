//! The group API: a volume is used between `begin_join` and `leave`.
//!
//! ```text
//! let join = group.begin_join(&service, watch)?;
//! let mounted = mount(...);
//! join.complete(&mounted)?;      // success keeps it, failure undoes everything
//! ...
//! group.leave(&service)?;
//! ```

mod controld;
pub mod global;
mod join;
mod kernel_dlm;
pub mod nocluster;
mod o2cb;
pub mod repair;

pub use join::{Join, must_unmount};

use crate::cluster::registered::{self, RegisteredCluster};
use crate::cluster::stack;
use crate::disk::VolumeInfo;
use crate::heartbeat::{self, LeaveCause, LeaveOutcome, Watch};
use crate::host::System;
use crate::host::mounts::{DeviceNumber, Mount};
use crate::ids::{ClusterName, Service, StackName, Uuid};
use crate::ondisk::Membership;
use crate::syscall::ioprio::Level;
use crate::syscall::signal;
use controld::Controld;
use eyre::{Report, Result, WrapErr, bail, eyre};
use join::Held;
use o2cb::Classic;

/// One volume's group of users on this node.
pub struct Group<'s> {
    kind: Kind<'s>,
}

enum Kind<'s> {
    /// A volume that no other node mounts: there is nobody to join.
    Alone,
    /// The o2cb stack.
    Classic(Classic<'s>),
    /// A stack of user space whose daemon keeps the group.
    Controld(Controld<'s>),
    /// The pcmk stack where the kernel's DLM keeps it.
    KernelDlm,
}

impl<'s> Kind<'s> {
    /// Compares and looks, and changes nothing.
    fn of_volume(system: &'s System, volume: &VolumeInfo, wanted: StackName) -> Result<Self> {
        let named = volume.superblock.membership.cluster().is_some();
        let running = match named && stack::can_change(system)? {
            true => wanted,
            false => stack::running(system)?,
        };
        Ok(match wanted {
            StackName::O2CB => Self::Classic(Classic::of_volume(system, volume, running)?),
            _ if kernel_dlm::suffices(system, wanted)? => {
                kernel_dlm::check(system, volume, running)?;
                Self::KernelDlm
            }
            _ => Self::Controld(Controld::of_volume(system, volume, running)?),
        })
    }
}

impl<'s> Group<'s> {
    /// The group of a volume: which stack, loaded and checked against what runs on this node.
    ///
    /// # Errors
    /// Names both sides of a mismatch, and what to do.
    pub fn of_volume(system: &'s System, volume: &VolumeInfo) -> Result<Self> {
        let Some(wanted) = volume.superblock.membership.stack() else {
            stack::load_filesystem(system)?;
            return Ok(Self::alone());
        };
        stack::prepare(system, wanted)?;
        let kind = Kind::of_volume(system, volume, wanted)?;
        let named = volume.superblock.membership.cluster().is_some();
        // A daemon is asked first, and set no stack for if it refuses.
        if named && !matches!(kind, Kind::Controld(_)) {
            stack::set(system, wanted)?;
        }
        Ok(Self { kind })
    }

    /// The group of a volume that no other node mounts: nothing is joined or left.
    pub fn alone() -> Self {
        Self { kind: Kind::Alone }
    }

    /// Could the volume be joined? Looks at what runs on this node and changes nothing.
    ///
    /// # Errors
    /// As for `of_volume`.
    pub fn check(system: &System, volume: &VolumeInfo) -> Result<()> {
        let Some(wanted) = volume.superblock.membership.stack() else {
            return Ok(());
        };
        Kind::of_volume(system, volume, wanted).map(drop)
    }

    /// The group of the volume `name`, by what runs on this node alone: no device is looked
    /// for, opened or read. To leave a mount takes the number of its `device`.
    pub fn of_name(system: &'s System, name: Uuid, device: Option<DeviceNumber>) -> Result<Self> {
        let stack = stack::running(system)?;
        let kind = match stack {
            _ if stack == StackName::O2CB || has_region(system, name)? => {
                Kind::Classic(Classic::of_region(system, name, device)?)
            }
            _ if kernel_dlm::suffices(system, stack)? => Kind::KernelDlm,
            _ => Kind::Controld(Controld::of_name(system, name)),
        };
        Ok(Self { kind })
    }

    /// The group of a mounted volume whose mount tells that it has one. `name` is asked for its
    /// name only where that matters.
    pub fn of_mount(
        system: &'s System,
        mount: &Mount,
        name: impl FnOnce() -> Result<Uuid>,
    ) -> Result<Self> {
        let kind = match mount.user_stack() {
            None => {
                let region = match registered::region_on(system, mount.device)? {
                    Some(region) => region,
                    None => name()?,
                };
                Kind::Classic(Classic::of_region(system, region, Some(mount.device))?)
            }
            Some(stack) if kernel_dlm::suffices(system, stack)? => Kind::KernelDlm,
            Some(_) => {
                let known = controld::volume_on(system, mount.device);
                let name = known.map_or_else(name, Ok)?;
                Kind::Controld(Controld::of_mount(system, name, mount))
            }
        };
        Ok(Self { kind })
    }

    /// Joins on behalf of `service`. From here on the signals that would end the process wait;
    /// what waits for a heartbeat gives up on one and fails as interrupted.
    pub fn begin_join(&self, service: &Service, watch: &mut Watch) -> Result<Join<'_>> {
        let signals = signal::defer_termination().wrap_err("holding signals back")?;
        let watch: &mut Watch = &mut |wait, since| {
            signals.check()?;
            watch(wait, since)
        };
        let hold = match &self.kind {
            Kind::Alone | Kind::KernelDlm => Held::Nothing,
            Kind::Classic(classic) => match classic.hold(service, watch)? {
                Some(hold) => Held::Heartbeat(hold),
                None => Held::Nothing,
            },
            Kind::Controld(controld) => Held::Service(controld.register(service, watch)?),
        };
        Ok(Join {
            hold,
            service: service.clone(),
            _signals: signals,
        })
    }

    /// `service` is done with the volume.
    pub fn leave(&self, service: &Service) -> Result<LeaveOutcome> {
        match &self.kind {
            Kind::Alone | Kind::KernelDlm => Ok(LeaveOutcome::NothingThere),
            Kind::Classic(classic) => classic.leave(service),
            Kind::Controld(controld) => controld.leave(service),
        }
    }

    /// The superblock is done with the volume, wherever that was mounted.
    ///
    /// # Errors
    /// It is not: names the places where the volume is mounted.
    pub fn superblock_leaves(&self, cause: LeaveCause) -> Result<LeaveOutcome> {
        match &self.kind {
            Kind::Alone | Kind::KernelDlm => Ok(LeaveOutcome::NothingThere),
            Kind::Classic(classic) => classic.superblock_leaves(cause),
            Kind::Controld(controld) => controld.superblock_leaves(cause),
        }
    }

    /// Does each volume have something of its own on this node, to start and to stop? Not with
    /// global heartbeat, whose regions are the cluster's, and not with the kernel's DLM.
    pub fn has_own(&self) -> bool {
        match &self.kind {
            Kind::Alone | Kind::KernelDlm => false,
            Kind::Classic(classic) => !classic.is_global(),
            Kind::Controld(_) => true,
        }
    }

    /// Does the volume beat on regions of its cluster?
    pub fn has_global_heartbeat(&self) -> bool {
        matches!(&self.kind, Kind::Classic(classic) if classic.is_global())
    }

    /// Why nothing is started or stopped for a user who asks for it; none where something is.
    pub fn why_idle(&self) -> Option<&'static str> {
        match &self.kind {
            Kind::Alone => Some("a volume for one node alone has no heartbeat"),
            Kind::Classic(classic) if classic.is_global() => Some(
                "the cluster has global heartbeat, whose regions are no volume's own (o2cb \
                 start-heartbeat and stop-heartbeat start and stop them)",
            ),
            Kind::KernelDlm => Some("with this stack the kernel's DLM knows who uses the volume"),
            Kind::Classic(_) | Kind::Controld(_) => None,
        }
    }

    /// "Its ...", where leaving failed.
    pub fn stays(&self) -> &'static str {
        match &self.kind {
            Kind::Controld(_) => "group stays joined",
            _ => "heartbeat goes on",
        }
    }

    /// The error of leaving the volume `name` where there is nothing to be left.
    pub fn nothing_to_leave(&self, name: Uuid) -> Report {
        match &self.kind {
            Kind::Controld(_) => eyre!("the volume {name} has no such service with ocfs2_controld"),
            _ => eyre!("the volume {name} has no heartbeat on this node"),
        }
    }

    /// The I/O of the volume's own heartbeat goes before that of others.
    pub fn prefer_heartbeat_io(&self, level: Level) -> Result<()> {
        match &self.kind {
            Kind::Alone | Kind::Controld(_) | Kind::KernelDlm => Ok(()),
            Kind::Classic(classic) => classic.prefer_io(level),
        }
    }
}

/// The cluster that a volume of a user-space stack belongs to.
///
/// # Errors
/// The stack that runs is another.
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

/// Is this node a member of a cluster of the stack that is set, or of the one that was asked
/// for?
pub fn is_online(system: &System, asked: Option<&ClusterName>) -> Result<bool> {
    let stack = stack::running(system)?;
    if stack == StackName::O2CB {
        return match RegisteredCluster::if_loaded(system)? {
            Some(live) if asked.is_none_or(|name| name == live.name()) => live.is_online(),
            _ => Ok(false),
        };
    }
    let own = match kernel_dlm::suffices(system, stack)? {
        true => kernel_dlm::cluster(system)?,
        false => controld::cluster(system)?,
    };
    Ok(own.is_some_and(|own| asked.is_none_or(|name| name.as_str() == own)))
}

fn has_region(system: &System, name: Uuid) -> Result<bool> {
    Ok(match RegisteredCluster::if_loaded(system)? {
        Some(live) => live.regions()?.contains(&name),
        None => false,
    })
}

/// What is known of the volume `name` on this node: its users, and what its stack says of it.
pub fn describe(system: &System, name: Uuid) -> Result<String> {
    let stack = stack::running(system)?;
    if stack == StackName::O2CB || has_region(system, name)? {
        let count = heartbeat::references(system, name)?;
        return Ok(format!("{name}: {count} refs\n"));
    }
    match kernel_dlm::suffices(system, stack)? {
        true => kernel_dlm::describe(system, name),
        false => Controld::of_name(system, name).describe(),
    }
}

/// Makes up for processes that were killed, and for superblocks whose end nobody saw.
pub fn tidy(system: &System) {
    o2cb::tidy_regions(system);
    controld::tidy(system);
}
