//! One volume's disk heartbeat on this node: a region that beats while anybody refers to it.
//!
//! The order that everything here keeps: lock, look, act on the region, act on the
//! references, unlock. What the kernel says of a region outweighs what the references say:
//! a mounted volume pins its region, so that a reference too few stops nothing.

mod hold;
mod refs;
mod region;
mod starter;
mod superblock;
mod waiter;

pub use hold::{Hold, NoHeartbeat};
pub use refs::Lifetime;
pub use region::{Region, Removal, State, Thread};

use crate::ids::Uuid;
use crate::sys::ioprio::Level;
use crate::system::System;
use crate::system::mounts::{self, DeviceNumber};
use crate::volume::Geometry;
use eyre::{Result, WrapErr, bail};
use refs::{Locked, Reference, References};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a region is on disk.
#[derive(Debug, Clone)]
pub struct Source {
    /// The block device, by a name that may be one of many.
    pub device: PathBuf,
    /// The same as the kernel numbers it.
    pub number: DeviceNumber,
    /// Its blocks.
    pub geometry: Geometry,
}

/// What somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Another process works on the same region.
    Lock,
    /// The heartbeat has to become steady, which takes the kernel 8 s or more.
    Steady,
}

/// Called some four times a second while something is waited for; an error ends the wait.
pub type Watch<'w> = dyn FnMut(Wait, Duration) -> Result<()> + 'w;

/// Who says that the superblock is done with its region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// A tool: the superblock may live on.
    Tool,
    /// The kernel's call-out: this superblock is just ending, though its device is still
    /// claimed.
    Kernel,
}

/// What is known of a superblock before it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// Its device; other mounts of it may go on.
    device: Option<DeviceNumber>,
    /// One of the references was its own. Several may come to give that back: two unmounts, or
    /// one and the process that waits. Unmarked, it is one of the C mount.ocfs2's.
    was_marked: bool,
}

/// Who takes a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A mount, whose superblock will own the reference: marked as its own, unless it is
    /// somebody who knows no mark that will give it back (the C tools).
    Mount {
        /// The mark is set.
        marked: bool,
    },
    /// A program.
    Program,
}

/// What leaving came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// It was the last: the heartbeat has stopped.
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
    references: References,
    /// A mounted volume pins its region: kernels from 2.6.37 on, which are those with the
    /// attribute `heartbeat/mode`.
    pinned_while_mounted: bool,
}

impl<'s> Heartbeat<'s> {
    /// That of the volume `name` in the cluster whose configfs folder is `cluster`.
    pub fn new(system: &'s System, cluster: &Path, name: Uuid) -> Self {
        Self {
            system,
            region: Region::new(system, cluster, name),
            references: References::of(name, system.semaphore_mode()),
            pinned_while_mounted: cluster.join("heartbeat/mode").exists(),
        }
    }

    /// The region, to look at.
    pub fn region(&self) -> &Region<'s> {
        &self.region
    }

    /// Joins: the region beats and a reference of this process keeps it so.
    ///
    /// A mount's reference is lasting from the start where no pin would make up for the loss
    /// of it: leak, never lose.
    pub fn hold(&self, source: &Source, holder: Holder, watch: &mut Watch) -> Result<Hold<'_>> {
        let lifetime = match holder {
            Holder::Mount { .. } if !self.pinned_while_mounted => Lifetime::Lasting,
            _ => Lifetime::Process,
        };
        let mounted_before =
            self.is_shown_mounted()? || !mounts::points_of(self.system, source.number)?.is_empty();
        let (reference, starter) = match self.hold_running(source, lifetime, watch)? {
            Some(reference) => (reference, None),
            None => {
                let (reference, starter) = starter::start(self, source, lifetime, watch)?;
                (reference, Some(starter))
            }
        };
        Ok(Hold {
            heartbeat: self,
            reference: Some(reference),
            _starter: starter,
            // A mark can be stale, which without the pin would lose a reference.
            marked: holder == Holder::Mount { marked: true } && self.pinned_while_mounted,
            first_mount: !mounted_before,
        })
    }

    fn hold_running(
        &self,
        source: &Source,
        lifetime: Lifetime,
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
                locked.take(lifetime).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// A copy of a volume has its UUID too, but not its heartbeat.
    fn check_device(&self, beating: &str, source: &Source) -> Result<()> {
        let number =
            mounts::number_of(self.system, beating).wrap_err("comparing the heartbeat's device")?;
        if number.is_some_and(|number| number != source.number) {
            bail!(
                "the heartbeat of the volume {} runs on {beating}, which is another device (a \
                 copy of the volume, or one path of several to it)",
                self.region.name()
            );
        }
        Ok(())
    }

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
        waiter::start(self, ending)
    }

    /// A program is done: one reference goes that is not the superblock's.
    ///
    /// # Errors
    /// There is but one reference, and it is not the program's: nothing is taken.
    pub fn leave_program(&self, lifetime: Lifetime) -> Result<Left> {
        let locked = self.lock(&mut |_, _| Ok(()))?;
        match locked.count()? {
            0 | 1 if lifetime == Lifetime::Lasting && self.is_anothers(&locked)? => bail!(
                "the heartbeat region is in use: process {} has the one reference to it",
                locked.last_user()?
            ),
            0 | 1 => {}
            _ => return locked.put(lifetime).map(|_| Left::InUse),
        }
        let left = self.clear(locked, Asker::Tool)?;
        if left == Left::StillAlive {
            bail!("the heartbeat region is in use: the volume is mounted (unmount it first)");
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

    fn tidy_locked(&self, locked: Locked) -> Result<Left> {
        let idle = match locked.count()? {
            0 => true,
            1 => locked.superblock_owns_one()? && !self.last_user_lives(&locked)?,
            _ => false,
        };
        if !idle {
            return Ok(Left::InUse);
        }
        // A second witness beside the pin.
        if self.superblock_lives(Asker::Tool)? {
            return Ok(Left::StillAlive);
        }
        self.clear(locked, Asker::Tool)
    }

    /// The region goes if the kernel does not need it, and the semaphores with it.
    fn clear(&self, locked: Locked, asker: Asker) -> Result<Left> {
        let found = self.region.state()?;
        if !self.pinned_while_mounted && self.superblock_lives(asker)? {
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
        Ok(!locked.superblock_owns_one()? && self.last_user_lives(locked)?)
    }

    /// A zombie counts as dead; a later process with the same number, which cannot be told
    /// from it, as alive: leak, never lose.
    fn last_user_lives(&self, locked: &Locked) -> Result<bool> {
        let user = locked.last_user()?;
        if user == 0 || user == std::process::id() {
            return Ok(false);
        }
        let stat = crate::system::read_attribute(&self.system.path(format!("/proc/{user}/stat")));
        // The state follows the name, which stands in parentheses and may hold any text.
        Ok(stat.is_ok_and(|stat| {
            stat.is_some_and(|stat| {
                stat.rsplit_once(") ")
                    .is_some_and(|(_, state)| !state.starts_with(['Z', 'X']))
            })
        }))
    }

    fn lock(&self, watch: &mut Watch) -> Result<Locked> {
        let started = std::time::Instant::now();
        self.references
            .lock(&mut || watch(Wait::Lock, started.elapsed()))
    }

    /// The I/O of the heartbeat's thread goes before that of others. Without a thread to be
    /// seen, on the oldest drivers, nothing is done.
    pub fn prefer_io(&self, level: Level) -> Result<()> {
        let Some(pid) = self.region.pid()? else {
            return Ok(());
        };
        let set = self.system.kernel().set_io_priority(pid, level);
        set.wrap_err("raising the I/O priority of the heartbeat thread")
    }
}

/// The number of references to the heartbeat of the volume `name`, whatever the cluster.
pub fn references(system: &System, name: Uuid) -> Result<u32> {
    References::of(name, system.semaphore_mode()).count()
}
