//! One reference of a process, which becomes the superblock's or is given back.

use super::POLL_INTERVAL;
use super::semaphores::{
    COUNT, HELD, Lifetime, MARK, Mark, RegionSemaphores, cannot_open, unless_gone,
};
use crate::syscall::sem::{Op, Set};
use eyre::{Result, WrapErr};
use smallvec::SmallVec;
use std::io;

/// Operations that are applied at once.
pub(super) type Ops = SmallVec<[Op; 6]>;

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
        set.apply(&own(owner_known, lifetime, 1), POLL_INTERVAL)
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
        if !self.owner_known {
            return Ok(());
        }
        let ops = [Op::new(MARK, 0).or_fail(), Mark::Mounting.op(1)];
        let marked = self.set.apply(&ops, POLL_INTERVAL);
        or_if_blocked(marked, || Ok(())).wrap_err("marking the mount")
    }

    /// Hands the reference to the mounted superblock. Where another one is marked already, it is
    /// just given back. Where it must not be `marked`, or cannot be in a set of C's, `first_mount`
    /// decides.
    pub fn give_to_superblock(self, marked: bool, first_mount: bool) -> Result<()> {
        let given = if marked && self.owner_known {
            or_if_blocked(self.outlive_process(Mark::Superblock), || self.give_back())
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
        let made = or_if_blocked(self.outlive_process(mark), || {
            self.outlive_process(Mark::None)
        });
        made.wrap_err("making the reference last")
    }

    /// Gives the reference back. Succeeds where another process has removed it.
    pub fn put(self) -> Result<()> {
        put(self.set, &self.back())
    }

    fn back(&self) -> Ops {
        own(self.owner_known, self.lifetime, -1)
    }

    fn give_back(&self) -> io::Result<()> {
        self.set.apply(&self.back(), POLL_INTERVAL)
    }

    /// Makes the reference outlive this process in one step that no end of this process divides.
    ///
    /// # Errors
    /// `WouldBlock`: another reference is marked.
    fn outlive_process(&self, mark: Mark) -> io::Result<()> {
        let apply = |marks: &[Op]| {
            let mut ops = Ops::from_slice(marks);
            ops.push(Op::new(COUNT, 1));
            ops.extend(self.back());
            self.set.apply(&ops, POLL_INTERVAL)
        };
        if mark == Mark::None || !self.owner_known {
            return apply(&[]);
        }
        let unmarked = Op::new(MARK, 0).or_fail();
        let instead = apply(&[Mark::Mounting.op(-1), unmarked, mark.op(1)]);
        or_if_blocked(instead, || apply(&[unmarked, mark.op(1)]))
    }
}

/// Returns the operations by which this process takes a reference (1) or gives one back (-1).
pub(super) fn own(owner_known: bool, lifetime: Lifetime, delta: i16) -> Ops {
    let held = Op::new(HELD, delta).undone_at_exit().or_fail();
    let count = [lifetime.op(delta)].into_iter();
    count.chain(owner_known.then_some(held)).collect()
}

/// Gives a reference back, unless there is none.
pub(super) fn put(set: Set, ops: &[Op]) -> Result<()> {
    let put = or_if_blocked(set.apply(ops, POLL_INTERVAL), || Ok(()));
    let put = unless_gone(put).map(drop);
    put.wrap_err("giving a reference to the region back")
}

/// Does `other` where nothing was applied, as an operation that must not wait would have to.
fn or_if_blocked(
    applied: io::Result<()>,
    other: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    match applied {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => other(),
        applied => applied,
    }
}
