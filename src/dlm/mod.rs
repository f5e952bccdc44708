//! Locks shared with the other nodes of a volume's cluster, for programs that work on a
//! volume without mounting it.
//!
//! ```text
//! let dlm = Dlm::initialize(system, &volume, "backup", watch)?;   // joins
//! let locked_down = dlm.lock_down()?;                             // or dlm.lock(...)
//! ...
//! drop(locked_down);
//! dlm.shutdown()?;                                                // leaves
//! ```
//!
//! dlmfs distinguishes nodes, not the processes of one: a lock that one process holds, another on
//! the same node may take as well. Only `lock_down` is for one process alone.

mod domain;
mod lock;
mod lockdown;

pub use lock::{Level, Lock, LockName, VALUE_MAX};
pub use lockdown::{InUse, LockedDown};

use crate::cluster::{dlm, dlmfs, driver};
use crate::disk::VolumeInfo;
use crate::error::errno;
use crate::group::{self, Group};
use crate::heartbeat::{LeaveOutcome, Wait, Watch};
use crate::host::System;
use crate::ids::Service;
use crate::ondisk::Membership;
use domain::Domain;
use eyre::{Result, bail};
use rustix::io::Errno;

/// A volume's lock domain, joined by this process.
pub struct Dlm<'s> {
    system: &'s System,
    volume: VolumeInfo,
    service: Service,
    /// The domain, left before the group is, on every way out.
    domain: Option<Domain<'s>>,
    group: Option<Box<dyn Group + 's>>,
}

impl<'s> Dlm<'s> {
    /// Joins the volume's group as the program `service`, then its lock domain. A volume that no
    /// other node mounts has neither. From here on, signals that would end the process are
    /// deferred; one ends a wait, and the error is then that of an interruption.
    ///
    /// # Errors
    /// A failure rolls back what was begun.
    pub fn initialize(
        system: &'s System,
        volume: VolumeInfo,
        service: &str,
        watch: &mut Watch,
    ) -> Result<Self> {
        if !volume.is_local() {
            driver::load_dlmfs(system)?;
        }
        check_stack(system, &volume.superblock.membership)?;
        let group = group::of_volume(system, &volume)?;
        let service = Service::Program(service.to_owned());
        let join = group.begin_join(&service, watch)?;
        let domain = match volume.is_local() {
            true => Ok(None),
            false => join_domain(system, &volume, watch).map(Some),
        };
        let purpose = domain.as_ref().map(drop);
        let purpose = purpose.map_err(|report| errno(report).unwrap_or(Errno::IO).into());
        let completed = join.complete(&purpose).and_then(|kept| Ok(kept?));
        // Dropped, it leaves.
        let dlm = Self {
            system,
            volume,
            service,
            domain: domain?,
            group: Some(group),
        };
        completed.map(|()| dlm)
    }

    /// Takes the lock, and waits for as long as other nodes hold it in the way. Nothing ends that
    /// wait early: the kernel has no way to give up a request.
    pub fn lock(&self, name: &LockName, level: Level) -> Result<Lock<'_>> {
        let taken = self.domain()?.lock(name, level, false)?;
        taken.ok_or_else(|| eyre::eyre!("the lock {name} is held by another node"))
    }

    /// Takes the lock if no other node holds it in the way; `None` if one does, or still keeps it
    /// cached.
    pub fn try_lock(&self, name: &LockName, level: Level) -> Result<Option<Lock<'_>>> {
        self.domain()?.lock(name, level, true)
    }

    /// Leaves the lock domain, unless other processes on this node use it, and then the group.
    pub fn shutdown(mut self) -> Result<LeaveOutcome> {
        self.leave()
    }

    fn leave(&mut self) -> Result<LeaveOutcome> {
        let left = self.domain.take().map_or(Ok(()), Domain::leave);
        // The group's regions stay pinned while the domain exists, so one error must not cause a
        // second.
        let group = match self.group.take() {
            Some(group) => group.leave(&self.service),
            None => Ok(LeaveOutcome::NothingThere),
        };
        left.and(group)
    }

    fn domain(&self) -> Result<&Domain<'s>> {
        match &self.domain {
            Some(domain) => Ok(domain),
            None => bail!("the volume is for one node alone: there is nobody to share locks with"),
        }
    }
}

impl Drop for Dlm<'_> {
    fn drop(&mut self) {
        // `shutdown` serves callers that can report the error.
        let _ = self.leave();
    }
}

fn join_domain<'s>(
    system: &'s System,
    volume: &VolumeInfo,
    watch: &mut Watch,
) -> Result<Domain<'s>> {
    let watch = &mut group::interruptible(watch)?;
    let name = volume.superblock.uuid.to_string();
    Domain::join(system, &name, &mut |since| watch(Wait::Peers, since))
}

/// Checks that the stack supports locks, so that no caller joins in vain.
fn check_stack(system: &System, membership: &Membership) -> Result<()> {
    let Membership::User { stack, .. } = membership else {
        return Ok(());
    };
    let why = if !dlmfs::serves_any_stack(system)? {
        "this kernel's dlmfs lacks the capability stackglue (Linux has it from 2.6.35 on)"
    } else if dlm::wants_the_name(system)? {
        "this kernel's dlmfs does not name the cluster, and its DLM wants to hear that"
    } else {
        return Ok(());
    };
    bail!("locks of the stack {stack} are not supported here: {why}")
}
