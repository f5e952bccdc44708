//! Leaving: whose reference goes, and whether the region goes with it.

use super::health::{Condition, Fault};
use super::refs::{Lifetime, Locked};
use super::{Asker, Ending, Heartbeat, Left, Removal, State};
use crate::cluster::dlmfs;
use crate::cluster::live::Live;
use crate::system::mounts::{self, DeviceNumber};
use crate::system::waiter;
use eyre::{Result, bail};

impl Heartbeat<'_> {
    /// Who will be done with the region when the mounts of `device` are gone: asked while they
    /// are there.
    pub fn ending(&self, device: Option<DeviceNumber>) -> Result<Ending> {
        let was_marked = self.references.superblock_owns_one()?;
        Ok(Ending { device, was_marked })
    }

    /// The superblock is done: its reference goes, and with the last one the region.
    pub fn leave_superblock(&self, asker: Asker, ending: Ending) -> Result<Left> {
        let locked = self.lock(&mut |_, _| Ok(()))?;
        if let Some(device) = ending.device {
            let points = mounts::points_of(self.system, device)?;
            if !points.is_empty() {
                return Ok(Left::StillMounted(points));
            }
        }
        match locked.count()? {
            0 => self.clear(locked, asker),
            // Somebody was here before, and whose the others are is not known.
            _ if ending.was_marked && !locked.superblock_owns_one()? => Ok(Left::InUse),
            // A program that is just joining: the superblock has none to give back. The
            // kernel's call-out also comes after a mount(2) that failed late, whose own
            // process undoes its join.
            count if (count == 1 || asker == Asker::Kernel) && self.is_anothers(&locked)? => {
                Ok(Left::InUse)
            }
            1 => self.clear(locked, asker),
            _ if self.superblock_lives(asker)? => Ok(Left::StillAlive),
            _ => locked.put_superblocks().map(|_| Left::InUse),
        }
    }

    /// Gives the superblock's reference back as soon as the superblock is gone, in a process
    /// that goes on by itself.
    pub fn leave_superblock_later(&self, ending: Ending) -> Result<()> {
        waiter::start(self.system, &mut || {
            // configfs may be seen elsewhere in the waiter's mount namespace.
            let live = match Live::if_loaded(self.system) {
                Ok(Some(live)) => live,
                Ok(None) => return true,
                Err(_) => return false,
            };
            let there = Heartbeat::new(self.system, live.path(), self.region.name());
            // An error may pass, such as a lock that was not to be had.
            let left = there.leave_superblock(Asker::Tool, ending);
            !matches!(left, Ok(Left::StillAlive) | Err(_))
        })
    }

    /// This process is done: its reference goes. The region may have to stay: for a superblock
    /// whose own reference somebody took, or a lock domain.
    pub fn leave_process(&self) -> Result<Left> {
        let locked = self.lock(&mut |_, _| Ok(()))?;
        let last = locked.count()? <= 1;
        locked.put(Lifetime::Process)?;
        match last {
            true => self.clear(locked, Asker::Tool),
            false => Ok(Left::InUse),
        }
    }

    /// A program is done: one lasting reference goes that is not the superblock's.
    ///
    /// # Errors
    /// There is but one reference, and it is not the program's: nothing is taken.
    pub fn leave_program(&self) -> Result<Left> {
        let locked = self.lock(&mut |_, _| Ok(()))?;
        match locked.count()? {
            0 | 1 if self.is_anothers(&locked)? => bail!(
                "the heartbeat region is in use: process {} has the one reference to it",
                locked.last_user()?
            ),
            0 | 1 => {}
            _ => return locked.put(Lifetime::Lasting).map(|_| Left::InUse),
        }
        let left = self.clear(locked, Asker::Tool)?;
        if left == Left::StillAlive {
            return Err(self.refusal());
        }
        Ok(left)
    }

    /// Removes the region if nobody uses it, as one whose last user was killed.
    pub fn tidy(&self) -> Result<Left> {
        self.tidy_locked(self.lock(&mut |_, _| Ok(()))?)
    }

    /// The same, but leaves a region alone that somebody works on just now.
    pub fn tidy_unless_locked(&self) -> Result<()> {
        match self.references.try_lock()? {
            Some(locked) => self.tidy_locked(locked).map(drop),
            None => Ok(()),
        }
    }

    /// Is it worth a closer look: does nobody but perhaps a superblock refer to the region, and
    /// is that superblock not to be seen?
    pub fn looks_idle(&self) -> Result<bool> {
        Ok(self.references.count()? <= 1
            && self.region.state()? != State::Absent
            && !self.is_shown_mounted()?)
    }

    /// What was left with references of several is not for somebody who merely comes along.
    fn tidy_locked(&self, locked: Locked) -> Result<Left> {
        // Before the health, which without the pin asks for a claim on the device: in the way of
        // a mount(2) that is just being made with one of these references.
        let may_go = match locked.count()? {
            0 => true,
            1 => locked.superblock_owns_one()? && !self.lives(locked.last_user()?),
            _ => false,
        };
        if !may_go {
            return Ok(Left::InUse);
        }
        let health = self.health()?;
        match health.condition {
            Condition::Mounted | Condition::Faulty(Fault::DiskGoneMounted(_)) => {
                Ok(Left::StillAlive)
            }
            Condition::Faulty(Fault::Orphaned) => self.clear(locked, Asker::Tool),
            _ if health.references == 0 => self.clear(locked, Asker::Tool),
            _ => Ok(Left::InUse),
        }
    }

    /// The region goes if the kernel does not need it, and the semaphores with it. No program
    /// refers to it: whose lock domain is still there was killed.
    pub(super) fn clear(&self, locked: Locked, asker: Asker) -> Result<Left> {
        let found = self.region.state()?;
        if !self.is_pinned_while_mounted()? && self.superblock_lives(asker)? {
            return Ok(Left::StillAlive);
        }
        let name = self.region.name().to_string();
        if !self.is_shared()? && dlmfs::abandon(self.system, &name)? {
            return Ok(Left::StillAlive);
        }
        match found {
            State::Absent => {}
            _ if self.region.remove()? == Removal::Pinned => return Ok(Left::StillAlive),
            _ => {}
        }
        locked.destroy()?;
        Ok(if found == State::Absent {
            Left::NothingThere
        } else {
            Left::Stopped
        })
    }

    /// Does the reference that was last taken belong to somebody else than the superblock?
    /// Ours are marked; one of the C mount.ocfs2 is not, but its process has ended, while a
    /// program that is joining lives.
    fn is_anothers(&self, locked: &Locked) -> Result<bool> {
        Ok(!locked.superblock_owns_one()? && self.lives(locked.last_user()?))
    }
}
