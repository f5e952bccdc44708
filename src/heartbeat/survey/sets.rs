//! The sets of semaphores that may be those of heartbeat regions.

use crate::heartbeat::semaphores::RegionSemaphores;
use crate::host::{System, read_text};
use crate::ids::Uuid;
use eyre::{Result, WrapErr};

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
