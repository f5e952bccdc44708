//! Leaving: whose reference goes, and whether the region goes with it.

use super::semaphores::{Lifetime, Mark, RegionLock, Tally};
use super::{Heartbeat, LeaveCause, LeaveOutcome, Removal, State, UnmountState};
use crate::cluster::dlmfs;
use crate::cluster::registered::RegisteredCluster;
use crate::host::mounts::{self, DeviceNumber};
use crate::host::{process, waiter};
use eyre::{Result, bail};
use std::os::unix::process::parent_id;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// For the end of a program of the C tools that has given its reference back: longer than that
/// takes on a busy machine, and bearable in umount(2), which waits for the kernel's callout.
const TIMEOUT: Duration = Duration::from_secs(10);
/// For a superblock that ends: some 4 s on an idle node. Ends before `in_child` gives up.
const LONGEST_END: Duration = Duration::from_secs(20);
const POLL_INTERVAL: Duration = Duration::from_millis(100);

impl Heartbeat<'_> {
    /// Who will be done with the region when the mounts of `device` are gone: asked while they
    /// are there.
    pub fn ending(&self, device: Option<DeviceNumber>) -> Result<UnmountState> {
        let mark = self.references.mark()?;
        Ok(UnmountState { device, mark })
    }

    /// The superblock is done: its reference goes, and with the last one the region.
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
            (0, _) => self.clear(locked, cause),
            // Another process has given it back, and whose the others are is not known.
            (_, mark) if ending.has_passed(mark) => Ok(LeaveOutcome::InUse),
            (_, Mark::None) if doubtful || tally.free() == 0 => Ok(LeaveOutcome::InUse),
            (_, Mark::None) if cause == LeaveCause::OldMount && locked.knows_owners() => {
                Ok(LeaveOutcome::InUse)
            }
            (1, _) => self.clear(locked, cause),
            _ if self.superblock_lives(cause)? => Ok(LeaveOutcome::StillAlive),
            _ => locked.put_superblocks().map(|_| LeaveOutcome::InUse),
        }
    }

    /// Gives the superblock's reference back as soon as the superblock is gone, in a process
    /// that goes on by itself.
    pub fn leave_superblock_later(&self, ending: UnmountState) -> Result<()> {
        waiter::start(self.system, &mut || {
            // configfs may be seen elsewhere in the waiter's mount namespace.
            let live = match RegisteredCluster::if_loaded(self.system) {
                Ok(Some(live)) => live,
                Ok(None) => return true,
                Err(_) => return false,
            };
            let there = Heartbeat::new(self.system, live.path(), self.region.name());
            // An error may pass, such as a lock that was not to be had.
            let left = there.leave_superblock(LeaveCause::Tool, ending);
            !matches!(left, Ok(LeaveOutcome::StillAlive) | Err(_))
        })
    }

    /// This process is done: its reference goes. The region may have to stay: for a superblock
    /// whose own reference somebody took, or a lock domain.
    pub fn leave_process(&self) -> Result<LeaveOutcome> {
        let locked = self.lock(&mut |_, _| Ok(()))?;
        let last = locked.count()? <= 1;
        // By this process: the kernel keeps what it owes to each.
        locked.put(Lifetime::Process)?;
        drop(locked);
        match last {
            true => self.in_child(&Self::tidy),
            false => Ok(LeaveOutcome::InUse),
        }
    }

    /// A program is done: one lasting reference goes that is not the superblock's.
    ///
    /// # Errors
    /// The references are others': nothing is taken.
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
        match tally.count {
            0 | 1 => self.clear(locked, LeaveCause::Tool),
            _ => locked.put(Lifetime::Lasting).map(|_| LeaveOutcome::InUse),
        }
    }

    /// Repeats `leave` within bounds while the kernel keeps the region for what nothing shows any
    /// more: a superblock that ends. The driver ceases to show it before it leaves its lock domain,
    /// which takes seconds (`ocfs2_dismount_volume` in fs/ocfs2/super.c). Where nothing is pinned,
    /// another program has the device.
    pub fn leave_after_superblock(
        &self,
        leave: &dyn Fn(&Self) -> Result<LeaveOutcome>,
    ) -> Result<LeaveOutcome> {
        let timeout = self.system.pause(LONGEST_END);
        let started = Instant::now();
        loop {
            let left = leave(self)?;
            if left != LeaveOutcome::StillAlive
                || started.elapsed() > timeout
                || !self.is_pinned_while_mounted()?
                || self.is_shown_mounted()?
                || dlmfs::domain(self.system, &self.region.name().to_string())?.is_some()
            {
                return Ok(left);
            }
            sleep(POLL_INTERVAL);
        }
    }

    /// Locks the region, and counts. Where no reference is marked and `asks` does, the process that
    /// changed the count last matters: it may have a reference, or have given it back and be ending.
    /// Only time shows which, so that this waits for its end; without the lock, which it needs to
    /// give a reference back. True if it still runs then.
    fn lock_settled(&self, asks: impl Fn(&Tally) -> bool) -> Result<(RegionLock, Tally, bool)> {
        let started = Instant::now();
        loop {
            let locked = self.lock(&mut |_, _| Ok(()))?;
            let tally = locked.tally()?;
            let doubtful = tally.mark == Mark::None
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

    /// Another than this process, or the applet whose child it is: those know what they have. A
    /// zombie counts as dead; a later process with the same number, which cannot be told from
    /// it, as alive: leak, never lose.
    fn lives(&self, user: Option<u32>) -> bool {
        let known = [0, std::process::id(), parent_id()];
        user.filter(|user| !known.contains(user))
            .is_some_and(|user| process::living(self.system, user).is_some())
    }

    /// Removes the region if nobody uses it, as one whose last user was killed.
    pub fn tidy(&self) -> Result<LeaveOutcome> {
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

    /// What was left with references of several is not for a process that merely comes along.
    fn tidy_locked(&self, locked: RegionLock) -> Result<LeaveOutcome> {
        // Before the superblock, which without the pin asks for a claim on the device: in the way of
        // a mount(2) that is just being made with one of these references.
        if !locked.tally()?.is_unused() {
            return Ok(LeaveOutcome::InUse);
        }
        match self.superblock_lives(LeaveCause::Tool)? {
            true => Ok(LeaveOutcome::StillAlive),
            false => self.clear(locked, LeaveCause::Tool),
        }
    }

    /// The region goes if the kernel does not need it, and the semaphores with it. No program
    /// refers to it: whose lock domain is still there was killed.
    pub(super) fn clear(&self, locked: RegionLock, cause: LeaveCause) -> Result<LeaveOutcome> {
        let found = self.region.state()?;
        if !self.is_pinned_while_mounted()? && self.superblock_lives(cause)? {
            return Ok(LeaveOutcome::StillAlive);
        }
        let name = self.region.name().to_string();
        if !self.is_shared()? && dlmfs::abandon(self.system, &name)? {
            return Ok(LeaveOutcome::StillAlive);
        }
        match found {
            State::Absent => {}
            _ if self.region.remove()? == Removal::Pinned => return Ok(LeaveOutcome::StillAlive),
            _ => {}
        }
        locked.destroy()?;
        Ok(if found == State::Absent {
            LeaveOutcome::NothingThere
        } else {
            LeaveOutcome::Stopped
        })
    }
}

impl UnmountState {
    /// Returns whether another process has given the superblock's reference back. A mount of ours
    /// may have marked anew what a mount by 1.2 had.
    fn has_passed(self, mark: Mark) -> bool {
        match self.mark {
            Mark::None => false,
            Mark::Superblock => mark != Mark::Superblock,
            Mark::OldMount => mark == Mark::None,
        }
    }
}
