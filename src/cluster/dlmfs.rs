//! The kernel's lock domains as dlmfs shows them (fs/ocfs2/dlmfs): a folder is a domain that
//! this node has joined, a file in it a lock, an open file a hold on that lock.

use crate::system::mounts;
use crate::system::{System, is_absent, list, read_attribute};
use eyre::{Result, WrapErr};
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Where C tools and libo2dlm look for lock domains.
pub const PLACE: &str = "/dlm";
/// The type as mount(2) and /proc/filesystems have it.
pub const KIND: &str = "ocfs2_dlmfs";
/// Absent where the module is not loaded, and on drivers that only know the classic stack.
const CAPABILITIES: &str = "/sys/module/ocfs2_dlmfs/parameters/capabilities";

/// Where dlmfs is mounted.
pub fn place(system: &System) -> Result<Option<PathBuf>> {
    let mounts = mounts::visible(system)?;
    let mut points = mounts
        .into_iter()
        .filter(|mount| mount.kind == KIND)
        .map(|mount| mount.point);
    let first = points.next();
    let usual = points.find(|point| point.as_os_str() == PLACE);
    Ok(usual.or(first).map(|point| system.path(point)))
}

/// Does dlmfs serve the domains of any stack, not just the classic one's?
pub fn serves_any_stack(system: &System) -> Result<bool> {
    let known = read_attribute(&system.path(CAPABILITIES))
        .wrap_err("reading the capabilities of dlmfs")?
        .unwrap_or_default();
    Ok(known.split_whitespace().any(|word| word == "stackglue"))
}

/// Takes away what is left of the domain `name` when nobody on this node refers to its volume:
/// a program that was killed leaves it behind, and with it the locks that it had, and a pin on
/// the volume's region. Is the domain still there? What somebody holds stays.
pub fn abandon(system: &System, name: &str) -> Result<bool> {
    let Some(place) = place(system)? else {
        return Ok(false);
    };
    let domain = place.join(name);
    let locks = list(&domain).wrap_err("listing the locks of an abandoned domain")?;
    let locks: Vec<_> = locks.into_iter().map(|lock| domain.join(lock)).collect();
    drop_locks(&domain, &locks).wrap_err("leaving an abandoned lock domain")
}

/// Drops those of the locks that nobody on this node holds, and leaves the domain if it has no
/// others. Is it still there? To ask for a lock that is held makes the kernel log an error.
pub fn drop_locks(domain: &Path, locks: &[PathBuf]) -> io::Result<bool> {
    if let Some(_alone) = alone(domain)? {
        for lock in locks {
            drop_lock(lock)?;
        }
    }
    match std::fs::remove_dir(domain) {
        Ok(()) => Ok(false),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) if is_busy(&error) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Drops a lock. `false`: somebody on this node holds it.
pub fn drop_lock(lock: &Path) -> io::Result<bool> {
    match std::fs::remove_file(lock) {
        Err(error) if is_busy(&error) => Ok(false),
        Err(error) if !is_absent(&error) => Err(error),
        _ => Ok(true),
    }
}

/// Nobody of ours drops a lock before the result is. A lock that is dropped while a process
/// waits in open(2) for it makes that process wait for ever (dlmfs/userdlm.c: what it waits
/// for is no more told to a lock that is torn down).
pub fn among_others(domain: &Path) -> io::Result<File> {
    let place = File::open(domain.parent().unwrap_or(domain))?;
    flock(&place, FlockOperation::LockShared)?;
    Ok(place)
}

/// Nobody of ours opens a lock before the result is dropped; `None` if somebody just does.
pub fn alone(domain: &Path) -> io::Result<Option<File>> {
    let place = match File::open(domain.parent().unwrap_or(domain)) {
        Err(error) if is_absent(&error) => return Ok(None),
        place => place?,
    };
    is_first(place)
}

/// Locks a file against other processes of this node that do the same.
pub fn is_first(file: File) -> io::Result<Option<File>> {
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn is_busy(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ResourceBusy | io::ErrorKind::DirectoryNotEmpty
    )
}
