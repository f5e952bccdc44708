//! The ownership of a set: any user can make one with a region's key.

use super::{RegionSemaphores, unless_gone};
use crate::syscall::sem::Set;
use std::io;
use std::time::{Duration, Instant};

/// Bounds the race with a user who makes a set again as soon as it is removed; to win once, within
/// some microseconds, is enough.
const EVICTION_TIMEOUT: Duration = Duration::from_secs(5);

impl RegionSemaphores<'_> {
    /// Returns the existing set; ENOENT also for another user's.
    pub(in crate::heartbeat) fn find(self) -> io::Result<Set> {
        let set = Set::open(Self::key(self.name))?;
        match self.other_user(set)? {
            None => Ok(set),
            Some(_) => Err(io::Error::from_raw_os_error(libc::ENOENT)),
        }
    }

    /// Returns the owner or maker of the set, where that is not the user that it has to be; warns
    /// the user of the applet.
    fn other_user(self, set: Set) -> io::Result<Option<u32>> {
        let ours = self.system.owner();
        let stranger = set.users()?.into_iter().find(|&user| user != ours);
        if let Some(user) = stranger {
            self.system.warn(format!(
                "semaphores of user {user} are in the place of those of the heartbeat region {0}: \
                 ignored (the start of its heartbeat removes them, or ocfs2_hb_ctl --repair -u {0})",
                self.name
            ));
        }
        Ok(stranger)
    }

    /// Removes the set if it is another user's; returns `false` where there is no such set.
    pub fn evict(self) -> io::Result<bool> {
        let evict = || {
            let set = Set::open(Self::key(self.name))?;
            match self.other_user(set)? {
                Some(_) => set.remove().map(|()| true),
                None => Ok(false),
            }
        };
        Ok(unless_gone(evict())?.unwrap_or(false))
    }

    /// Opens the set, and returns whether it has room for the mark and the processes' references.
    ///
    /// # Errors
    /// A caller without access to the set: any user may make one, and would leave it behind.
    /// Another user who makes the set repeatedly.
    pub(in crate::heartbeat) fn open(self) -> io::Result<(Set, bool)> {
        if rustix::process::geteuid().as_raw() != self.system.owner() {
            return Err(io::Error::from_raw_os_error(libc::EPERM));
        }
        let begun = Instant::now();
        loop {
            let made = self.make();
            // By the set's number and not the key: its owner does not change.
            match made {
                Ok((set, _)) if matches!(self.other_user(set), Ok(None)) => return made,
                // Also where another user's is too small.
                _ if !self.evict()? && made.is_err() => return made,
                _ if begun.elapsed() > EVICTION_TIMEOUT => {
                    return Err(io::Error::other(
                        "another user makes them again as often as they are removed (end that \
                         user's processes)",
                    ));
                }
                _ => {}
            }
        }
    }

    fn make(self) -> io::Result<(Set, bool)> {
        let (key, mode) = (Self::key(self.name), self.system.semaphore_mode());
        let open = |size| Set::open_or_make(key, size, mode);
        match open(4) {
            // EINVAL: the C tools made it with two.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok((open(2)?, false)),
            made => Ok((made?, true)),
        }
    }
}
