//! A region's semaphores, read for a survey.

use crate::heartbeat::semaphores::{RegionSemaphores, SemaphoreSnapshot};
use crate::host::{System, process};
use crate::ids::Uuid;
use eyre::Result;

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
    /// Returns the references of the volume `name`, whatever the cluster; none without a set.
    ///
    /// # Errors
    /// Only root may read them.
    pub fn of(system: &System, name: Uuid) -> Result<Option<Self>> {
        let look = RegionSemaphores::of(system, name).look()?;
        let party = |pid| match (pid, process::living(system, pid)) {
            (0, _) => Party::Unseen,
            (_, Some(name)) => Party::Running(pid, name),
            (_, None) => Party::Ended(pid),
        };
        Ok(look.map(|look: SemaphoreSnapshot| Self {
            references: look.tally.count,
            held: look.tally.held,
            marked: look.marked,
            last_user: party(look.last_user),
            stranger: look.tally.stranger.map(party),
            locked_by: look.locked_by.map(party),
        }))
    }
}
