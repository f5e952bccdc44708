//! A region's semaphores, read for a survey.

use crate::heartbeat::semaphores::{COUNT, HELD, LOCK, Mark, RegionSemaphores, Tally, unless_gone};
use crate::host::{System, process};
use crate::ids::Uuid;
use eyre::{Result, WrapErr};
use std::io;

/// The references to a region, by kind as far as the kernel shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counters {
    /// All of them.
    pub references: u32,
    /// Whether one of them is marked as the mounted superblock's; none where the C tools made the
    /// set, which has no room for the mark.
    pub marked: Option<bool>,
    /// The references of running processes of ours.
    pub held: u32,
    /// The process that last took one or gave one back.
    pub last_user: Party,
    /// That process, where it may have one that is not among those held.
    pub stranger: Option<Party>,
    /// The process that has the region's lock, and so works on it just now.
    pub locked_by: Option<Party>,
}

/// A process by its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Party {
    /// No process yet, or one in another PID namespace.
    Unseen,
    /// The process has ended.
    Ended(u32),
    /// The process runs under this name, or a later one with the same number does.
    Running(u32, String),
}

impl Counters {
    /// Returns the references of the volume `name`, whatever the cluster, without the lock; none
    /// without a set.
    ///
    /// # Errors
    /// Only root may read them.
    pub fn of(system: &System, name: Uuid) -> Result<Option<Self>> {
        let counters = unless_gone(Self::read(system, name));
        counters.wrap_err("reading the region's semaphores")
    }

    fn read(system: &System, name: Uuid) -> io::Result<Self> {
        let party = |pid| match (pid, process::living(system, pid)) {
            (0, _) => Party::Unseen,
            (_, Some(name)) => Party::Running(pid, name),
            (_, None) => Party::Ended(pid),
        };
        let set = RegionSemaphores::of(system, name).find()?;
        let tally = Tally::of(set)?;
        let has_mark = unless_gone(set.value(HELD))?.is_some();
        Ok(Self {
            references: tally.count,
            held: tally.held,
            marked: has_mark.then_some(tally.mark == Mark::Superblock),
            last_user: party(set.last_process(COUNT)?),
            stranger: tally.stranger.map(party),
            locked_by: match set.value(LOCK)? {
                0 => None,
                _ => Some(party(set.last_process(LOCK)?)),
            },
        })
    }
}
