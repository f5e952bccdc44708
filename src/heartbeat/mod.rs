//! One volume's disk heartbeat on this node: a region that beats while anybody refers to it.
//!
//! The order that everything here keeps: lock, look, act on the region, act on the
//! references, unlock. What the kernel says of a region outweighs what the references say:
//! a mounted volume pins its region, so that a reference too few stops nothing.

mod refs;
mod region;
mod starter;
mod waiter;

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

    /// The number of references.
    pub fn references(&self) -> Result<u32> {
        self.references.count()
    }

    /// Joins: the region beats and a reference of this process keeps it so.
    ///
    /// A mount's reference is lasting from the start where no pin would make up for the loss
    /// of it: leak, never lose.
    pub fn hold(&self, source: &Source, for_mount: bool, watch: &mut Watch) -> Result<Hold<'_>> {
        let lifetime = if for_mount && !self.pinned_while_mounted {
            Lifetime::Lasting
        } else {
            Lifetime::Process
        };
        let reference = match self.hold_running(lifetime, watch)? {
            Some(reference) => reference,
            None => starter::start(self, source, lifetime, watch)?,
        };
        Ok(Hold {
            heartbeat: self,
            reference: Some(reference),
            first_mount: !self.superblock_lives(Asker::Tool)?,
        })
    }

    fn hold_running(&self, lifetime: Lifetime, watch: &mut Watch) -> Result<Option<Reference>> {
        // Without a region there is nothing to lock, and no set of semaphores to make.
        if self.region.state()? == State::Absent {
            return Ok(None);
        }
        let locked = self.lock(watch)?;
        match self.region.state()? {
            State::Beating(_) => locked.take(lifetime).map(Some),
            _ => Ok(None),
        }
    }

    /// The superblock is done: its reference goes, and with the last one the region.
    /// `device` is the one that was unmounted; other mounts of it may go on.
    pub fn leave_superblock(&self, asker: Asker, device: Option<DeviceNumber>) -> Result<Left> {
        let locked = self.lock(&mut |_, _| Ok(()))?;
        if let Some(device) = device {
            let points = mounts::points_of(self.system, device)?;
            if !points.is_empty() {
                return Ok(Left::StillMounted(points));
            }
        }
        match locked.count()? {
            0 => self.clear(locked, asker),
            1 if self.is_superblocks(&locked)? => self.clear(locked, asker),
            // A program that is just joining: the superblock has none to give back.
            1 => Ok(Left::InUse),
            _ if self.superblock_lives(asker)? => Ok(Left::StillAlive),
            _ => locked.put_superblocks().map(|_| Left::InUse),
        }
    }

    /// Gives the superblock's reference back as soon as the superblock is gone, in a process
    /// that goes on by itself. `device` is the one that was unmounted.
    pub fn leave_superblock_later(&self, device: Option<DeviceNumber>) -> Result<()> {
        waiter::start(self, device)
    }

    /// A program is done: one reference goes that is not the superblock's.
    ///
    /// # Errors
    /// The volume is mounted and nobody else refers to it: nothing is taken.
    pub fn leave_program(&self, lifetime: Lifetime) -> Result<Left> {
        let locked = self.lock(&mut |_, _| Ok(()))?;
        if locked.count()? > 1 {
            return locked.put(lifetime).map(|_| Left::InUse);
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

    fn tidy_locked(&self, locked: Locked) -> Result<Left> {
        let idle = match locked.count()? {
            0 => true,
            1 => locked.superblock_owns_one()?,
            _ => false,
        };
        if idle {
            self.clear(locked, Asker::Tool)
        } else {
            Ok(Left::InUse)
        }
    }

    /// The region goes if the kernel does not need it, and the semaphores with it.
    fn clear(&self, locked: Locked, asker: Asker) -> Result<Left> {
        let found = self.region.state()?;
        if !self.pinned_while_mounted && self.superblock_lives(asker)? {
            return Ok(Left::StillAlive);
        }
        match found {
            State::HalfStarted(Thread::Ended(pid)) => bail!(wedged(self.region.name(), pid)),
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

    /// Is the one reference that there is the superblock's? Ours are marked; one of the C
    /// mount.ocfs2 is not, but its process has ended, while a program that is joining lives.
    fn is_superblocks(&self, locked: &Locked) -> Result<bool> {
        if locked.superblock_owns_one()? {
            return Ok(true);
        }
        let user = locked.last_user()?;
        let lives = user != 0 && self.system.path(format!("/proc/{user}")).exists();
        Ok(!lives)
    }

    /// Is the region's volume mounted on this node, wherever that may be seen?
    ///
    /// Its driver shows each superblock in sysfs (since 4.7), its journal in /proc (since
    /// 2.6.25). Where the region is pinned that is all that has to be asked: an O_EXCL open
    /// might make the mount(2) of another process fail. Where nothing pins it, that open is
    /// the one sure answer, and a device that cannot be asked counts as mounted. But it is no
    /// answer to the kernel's call-out, which comes before the superblock lets its device go.
    fn superblock_lives(&self, asker: Asker) -> Result<bool> {
        let State::Beating(device) = self.region.state()? else {
            return Ok(false);
        };
        let journal = format!("{device}-");
        let shown = self.system.path("/sys/fs/ocfs2").join(&device).exists()
            || crate::system::list(&self.system.path("/proc/fs/jbd2"))?
                .iter()
                .any(|name| name.to_string_lossy().starts_with(&journal));
        if shown || self.pinned_while_mounted || asker == Asker::Kernel {
            return Ok(shown);
        }
        let node = self.system.path("/dev").join(device);
        Ok(self.system.kernel().is_claimed(&node).unwrap_or(true))
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

/// A reference of this process to a beating region. Dropped, it is given back.
#[must_use]
pub struct Hold<'h> {
    heartbeat: &'h Heartbeat<'h>,
    /// Taken out by what ends the hold.
    reference: Option<Reference>,
    first_mount: bool,
}

impl Hold<'_> {
    /// The volume is mounted: the reference becomes its superblock's.
    pub fn give_to_superblock(mut self) -> Result<()> {
        let Some(reference) = self.reference.take() else {
            return Ok(());
        };
        // Under the lock, or somebody who just takes the mark of an earlier, dead superblock
        // away would take this one's. Without it rather than not at all.
        let _locked = self.heartbeat.lock(&mut |_, _| Ok(()));
        reference.give_to_superblock(self.first_mount)
    }

    /// The program's reference is to outlive this process (ocfs2_hb_ctl -S).
    pub fn make_lasting(mut self) -> Result<()> {
        match self.reference.take() {
            Some(reference) => reference.make_lasting(),
            None => Ok(()),
        }
    }

    /// The reference stays this process's.
    pub fn keep(mut self) {
        self.reference = None;
    }

    /// It was for nothing: what `hold` did is undone.
    pub fn release(mut self) -> Result<()> {
        self.undo()
    }

    fn undo(&mut self) -> Result<()> {
        let Some(reference) = self.reference.take() else {
            return Ok(());
        };
        let locked = self.heartbeat.lock(&mut |_, _| Ok(()))?;
        let last = locked.count()? <= 1;
        reference.put()?;
        if last {
            self.heartbeat.clear(locked, Asker::Tool)?;
        }
        Ok(())
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        // `release` is there for those who can tell somebody; a reference that could not be
        // given back ends with the process.
        let _ = self.undo();
    }
}

/// A region that must not be touched on this kernel.
fn wedged(name: Uuid, pid: u32) -> String {
    format!(
        "the heartbeat region {name} was left half-started, its thread {pid} has ended, and on \
         this kernel any use of it may panic the machine (reboot this node; kernels from \
         6.1.192 and 6.12.117 on are mended)"
    )
}
