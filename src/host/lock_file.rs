//! File locks between processes of ours, on files in a directory that only root may enter.
//!
//! flock(2) requires no more than an open file: on a directory of configfs or dlmfs, which any user
//! may open, any user could hold root's tools up.

use super::System;
use eyre::{Report, eyre};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The directory of these files, and of the ledgers of a volume's services with the control daemon.
pub const DIRECTORY: &str = "/run/ocfs2box";
/// The longest interval between two attempts.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// How many processes may have a file lock at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockMode {
    /// All that ask for this mode.
    Shared,
    /// One process.
    Exclusive,
}

/// Returns the directory, which is made if it is not there.
///
/// # Errors
/// A user other than root can change what is there in its place.
pub fn directory(system: &System) -> io::Result<PathBuf> {
    let directory = system.path(DIRECTORY);
    match DirBuilder::new().mode(0o700).create(&directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::symlink_metadata(&directory)?;
    if !found.is_dir() || found.uid() != system.owner() || found.mode() & 0o022 != 0 {
        return Err(io::Error::other(format!(
            "{DIRECTORY} is not a directory of root's that only root can write to (remove it)"
        )));
    }
    Ok(directory)
}

/// Opens a lock's file, and makes it if it is not there. What is there in its place is not followed
/// and not waited for.
pub fn open(path: &Path) -> io::Result<File> {
    File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
}

/// Takes the file lock `name`, until the result is dropped; `None` if others have it for
/// longer than `timeout`.
pub fn take(
    system: &System,
    name: &str,
    mode: LockMode,
    timeout: Duration,
) -> io::Result<Option<File>> {
    let file = open(&directory(system)?.join(name))?;
    let started = Instant::now();
    while !has(&file, mode)? {
        if started.elapsed() >= timeout {
            return Ok(None);
        }
        std::thread::sleep(POLL_INTERVAL.min(timeout));
    }
    Ok(Some(file))
}

/// Returns the error of a caller whose `timeout` is over.
pub fn not_had(system: &System, name: &str, timeout: Duration) -> Report {
    eyre!(
        "another process has been changing the kernel's {name} for {} s (fuser -v {} names it)",
        timeout.as_secs(),
        system.path(DIRECTORY).join(name).display()
    )
}

/// Takes the lock of an open file; returns false where another process has it.
pub fn has(file: &File, lock: LockMode) -> io::Result<bool> {
    let operation = match lock {
        LockMode::Shared => FlockOperation::NonBlockingLockShared,
        LockMode::Exclusive => FlockOperation::NonBlockingLockExclusive,
    };
    match flock(file, operation) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
