//! Leaving: whose reference goes, and whether the region goes with it.

use super::semaphores::{Lifetime, Mark, RegionLock, Tally};
use super::{Heartbeat, LeaveCause, LeaveOutcome, State, UnmountState};
use crate::cluster::dlmfs;
use crate::cluster::registered::RegisteredCluster;
use crate::host::mounts::{self, DeviceNumber};
use crate::host::{process, waiter};
use eyre::{Result, bail};
use std::os::unix::process::parent_id;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Bounds the wait for a program of the C tools that has given its reference back to end: longer
/// than that takes on a busy machine, and bearable in umount(2), which waits for the kernel's
/// callout.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bounds the wait for a superblock that ends: some 4 s on an idle node. Less than `in_child`
/// waits.
const LONGEST_END: Duration = Duration::from_secs(20);
const POLL_INTERVAL: Duration = Duration::from_millis(100);

impl Heartbeat<'_> {
    /// Returns who will be done with the region when the mounts of `device` are gone. Call it while
    /// they are there.
    pub fn ending(&self, device: Option<DeviceNumber>) -> Result<UnmountState> {
        let mark = self.references.tally()?.mark;
        Ok(UnmountState { device, mark })
    }

    /// Leaves for the superblock, which is done: its reference is given back, and the last one ends
    /// the region.
    pub fn leave_superblock(
        &self,
        cause: LeaveCause,
        ending: UnmountState,
    ) -> Result<LeaveOutcome> {
        // The kernel's callout also comes after a mount(2) that failed late, whose own process
        // rolls back its join.
        let asks = |tally: &Tally| tally.free() == 1 || cause == LeaveCause::Kernel;
        let (locked, tally, doubtful) = self.lock_settled(asks)?;
        if let Some(device) = ending.device {
            let points = mounts::points_of(self.system, device)?;
            if !points.is_empty() {
                return Ok(LeaveOutcome::StillMounted(points));
            }
        }
        match (tally.count, tally.mark) {
            (0, _) => self.remove(locked, cause),
            // Another process has given it back, and the owners of the others are unknown.
            (_, mark) if ending.has_passed(mark) => Ok(LeaveOutcome::InUse),
            // The mount was killed, and the references are those of others.
            (_, Mark::Mounting) => Ok(match self.superblock_lives(cause)? {
                true => LeaveOutcome::StillAlive,
                false => LeaveOutcome::InUse,
            }),
            (_, Mark::None) if doubtful || tally.free() == 0 => Ok(LeaveOutcome::InUse),
            (_, Mark::None) if cause == LeaveCause::OldMount && locked.knows_owners() => {
                Ok(LeaveOutcome::InUse)
            }
            (1, _) => self.remove(locked, cause),
            _ if self.superblock_lives(cause)? => Ok(LeaveOutcome::StillAlive),
            _ => locked.put_superblocks().map(|()| LeaveOutcome::InUse),
        }
    }

    /// Gives the superblock's reference back as soon as the superblock is gone, in a background
    /// process.
    pub fn leave_superblock_later(&self, ending: UnmountState) -> Result<()> {
        waiter::start(self.system, &mut || {
            // The waiter's mount namespace may have configfs in another place.
            let live = match RegisteredCluster::if_loaded(self.system) {
                Ok(Some(live)) => live,
                Ok(None) => return true,
                Err(_) => return false,
            };
            let there = Heartbeat::new(self.system, live.path(), self.region.name());
            // An error may pass, such as a lock that was not available.
            let left = there.leave_superblock(LeaveCause::Tool, ending);
            !matches!(left, Ok(LeaveOutcome::StillAlive) | Err(_))
        })
    }

    /// Leaves for this process, which is done: its reference is given back. The region may have to
    /// stay: for a superblock whose own reference was removed, or a lock domain.
    pub fn leave_process(&self) -> Result<LeaveOutcome> {
        let locked = self.lock(&mut |_, _| Ok(()))?;
        let last = locked.tally()?.count <= 1;
        // By this process: the kernel keeps SEM_UNDO adjustments per process.
        locked.put(Lifetime::Process)?;
        drop(locked);
        match last {
            true => self.tidy(),
            false => Ok(LeaveOutcome::InUse),
        }
    }

    /// Leaves for a program, which is done: gives back one lasting reference that is not the
    /// superblock's.
    ///
    /// # Errors
    /// The references are those of others: none is given back.
    pub fn leave_program(&self) -> Result<LeaveOutcome> {
        let (locked, tally, doubtful) = self.lock_settled(|tally| tally.free() == 1)?;
        if doubtful {
            bail!(
                "the heartbeat region is in use: process {} may have the one reference to it (retry \
                 when that has ended)",
                tally.stranger.unwrap_or_default()
            );
        }
        if tally.free() == 0 && tally.held > 0 {
            bail!(
                "the heartbeat region is in use: running processes have the references to it (a \
                 mount in progress, or o2cb exec)"
            );
        }
        match (tally.count, tally.mark) {
            // Any other mark leaves open whether the mounted volume has the last one.
            (0, _) | (1, Mark::None | Mark::Superblock | Mark::OldMount) => {
                self.remove(locked, LeaveCause::Tool)
            }
            _ => locked.put(Lifetime::Lasting).map(|()| LeaveOutcome::InUse),
        }
    }

    /// Runs `leave` in a child, and again within bounds while the kernel keeps the region for a
    /// superblock that ends and is no longer shown. The driver ceases to show it before it leaves
    /// its lock domain, which takes seconds (`ocfs2_dismount_volume` in fs/ocfs2/super.c). Where
    /// nothing is pinned, another program has the device.
    pub fn leave_after_superblock(
        &self,
        leave: &dyn Fn(&Self) -> Result<LeaveOutcome>,
    ) -> Result<LeaveOutcome> {
        let timeout = self.system.pause(LONGEST_END);
        let started = Instant::now();
        self.in_child(&|here| {
            loop {
                let left = leave(here)?;
                if left != LeaveOutcome::StillAlive
                    || started.elapsed() > timeout
                    || !here.is_pinned_while_mounted()?
                    || here.is_shown_mounted()?
                    || dlmfs::domain(here.system, &here.region.name().to_string())?.is_some()
                {
                    return Ok(left);
                }
                sleep(POLL_INTERVAL);
            }
        })
    }

    /// Locks the region, and counts; returns whether a process that may have a reference still
    /// runs. Where no reference is marked and `asks` is true, that is the process that changed the
    /// count last. It may have a reference, or have given it back and be ending. Only time shows
    /// which, so this waits for its end, without the lock, which it needs to give a reference back.
    fn lock_settled(&self, asks: impl Fn(&Tally) -> bool) -> Result<(RegionLock, Tally, bool)> {
        let started = Instant::now();
        loop {
            let locked = self.lock(&mut |_, _| Ok(()))?;
            let tally = locked.tally()?;
            let doubtful = !tally.mark.has_reference()
                && tally.free() > 0
                && asks(&tally)
                && self.lives(tally.stranger);
            if !doubtful || started.elapsed() > TIMEOUT {
                return Ok((locked, tally, doubtful));
            }
            drop(locked);
            sleep(POLL_INTERVAL);
        }
    }

    /// Returns whether a process is alive that is neither this one nor the applet whose child it
    /// is: those know what they have. A zombie counts as dead. A later process with the same number
    /// looks the same, and counts as alive: leak, never lose.
    fn lives(&self, user: Option<u32>) -> bool {
        let known = [0, std::process::id(), parent_id()];
        user.filter(|user| !known.contains(user))
            .is_some_and(|user| process::living(self.system, user).is_some())
    }

    /// Removes the region if nothing uses it, as where its last user was killed. In a child.
    pub fn tidy(&self) -> Result<LeaveOutcome> {
        self.in_child(&|here| here.tidy_locked(here.lock(&mut |_, _| Ok(()))?))
    }

    /// Does what `tidy` does, but leaves a region alone that another process works on.
    pub fn tidy_unless_locked(&self) -> Result<()> {
        let locked = self.references.try_lock()?;
        locked.map_or(Ok(()), |locked| self.tidy_locked(locked).map(drop))
    }

    /// Returns whether the region is worth a closer look: only a superblock may refer to it, and
    /// that superblock is not visible.
    pub fn looks_idle(&self) -> Result<bool> {
        Ok(self.references.tally()?.count <= 1
            && self.region.state()? != State::Absent
            && !self.is_shown_mounted()?)
    }

    /// Removes a locked region, but not one with references of several users: an unrelated process
    /// cannot judge those.
    fn tidy_locked(&self, locked: RegionLock) -> Result<LeaveOutcome> {
        // Before the superblock: without the pin that check claims the device, in the way of a
        // mount(2) that is just being made with one of these references.
        if !locked.tally()?.is_unused() {
            return Ok(LeaveOutcome::InUse);
        }
        match self.superblock_lives(LeaveCause::Tool)? {
            true => Ok(LeaveOutcome::StillAlive),
            false => self.remove(locked, LeaveCause::Tool),
        }
    }

    /// Removes the region and its semaphores, if the kernel does not need them. No program refers
    /// to it: a lock domain that is still there is that of a program that was killed.
    pub(super) fn remove(&self, locked: RegionLock, cause: LeaveCause) -> Result<LeaveOutcome> {
        let found = self.region.state()?;
        if !self.is_pinned_while_mounted()? && self.superblock_lives(cause)? {
            return Ok(LeaveOutcome::StillAlive);
        }
        let name = self.region.name().to_string();
        if !self.is_shared()? && dlmfs::abandon(self.system, &name)? {
            return Ok(LeaveOutcome::StillAlive);
        }
        let there = found != State::Absent;
        if there && !self.region.remove()? {
            return Ok(LeaveOutcome::StillAlive);
        }
        locked.destroy()?;
        Ok(match there {
            true => LeaveOutcome::Stopped,
            false => LeaveOutcome::NothingThere,
        })
    }
}

impl UnmountState {
    /// Returns whether another process has given the superblock's reference back. A mount of ours
    /// may have marked again what a mount by 1.2 had.
    fn has_passed(self, mark: Mark) -> bool {
        match self.mark {
            Mark::None => false,
            Mark::Superblock => mark != Mark::Superblock,
            Mark::OldMount => matches!(mark, Mark::None | Mark::Mounting),
            Mark::Mounting => mark != Mark::Mounting,
        }
    }
}
