//! What is wrong with a region: one judgement for those who tidy up as they go, for whoever mends,
//! and for whoever only tells what would be mended.

use super::refs::Mark;
use super::{Asker, Heartbeat, State, Thread};
use crate::cluster::dlmfs;
use crate::system::{list, mounts, process};
use eyre::{Result, WrapErr};
use std::os::unix::process::parent_id;

/// How a region and its references are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Health {
    pub condition: Condition,
    pub references: u32,
    /// Who works on it just now.
    pub locked_by: Option<u32>,
    /// What keeps the region: programs that hold locks of its lock domain, which pins it.
    pub kept_by: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    /// There is neither a region nor a set of semaphores.
    Absent,
    /// Somebody uses it, or may just be about to.
    Used,
    /// Its volume is mounted, whoever refers to it: the kernel keeps it.
    Mounted,
    Faulty(Fault),
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// It was made and does not beat: its start was cut off.
    CutOff,
    /// The same, and its thread has ended: to touch it may panic the machine.
    Poisoned,
    /// It beats on this device, and nobody refers to it.
    Unused(String),
    /// The one reference is marked as the superblock's, which is gone.
    Orphaned,
    /// One of several is.
    StaleMark,
    /// This node has no such device any more, so that it can never beat again.
    DiskGone(String),
    /// The same, while its volume is mounted.
    DiskGoneMounted(String),
    /// Semaphores of a region that is not there.
    NoRegion,
    /// References without an owner: no superblock is there, nor a process that may have one.
    Ownerless,
}

impl Health {
    /// Returns whether it may be repaired: what then goes is proven to be of no use.
    pub fn is_mendable(&self) -> bool {
        self.kept_by.is_none()
            && matches!(&self.condition, Condition::Faulty(fault) if fault.is_mendable())
    }
}

impl Fault {
    fn is_mendable(&self) -> bool {
        !matches!(
            self,
            Self::Poisoned | Self::Ownerless | Self::DiskGoneMounted(_)
        )
    }
}

impl Heartbeat<'_> {
    /// Judges by what is there at this moment, and changes nothing. It counts only while nobody
    /// works on the region, which is what the lock is for.
    pub(super) fn health(&self) -> Result<Health> {
        let look = self.references.look()?;
        let tally = look.map(|look| look.tally);
        let references = tally.map_or(0, |tally| tally.count);
        let held = tally.map_or(0, |tally| tally.held);
        let marked = tally.is_some_and(|tally| tally.mark == Mark::Superblock);
        let user = tally.and_then(|tally| tally.stranger);
        let condition = match self.region.state()? {
            State::Absent if look.is_none() => Condition::Absent,
            State::Absent => Condition::Faulty(Fault::NoRegion),
            State::HalfStarted(Thread::Ended) => Condition::Faulty(Fault::Poisoned),
            State::HalfStarted(_) => Condition::Faulty(Fault::CutOff),
            State::Beating(device) => {
                let gone = self.is_gone(&device)?;
                // A second witness beside the pin.
                let mounted = self.superblock_lives(Asker::Tool)?;
                match (mounted, gone, references) {
                    (true, true, _) => Condition::Faulty(Fault::DiskGoneMounted(device)),
                    (true, false, _) => Condition::Mounted,
                    (false, true, _) => Condition::Faulty(Fault::DiskGone(device)),
                    (false, false, 0) => Condition::Faulty(Fault::Unused(device)),
                    (false, false, 1) if marked && held == 0 => Condition::Faulty(Fault::Orphaned),
                    (false, false, all) if marked && all > held => {
                        Condition::Faulty(Fault::StaleMark)
                    }
                    (false, false, _) if held > 0 || self.lives(user) => Condition::Used,
                    (false, false, _) => Condition::Faulty(Fault::Ownerless),
                }
            }
        };
        // A mark that is stale goes without the region.
        let kept_by = match &condition {
            Condition::Faulty(fault) if fault.is_mendable() && *fault != Fault::StaleMark => {
                self.lock_holders()?
            }
            _ => None,
        };
        Ok(Health {
            condition,
            kept_by,
            references,
            locked_by: look.and_then(|look| look.locked_by),
        })
    }

    /// The processes that hold locks of the region's lock domain, as a clause for the user.
    fn lock_holders(&self) -> Result<Option<String>> {
        let domain = self.region.name().to_string();
        if dlmfs::domain(self.system, &domain)?.is_none() {
            return Ok(None);
        }
        let holders = dlmfs::users(self.system, &domain);
        let holders = holders.wrap_err("listing the holders of the volume's locks")?;
        let named = holders.iter().map(|pid| {
            let name = process::living(self.system, *pid).unwrap_or_default();
            format!("{pid} ({name})")
        });
        let named: Vec<_> = named.collect();
        Ok((!named.is_empty()).then(|| {
            format!(
                "locks of the volume are held by process {}",
                named.join(", ")
            )
        }))
    }

    /// A disk that was taken out, with the region still open on what is left of it. Where no block
    /// device is to be seen at all, it cannot be told.
    pub(super) fn is_gone(&self, device: &str) -> Result<bool> {
        if mounts::number_of(self.system, device)?.is_some() {
            return Ok(false);
        }
        let all =
            list(&self.system.path("/sys/class/block")).wrap_err("listing the block devices")?;
        Ok(!all.is_empty())
    }

    /// Another than this process, or the applet whose child it is: those know what they have. A
    /// zombie counts as dead; a later process with the same number, which cannot be told from
    /// it, as alive: leak, never lose.
    pub(super) fn lives(&self, user: Option<u32>) -> bool {
        let known = [0, std::process::id(), parent_id()];
        user.filter(|user| !known.contains(user))
            .is_some_and(|user| process::living(self.system, user).is_some())
    }
}
