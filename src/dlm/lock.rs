//! One lock: a file of dlmfs, held while it is open.

use crate::cluster::dlmfs;
use crate::host::System;
use crate::ids::BadName;
use eyre::{Result, WrapErr};
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The bytes of a lock's value (DLM_LVB_LEN).
pub const VALUE_MAX: usize = 64;
/// The longest lock name: OCFS2_LOCK_ID_MAX_LEN, without the NUL.
const NAME_MAX: usize = 31;

/// The level of a lock: which other locks it excludes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// PR: other nodes may have the same lock.
    Shared,
    /// EX: no other node has the lock.
    Exclusive,
}

/// A lock's name: 1 to 31 bytes, none of them a slash, the first neither `$` (dlmfs reserves it)
/// nor `.` (libo2dlm does).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockName(String);

impl LockName {
    /// Returns the superblock's lock. A node that mounts, unmounts or changes the volume holds it
    /// in the exclusive level (fs/ocfs2/ocfs2_lockid.h).
    pub fn superblock() -> Self {
        Self::of('S', 2, 0)
    }

    /// Returns the lock of an inode's metadata.
    pub fn inode(block: u64, generation: u32) -> Self {
        Self::of('M', block, generation)
    }

    fn of(kind: char, block: u64, generation: u32) -> Self {
        Self(format!("{kind}000000{block:016x}{generation:08x}"))
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

display!(LockName(it) => "{}", it.0);

impl FromStr for LockName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let fits = (1..=NAME_MAX).contains(&text.len());
        if fits && !text.starts_with(['$', '.']) && !text.contains(['/', '\0']) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadName::new(text, "is not the name of a lock"))
        }
    }
}

/// A lock that this process holds in a domain; dropped, it is unlocked.
///
/// The node keeps an unlocked lock until another one asks for it, `unlink` drops it, or the
/// domain is left.
#[must_use]
pub struct Lock<'d> {
    system: &'d System,
    file: File,
    path: PathBuf,
}

impl<'d> Lock<'d> {
    pub(super) fn new(system: &'d System, file: File, path: PathBuf) -> Self {
        Self { system, file, path }
    }

    /// Returns the lock's value, at most [`VALUE_MAX`] bytes: the last that an exclusive holder
    /// wrote; zeros before that, nothing where it was lost with its holder.
    pub fn value(&self) -> Result<Vec<u8>> {
        let mut value = vec![0; VALUE_MAX];
        let read = self.file.read_at(&mut value, 0);
        value.truncate(read.wrap_err("reading a lock's value")?);
        Ok(value)
    }

    /// Sets the first bytes of the value.
    ///
    /// # Errors
    /// More than [`VALUE_MAX`] bytes, or the lock is not held exclusively.
    pub fn set_value(&self, value: &[u8]) -> Result<()> {
        let written = match value.len() > VALUE_MAX {
            true => Err(io::ErrorKind::InvalidInput.into()),
            false => self.file.write_all_at(value, 0),
        };
        written.wrap_err("setting a lock's value")
    }

    /// Unlocks, and drops the lock from this node, unless another of its processes uses it.
    pub fn unlink(self) -> Result<()> {
        let Self { system, file, path } = self;
        drop(file);
        let dropped = match dlmfs::alone(system, domain_of(&path)) {
            Ok(Some(_alone)) => dlmfs::drop_unheld(system, &[path]).map(drop),
            other => other.map(drop),
        };
        dropped.wrap_err("dropping a lock")
    }
}

/// Opens a lock. dlmfs takes the level from the access mode, and O_NONBLOCK for a trial. A process
/// that can open the file has the lock, on all nodes: only root may.
pub(super) fn open(system: &System, path: &Path, level: Level, only_try: bool) -> io::Result<File> {
    let mut flags = OFlags::CREATE | OFlags::CLOEXEC;
    flags |= match level {
        Level::Shared => OFlags::RDONLY,
        Level::Exclusive => OFlags::RDWR,
    };
    flags.set(OFlags::NONBLOCK, only_try);
    let _others = dlmfs::among_others(system, domain_of(path))?;
    Ok(rustix::fs::open(path, flags, Mode::from_raw_mode(0o600))?.into())
}

fn domain_of(lock: &Path) -> &Path {
    lock.parent().unwrap_or(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_driver() {
        let superblock = LockName::superblock();
        assert_eq!(superblock.as_str(), "S000000000000000000000200000000");
        let inode = LockName::inode(0x1234, 0xAB_CDEF);
        assert_eq!(inode.as_str(), "M000000000000000000123400abcdef");
        assert_eq!(inode.as_str().parse(), Ok(inode));
        for bad in ["", "$a", ".a", "a/b", "a\0", &"x".repeat(32)] {
            assert!(bad.parse::<LockName>().is_err(), "{bad:?}");
        }
    }
}
