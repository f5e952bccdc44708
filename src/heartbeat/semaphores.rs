//! The semaphore set of a region, in which the C tools count its references.
//!
//! Semaphore 0 is the region's lock, 1 counts references (ocfs2-tools, libo2cb). Two are ours: 2 is
//! the mark of the mounted volume's reference, and 3 counts the references that running processes
//! of ours have (SEM_UNDO). C tools open the set with a size of two and never use these.

mod ownership;
mod tally;

pub use tally::{Mark, Tally};

use super::POLL_INTERVAL;
use super::reference::{Ops, Reference, own, put};
use crate::crc;
use crate::host::System;
use crate::ids::Uuid;
use crate::syscall::sem::{Op, Set};
use eyre::{Report, Result, WrapErr, bail, eyre};
use std::io;
use std::time::{Duration, Instant};

pub(super) const LOCK: u16 = 0;
pub(super) const COUNT: u16 = 1;
pub(super) const MARK: u16 = 2;
pub(super) const HELD: u16 = 3;

/// Takes the lock, once no process has it.
const DOWN: [Op; 2] = [
    Op::new(LOCK, 0).undone_at_exit(),
    Op::new(LOCK, 1).undone_at_exit(),
];

/// Longer than any start of a heartbeat that the kernel does not give up itself.
pub(super) const LOCK_TIMEOUT: Duration = Duration::from_secs(60);

const OPENING: &str = "opening the region's semaphores";
const READING: &str = "reading the references to the region";

/// How long a reference lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// Until it is given back or this process ends.
    Process,
    /// Until it is given back.
    Lasting,
}

impl Lifetime {
    pub(super) fn op(self, delta: i16) -> Op {
        let op = Op::new(COUNT, delta).or_fail();
        match self {
            Self::Process => op.undone_at_exit(),
            Self::Lasting => op,
        }
    }
}

/// The set of one region, looked up or made when it is locked.
///
/// Its key follows from a UUID that any user can read. So any user can make it first, and hold the
/// lock or count references. `find` ignores such a set, and `open` replaces it.
#[derive(Clone, Copy)]
pub struct RegionSemaphores<'s> {
    system: &'s System,
    name: Uuid,
}

impl<'s> RegionSemaphores<'s> {
    /// Returns the semaphores of the region `name`.
    pub fn of(system: &'s System, name: Uuid) -> Self {
        Self { system, name }
    }

    /// Returns the key of the set, from which the name does not follow.
    pub fn key(name: Uuid) -> i32 {
        let crc = !crc::update(!0, name.to_string().as_bytes());
        i32::from_ne_bytes(crc.to_ne_bytes())
    }

    /// Returns the references, read without the lock and without making a set where there is none.
    pub fn tally(self) -> Result<Tally> {
        let tally = unless_gone(self.find().and_then(Tally::of));
        Ok(tally.wrap_err(READING)?.unwrap_or_default())
    }

    /// Takes the region's lock. `wanted` is called repeatedly while another process has the lock;
    /// its error ends the wait.
    ///
    /// # Errors
    /// Another process has the lock for a minute: names it.
    pub fn lock(self, wanted: &mut dyn FnMut() -> Result<()>) -> Result<RegionLock> {
        let started = Instant::now();
        let mut replaced = false;
        loop {
            let (set, owner_known) = self.open().map_err(cannot_open)?;
            match set.apply(&DOWN, POLL_INTERVAL) {
                Ok(()) if !(owner_known || replaced) && set.value(COUNT).is_ok_and(|n| n == 0) => {
                    // The C tools made it, for two. Processes that wait for it find ours instead;
                    // but not where the kernel's limits allow no set of four.
                    set.remove().wrap_err("replacing the region's semaphores")?;
                    replaced = true;
                }
                Ok(()) => return Ok(RegionLock::new(set, owner_known)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => wanted()?,
                Err(error) if is_gone(&error) || error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error).wrap_err("locking the region"),
            }
            if started.elapsed() > LOCK_TIMEOUT {
                let holder = match set.last_process(LOCK) {
                    Ok(pid) if pid != 0 => format!("process {pid} has it"),
                    _ => "a process in another PID namespace has it".into(),
                };
                bail!(
                    "the region's lock was not to be had within {} s ({holder})",
                    LOCK_TIMEOUT.as_secs()
                );
            }
        }
    }

    /// Takes the region's lock, if no other process has it and there is anything to lock.
    pub fn try_lock(self) -> Result<Option<RegionLock>> {
        let Some(set) = unless_gone(self.find()).wrap_err(OPENING)? else {
            return Ok(None);
        };
        let [free, down] = DOWN;
        match set.apply(&[free.or_fail(), down], POLL_INTERVAL) {
            Ok(()) => Ok(Some(RegionLock::new(set, set.value(HELD).is_ok()))),
            Err(error) if is_gone(&error) || error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error).wrap_err("locking the region"),
        }
    }
}

/// Proof of the region's lock, without which nothing starts or stops a heartbeat.
///
/// Its drop, or the end of the process, releases the lock.
#[derive(Debug)]
pub struct RegionLock {
    set: Set,
    owner_known: bool,
}

impl RegionLock {
    fn new(set: Set, owner_known: bool) -> Self {
        let locked = Self { set, owner_known };
        // C tools decrement the count and do not know the mark: then it marks none of those left.
        if let Ok(tally) = locked.tally()
            && tally.mark.has_reference()
            && tally.count <= tally.held
        {
            let _ = set.apply(&[tally.mark.op(-1)], POLL_INTERVAL);
        }
        locked
    }

    /// Returns the references by their owners.
    pub fn tally(&self) -> Result<Tally> {
        Tally::of(self.set).wrap_err(READING)
    }

    /// Marks the reference of a volume that another tool has mounted, and that is mounted now.
    /// Where a process of ours has a reference, it may have mounted the volume and mark its own.
    pub fn adopt(&self) -> Result<()> {
        let tally = self.tally()?;
        let ops = match tally.mark {
            Mark::OldMount => [Mark::OldMount.op(-1), Mark::Superblock.op(1)],
            Mark::None if self.owner_known && tally.free() > 0 && tally.held == 0 => {
                [Op::new(MARK, 0).or_fail(), Mark::Superblock.op(1)]
            }
            _ => return Ok(()),
        };
        let adopted = self.set.apply(&ops, POLL_INTERVAL);
        adopted.wrap_err("marking the mounted volume's reference")
    }

    /// Removes the mark of a mount that is no more under way and has left no superblock.
    pub fn forget_mounting(&self) -> Result<()> {
        let ops = [Op::new(HELD, 0).or_fail(), Mark::Mounting.op(-1)];
        put(self.set, &ops)
    }

    /// Takes one reference.
    pub fn take(&self, lifetime: Lifetime) -> Result<Reference> {
        Reference::take(self.set, self.owner_known, lifetime)
    }

    /// Gives one reference back, if there is one: the marked one if there is a mark.
    pub fn put_superblocks(&self) -> Result<()> {
        let mark = self.tally()?.mark;
        self.put_lasting(mark.has_reference().then(|| mark.op(-1)))
    }

    /// Gives one reference back, if there is one, but not the marked one.
    pub fn put(&self, lifetime: Lifetime) -> Result<()> {
        match lifetime {
            Lifetime::Process => put(self.set, &own(self.owner_known, lifetime, -1)),
            Lifetime::Lasting => self.put_lasting(None),
        }
    }

    fn put_lasting(&self, mark: Option<Op>) -> Result<()> {
        let mut ops = Ops::from_iter([Lifetime::Lasting.op(-1)]);
        ops.extend(mark);
        // Up and down, so that the kernel records this process there as well: see
        // `Tally::stranger`.
        if self.owner_known {
            ops.extend([1, -1].map(|delta| Op::new(HELD, delta)));
        }
        put(self.set, &ops)
    }

    /// Returns whether the set has room for the mark: one that C tools made has not.
    pub fn knows_owners(&self) -> bool {
        self.owner_known
    }

    /// Removes the set, and the lock with it: nothing refers to the region any more.
    pub fn destroy(self) -> Result<()> {
        let removed = unless_gone(self.set.remove()).map(drop);
        removed.wrap_err("removing the region's semaphores")
    }
}

impl Drop for RegionLock {
    fn drop(&mut self) {
        let up = [Op::new(LOCK, -1).undone_at_exit().or_fail()];
        // Twice, as every other process would wait for a starter that may go on for long. If both
        // fail, its end releases the lock.
        for _ in 0..2 {
            if unless_gone(self.set.apply(&up, POLL_INTERVAL)).is_ok() {
                return;
            }
        }
    }
}

pub(super) fn cannot_open(error: io::Error) -> Report {
    let limited = matches!(error.raw_os_error(), Some(libc::ENOSPC | libc::EINVAL));
    match limited {
        true => eyre!(
            "the kernel has no semaphores left for the region (ipcs -s shows who has them, \
             sysctl kernel.sem the limits)"
        ),
        false => eyre!(error).wrap_err(OPENING),
    }
}

/// Returns none where the set does not exist, or was removed meanwhile.
pub(super) fn unless_gone<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if is_gone(&error) => Ok(None),
        result => result.map(Some),
    }
}

/// Returns whether the set does not exist, or was removed meanwhile.
pub(super) fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EIDRM | libc::EINVAL | libc::ENOENT)
    )
}
