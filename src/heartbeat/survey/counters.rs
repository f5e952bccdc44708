//! The semaphores of regions, read for a survey.

use crate::heartbeat::semaphores::{COUNT, HELD, LOCK, Mark, RegionSemaphores, Tally, unless_gone};
use crate::host::{System, process, read_text};
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

/// The keys of sets that may be heartbeat regions'; a key does not show the region's name.
#[derive(Debug)]
pub struct Sets(Vec<i32>);

impl Sets {
    /// Lists the sets of this IPC namespace that have a region's size and owner, but not those of
    /// existing `regions`. Unlike semctl(2) with SEM_STAT, the file shows those that the caller may
    /// not read, and shows the keys.
    ///
    /// # Errors
    /// The list cannot be read.
    pub fn without_region(system: &System, regions: impl Iterator<Item = Uuid>) -> Result<Self> {
        /// `sysvipc_sem_proc_show` in ipc/sem.c: key, number, mode, size, uid, gid, cuid...
        const LIST: &str = "/proc/sysvipc/sem";
        let text = read_text(&system.path(LIST)).wrap_err_with(|| format!("reading {LIST}"))?;
        let key = |line: &str| {
            let fields: Vec<i64> = (line.split_whitespace())
                .map_while(|field| field.parse().ok())
                .collect();
            let &[key, _, _, 2..=4, user, _, maker, ..] = fields.as_slice() else {
                return None;
            };
            let is_ours = [user, maker] == [i64::from(system.owner()); 2];
            i32::try_from(key).ok().filter(|_| is_ours)
        };
        let known: Vec<_> = regions.map(RegionSemaphores::key).collect();
        let keys = text.lines().filter_map(key);
        Ok(Self(keys.filter(|key| !known.contains(key)).collect()))
    }

    /// Returns whether there are no sets.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether one may be that of the volume `name`.
    pub fn has(&self, name: Uuid) -> bool {
        self.0.contains(&RegionSemaphores::key(name))
    }
}
