//! One reference of a process, which becomes the superblock's or goes.

use super::refs::{COUNT, Lifetime, References, SLICE, SUPERBLOCK, cannot_open, put};
use crate::sys::sem::{Op, Set};
use eyre::{Result, WrapErr};
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
    /// One more in a set that is locked.
    pub fn take(set: Set, owner_known: bool, lifetime: Lifetime) -> Result<Self> {
        set.apply(&[lifetime.op(1)], SLICE)
            .wrap_err("taking a reference to the region")?;
        Ok(Self {
            set,
            owner_known,
            lifetime,
        })
    }

    /// The same where another process has locked it on our behalf.
    pub fn take_unlocked(references: References, lifetime: Lifetime) -> Result<Self> {
        let (set, owner_known) = references.open().map_err(cannot_open)?;
        Self::take(set, owner_known, lifetime)
    }

    /// Hands it to the mounted superblock, in one step that no end of this process divides.
    /// A superblock that has one already needs no second: then it is just given back.
    /// Where that is not to be `marked`, or cannot be in a set of C's, `first_mount` decides.
    pub fn give_to_superblock(self, marked: bool, first_mount: bool) -> Result<()> {
        let back = self.lifetime.op(-1).or_fail();
        let last = Op::new(COUNT, 1);
        let given = if marked && self.owner_known {
            let hand_over = [
                Op::new(SUPERBLOCK, 0).or_fail(),
                last,
                back,
                Op::new(SUPERBLOCK, 1),
            ];
            match self.set.apply(&hand_over, SLICE) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.set.apply(&[back], SLICE)
                }
                other => other,
            }
        } else if first_mount {
            self.set.apply(&[last, back], SLICE)
        } else {
            self.set.apply(&[back], SLICE)
        };
        given.wrap_err("handing the reference to the mounted volume")
    }

    /// Makes it outlive this process, as a program's own reference.
    pub fn make_lasting(self) -> Result<()> {
        if self.lifetime == Lifetime::Lasting {
            return Ok(());
        }
        let ops = [Op::new(COUNT, 1), self.lifetime.op(-1).or_fail()];
        let made = self.set.apply(&ops, SLICE);
        made.wrap_err("making the reference last")
    }

    /// Gives it back. Not an error if somebody took it away.
    pub fn put(self) -> Result<()> {
        put(self.set, &[self.lifetime.op(-1).or_fail()]).map(drop)
    }
}
