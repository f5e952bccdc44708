//! One reference of a process, which becomes the superblock's or is given back.

use super::semaphores::{
    COUNT, HELD, Lifetime, MARK, Mark, POLL_INTERVAL, RegionSemaphores, cannot_open, is_gone,
};
use crate::syscall::sem::{Op, Set};
use eyre::{Result, WrapErr, eyre};
use smallvec::SmallVec;
use std::io;

/// One reference of this process.
#[derive(Debug)]
#[must_use]
pub struct Reference {
    set: Set,
    owner_known: bool,
    lifetime: Lifetime,
}

impl Reference {
    /// Takes one more reference in a set that is locked.
    pub fn take(set: Set, owner_known: bool, lifetime: Lifetime) -> Result<Self> {
        let ops: SmallVec<[Op; 2]> = own(owner_known, lifetime, 1).collect();
        set.apply(&ops, POLL_INTERVAL)
            .wrap_err("taking a reference to the region")?;
        Ok(Self {
            set,
            owner_known,
            lifetime,
        })
    }

    /// Takes a reference where another process has locked the set on our behalf.
    pub fn take_unlocked(references: RegionSemaphores, lifetime: Lifetime) -> Result<Self> {
        let (set, owner_known) = references.open().map_err(cannot_open)?;
        Self::take(set, owner_known, lifetime)
    }

    /// Marks, where nothing is marked, that this process is about to mount: killed after that, it
    /// leaves a superblock without a reference.
    pub fn mark_mounting(&self) -> Result<()> {
        let ops = [Op::new(MARK, 0).or_fail(), Mark::Mounting.op(1)];
        match self
            .owner_known
            .then(|| self.set.apply(&ops, POLL_INTERVAL))
        {
            Some(Err(error)) if error.kind() != io::ErrorKind::WouldBlock => {
                Err(error).wrap_err("marking the mount")
            }
            _ => Ok(()),
        }
    }

    /// Hands the reference to the mounted superblock. Where another one is marked already, it is
    /// just given back. Where it must not be `marked`, or cannot be in a set of C's, `first_mount`
    /// decides.
    pub fn give_to_superblock(self, marked: bool, first_mount: bool) -> Result<()> {
        let given = if marked && self.owner_known {
            match self.outlive_process(Mark::Superblock) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.give_back(),
                other => other,
            }
        } else if first_mount {
            self.outlive_process(Mark::None)
        } else {
            self.give_back()
        };
        given.wrap_err("handing the reference to the mounted volume")
    }

    /// Makes the reference outlive this process, as a program's own, or marked as another mount's
    /// where none is.
    pub fn make_lasting(self, mark: Mark) -> Result<()> {
        let made = match self.outlive_process(mark) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.outlive_process(Mark::None)
            }
            other => other,
        };
        made.wrap_err("making the reference last")
    }

    /// Gives the reference back. Succeeds where another process has removed it.
    pub fn put(self) -> Result<()> {
        put(self.set, self.back()).map(drop)
    }

    fn back(&self) -> impl Iterator<Item = Op> + use<> {
        own(self.owner_known, self.lifetime, -1)
    }

    fn give_back(&self) -> io::Result<()> {
        self.set
            .apply(&self.back().collect::<SmallVec<[Op; 2]>>(), POLL_INTERVAL)
    }

    /// Makes the reference outlive this process in one step that no end of this process divides.
    ///
    /// # Errors
    /// `WouldBlock`: another reference is marked.
    fn outlive_process(&self, mark: Mark) -> io::Result<()> {
        let apply = |marks: &[Op]| {
            let mut ops: SmallVec<[Op; 6]> = SmallVec::from_slice(marks);
            ops.push(Op::new(COUNT, 1));
            ops.extend(self.back());
            self.set.apply(&ops, POLL_INTERVAL)
        };
        if mark == Mark::None || !self.owner_known {
            return apply(&[]);
        }
        let unmarked = Op::new(MARK, 0).or_fail();
        match apply(&[Mark::Mounting.op(-1), unmarked, mark.op(1)]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                apply(&[unmarked, mark.op(1)])
            }
            other => other,
        }
    }
}

/// Returns the operations by which this process takes a reference (1) or gives one back (-1).
pub(super) fn own(owner_known: bool, lifetime: Lifetime, delta: i16) -> impl Iterator<Item = Op> {
    let held = Op::new(HELD, delta).undone_at_exit().or_fail();
    [Some(lifetime.op(delta)), owner_known.then_some(held)]
        .into_iter()
        .flatten()
}

/// Gives a reference back; returns `false` where there is none.
pub(super) fn put(set: Set, ops: impl IntoIterator<Item = Op>) -> Result<bool> {
    let ops: SmallVec<[Op; 4]> = ops.into_iter().collect();
    match set.apply(&ops, POLL_INTERVAL) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock || is_gone(&error) => Ok(false),
        Err(error) => Err(eyre!(error).wrap_err("giving a reference to the region back")),
    }
}
