//! The references of a set by their owners.

use super::{COUNT, HELD, MARK, unless_gone};
use crate::syscall::sem::{Op, Set};
use std::io;

/// Which of the references is a mount's, and no process's: the values of semaphore 2.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mark {
    /// No reference is known to be a mount's.
    #[default]
    None,
    /// The mounted superblock has it, marked when it is mounted: without a superblock it is stale.
    Superblock,
    /// A mount by ocfs2-tools 1.2 has it, marked before that mounts.
    OldMount,
    /// A process of ours mounts, or was killed in it: until another mark replaces this one, the
    /// superblock has none of the references.
    Mounting,
}

impl Mark {
    fn of(value: u32) -> Self {
        match value {
            1 => Self::Superblock,
            2 => Self::OldMount,
            3 => Self::Mounting,
            _ => Self::None,
        }
    }

    /// Returns whether a mount has a reference.
    pub fn has_reference(self) -> bool {
        matches!(self, Self::Superblock | Self::OldMount)
    }

    /// Returns the operation that sets the mark (1) or removes it (-1).
    pub(in crate::heartbeat) fn op(self, sign: i16) -> Op {
        Op::new(MARK, sign * self as i16).or_fail()
    }
}

/// The references at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// All of them.
    pub count: u32,
    /// A mount has one of them.
    pub mark: Mark,
    /// The references of running processes of ours. 0 in a set that C tools have made.
    pub held: u32,
    /// The process that changed the count last and may have a reference that is not in `held`. It
    /// is none of ours, each of which changes both in one call, but perhaps one of the C tools.
    pub stranger: Option<u32>,
}

impl Tally {
    pub(in crate::heartbeat) fn of(set: Set) -> io::Result<Self> {
        loop {
            let Some(held) = unless_gone(set.value(HELD))? else {
                return Self::of_two(set);
            };
            let last = set.last_process(COUNT)?;
            let tally = Self {
                count: set.value(COUNT)?,
                mark: Mark::of(set.value(MARK)?),
                held,
                stranger: (last == 0 || last != set.last_process(HELD)?).then_some(last),
            };
            // A process may have ended meanwhile, which takes no lock.
            if (held, last) == (set.value(HELD)?, set.last_process(COUNT)?) {
                return Ok(tally);
            }
        }
    }

    /// Reads a set as the C tools make it.
    fn of_two(set: Set) -> io::Result<Self> {
        Ok(Self {
            count: set.value(COUNT)?,
            stranger: Some(set.last_process(COUNT)?),
            ..Self::default()
        })
    }

    /// Returns whether nothing uses the region, once the superblock is gone.
    pub fn is_unused(&self) -> bool {
        self.count == 0 || (self.count, self.mark, self.held) == (1, Mark::Superblock, 0)
    }

    /// Returns how many references are neither a mount's by its mark nor those of our processes:
    /// those of programs and C tools.
    pub fn free(&self) -> u32 {
        let marked = u32::from(self.mark.has_reference());
        self.count.saturating_sub(self.held + marked)
    }
}
