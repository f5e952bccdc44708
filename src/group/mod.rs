//! The group API: a volume is used between `begin_join` and `leave`.
//!
//! ```text
//! let join = group.begin_join(&service, watch)?;
//! let mounted = mount(...);
//! join.complete(&mounted)?;      // success keeps it, failure undoes everything
//! ...
//! group.leave(&service)?;
//! ```

pub mod classic;

use crate::cluster::stack;
use crate::heartbeat::{Asker, Hold, Left, Watch};
use crate::ids::{Service, StackName, Uuid};
use crate::sys::ioprio::Level;
use crate::sys::signal::{self, Deferred};
use crate::system::System;
use crate::system::mounts::DeviceNumber;
use crate::volume::{Examined, Membership};
use classic::Classic;
use eyre::{Result, WrapErr, bail};
use std::io;

/// One volume's group of users on this node.
pub struct Group<'s> {
    kind: Kind<'s>,
}

enum Kind<'s> {
    /// A volume that no other node mounts: there is nobody to join.
    Alone,
    /// The o2cb stack.
    Classic(Classic<'s>),
}

impl<'s> Group<'s> {
    /// The group of a volume: which stack, loaded and checked against what runs on this node.
    ///
    /// # Errors
    /// Names both sides of a mismatch, and what to do.
    pub fn of_volume(system: &'s System, volume: &Examined) -> Result<Self> {
        let Some(wanted) = wanted_stack(volume)? else {
            stack::load_filesystem(system)?;
            return Ok(Self { kind: Kind::Alone });
        };
        stack::prepare(system, wanted)?;
        if volume.superblock.membership != Membership::Classic {
            stack::set(system, wanted)?;
        }
        let classic = Classic::of_volume(system, volume, stack::running(system)?)?;
        Ok(Self {
            kind: Kind::Classic(classic),
        })
    }

    /// Could the volume be joined? Looks at what runs on this node and changes nothing.
    ///
    /// # Errors
    /// As for `of_volume`.
    pub fn check(system: &System, volume: &Examined) -> Result<()> {
        let Some(wanted) = wanted_stack(volume)? else {
            return Ok(());
        };
        let named = volume.superblock.membership != Membership::Classic;
        let stack = match named && stack::can_change(system)? {
            true => wanted,
            false => stack::running(system)?,
        };
        Classic::of_volume(system, volume, stack).map(drop)
    }

    /// The group that the heartbeat region `name` is of, by configfs alone: no device is
    /// looked for, opened or read. To leave a mount takes the number of its `device`.
    pub fn of_region(system: &'s System, name: Uuid, device: Option<DeviceNumber>) -> Result<Self> {
        Ok(Self {
            kind: Kind::Classic(Classic::of_region(system, name, device)?),
        })
    }

    /// Joins on behalf of `service`. From here on the signals that would end the process wait;
    /// what waits for a heartbeat gives up on one and fails as interrupted.
    pub fn begin_join(&self, service: &Service, watch: &mut Watch) -> Result<Join<'_>> {
        let signals = signal::defer_termination().wrap_err("holding signals back")?;
        let hold = match &self.kind {
            Kind::Alone => None,
            Kind::Classic(classic) => classic.hold(service, &mut |wait, since| {
                signals.check()?;
                watch(wait, since)
            })?,
        };
        Ok(Join {
            hold,
            service: service.clone(),
            _signals: signals,
        })
    }

    /// `service` is done with the volume.
    pub fn leave(&self, service: &Service) -> Result<Left> {
        match &self.kind {
            Kind::Alone => Ok(Left::NothingThere),
            Kind::Classic(classic) => classic.leave(service),
        }
    }

    /// The superblock is done with the volume, wherever that was mounted.
    ///
    /// # Errors
    /// It is not: names the places where the volume is mounted.
    pub fn superblock_leaves(&self, asker: Asker) -> Result<Left> {
        match &self.kind {
            Kind::Alone => Ok(Left::NothingThere),
            Kind::Classic(classic) => classic.superblock_leaves(asker),
        }
    }

    /// Do regions belong to the cluster, so that no volume has one of its own to start or stop?
    pub fn is_global(&self) -> bool {
        matches!(&self.kind, Kind::Classic(classic) if classic.is_global())
    }

    /// The I/O of the volume's own heartbeat goes before that of others.
    pub fn prefer_heartbeat_io(&self, level: Level) -> Result<()> {
        match &self.kind {
            Kind::Alone => Ok(()),
            Kind::Classic(classic) => classic.prefer_io(level),
        }
    }
}

/// The stack that the volume belongs to; none for one that a single node mounts.
fn wanted_stack(volume: &Examined) -> Result<Option<StackName>> {
    match volume.superblock.membership {
        Membership::Local => Ok(None),
        Membership::Classic => Ok(Some(StackName::O2CB)),
        Membership::Cluster { stack, .. } if stack == StackName::O2CB => Ok(Some(stack)),
        Membership::Cluster { stack, .. } => bail!(
            "the volume belongs to a cluster of the stack {stack}, which this version does not \
             drive (it drives o2cb)"
        ),
    }
}

/// A join whose purpose is still open. Dropped, it is undone.
#[must_use = "a join that is not completed is undone"]
pub struct Join<'g> {
    hold: Option<Hold<'g>>,
    service: Service,
    _signals: Deferred,
}

impl Join<'_> {
    /// The result of what the join was for: success keeps it, failure undoes everything.
    ///
    /// # Errors
    /// The keeping or undoing failed; the purpose's own error stays with the caller.
    pub fn complete(self, purpose: &io::Result<()>) -> Result<()> {
        let Some(hold) = self.hold else {
            return Ok(());
        };
        match (purpose, &self.service) {
            (Err(_), _) => hold.release(),
            (Ok(()), Service::Mount(_)) => hold.give_to_superblock(),
            (Ok(()), Service::Standing(_)) => hold.make_lasting(),
            (Ok(()), Service::Program(_)) => {
                hold.keep();
                Ok(())
            }
        }
    }
}
