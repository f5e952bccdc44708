//! A snapshot of a set, taken without its lock.

use super::{LOCK, Mark, RegionSemaphores, Tally, is_gone};
use eyre::{Result, WrapErr};

/// The state of a set. Process numbers are 0 for one in another PID namespace, or none yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SemaphoreSnapshot {
    /// The references by their owners.
    pub tally: Tally,
    /// Whether one of them is marked as the superblock's; none in a set of the C tools, which has
    /// no room for the mark.
    pub marked: Option<bool>,
    /// The process that last took a reference or gave one back.
    pub last_user: u32,
    /// The process that has the region's lock.
    pub locked_by: Option<u32>,
}

impl RegionSemaphores<'_> {
    /// Returns all that the kernel shows of the set, without the lock and without making one; none
    /// where there is no set.
    pub fn look(self) -> Result<Option<SemaphoreSnapshot>> {
        let look = || {
            let set = self.find()?;
            let tally = Tally::of(set)?;
            Ok(SemaphoreSnapshot {
                tally,
                marked: match set.value(super::HELD) {
                    Ok(_) => Some(tally.mark == Mark::Superblock),
                    Err(error) if is_gone(&error) => None,
                    Err(error) => return Err(error),
                },
                last_user: set.last_process(super::COUNT)?,
                locked_by: match set.value(LOCK)? {
                    0 => None,
                    _ => Some(set.last_process(LOCK)?),
                },
            })
        };
        match look() {
            Ok(look) => Ok(Some(look)),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error).wrap_err("reading the region's semaphores"),
        }
    }
}
