//! Turns that processes of ours take: locks on files in a folder that only root may enter.
//!
//! flock(2) asks for no more than an open file: on a folder of configfs or dlmfs, which anybody
//! may open, anybody could hold root's tools up.

use super::System;
use eyre::{Report, eyre};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where these files are, and those of a volume's services with the control daemon.
pub const FOLDER: &str = "/run/ocfs2box";
/// Between two looks, at the most.
const SLICE: Duration = Duration::from_millis(100);

/// Beside whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Beside others that say the same.
    Shared,
    /// Beside nobody.
    Alone,
}

/// The folder, which is made if it is not there.
///
/// # Errors
/// What is there in its place is not root's alone to change.
pub fn folder(system: &System) -> io::Result<PathBuf> {
    let folder = system.path(FOLDER);
    match DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::symlink_metadata(&folder)?;
    if !found.is_dir() || found.uid() != system.owner() || found.mode() & 0o022 != 0 {
        return Err(io::Error::other(format!(
            "{FOLDER} is not a directory of root's that only root can write to (remove it)"
        )));
    }
    Ok(folder)
}

/// Opens a file of the folder, and makes it if it is not there.
pub fn open(path: &Path) -> io::Result<File> {
    File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)
}

/// A turn at what `name` stands for, until the result is dropped; `None` if others have it for
/// longer than `patience`.
pub fn take(
    system: &System,
    name: &str,
    turn: Turn,
    patience: Duration,
) -> io::Result<Option<File>> {
    let file = open(&folder(system)?.join(name))?;
    let started = Instant::now();
    while !has(&file, turn)? {
        if started.elapsed() >= patience {
            return Ok(None);
        }
        std::thread::sleep(SLICE.min(patience));
    }
    Ok(Some(file))
}

/// The error of somebody who had no more `patience`.
pub fn not_had(system: &System, name: &str, patience: Duration) -> Report {
    eyre!(
        "another process has been changing the kernel's {name} for {} s (fuser -v {} names it)",
        patience.as_secs(),
        system.path(FOLDER).join(name).display()
    )
}

/// Takes the turn at an open file if nobody is in the way.
pub fn has(file: &File, turn: Turn) -> io::Result<bool> {
    let operation = match turn {
        Turn::Shared => FlockOperation::NonBlockingLockShared,
        Turn::Alone => FlockOperation::NonBlockingLockExclusive,
    };
    match flock(file, operation) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
