//! The kernel's lock domains as dlmfs shows them (fs/ocfs2/dlmfs): a directory is a domain that
//! this node has joined, a file in it a lock, an open file a hold on that lock.

use crate::host::lock_file::{self, LockMode};
use crate::host::mounts;
use crate::host::{self, System, is_absent, is_there, list, read_attribute};
use eyre::{Result, WrapErr};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

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

/// The directory of the domain `name`, if this node has joined it through dlmfs.
pub fn domain(system: &System, name: &str) -> Result<Option<PathBuf>> {
    Ok(match place(system)?.map(|place| place.join(name)) {
        Some(domain) if is_there(&domain)? => Some(domain),
        _ => None,
    })
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
    let Some(domain) = domain(system, name)? else {
        return Ok(false);
    };
    let locks = list(&domain).wrap_err("listing the locks of an abandoned domain")?;
    let locks: Vec<_> = locks.into_iter().map(|lock| domain.join(lock)).collect();
    drop_locks(system, &domain, &locks).wrap_err("leaving an abandoned lock domain")
}

/// Drops those of the locks that nobody on this node holds, and leaves the domain if it has no
/// others. Is it still there?
pub fn drop_locks(system: &System, domain: &Path, locks: &[PathBuf]) -> io::Result<bool> {
    if let Some(_alone) = alone(system, domain)? {
        drop_unheld(system, locks)?;
    }
    match std::fs::remove_dir(domain) {
        Ok(()) => Ok(false),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) if is_busy(&error) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Drops those of the locks that no process of this node holds, and returns whether all are
/// dropped.
///
/// The kernel is not asked to drop what is held: before 5.19 its refusal leaves the lock marked
/// as one that is going (user_dlm_destroy_lock in fs/ocfs2/dlmfs/userdlm.c), so that the next
/// to drop it succeeds without telling the other nodes.
pub fn drop_unheld(system: &System, locks: &[PathBuf]) -> io::Result<bool> {
    // dlmfs may be mounted elsewhere in a holder's mount namespace, so that the names of the
    // domain and the lock have to do.
    let tail = |lock: &Path| -> PathBuf {
        let names = lock.components().rev().take(2);
        names.collect::<Vec<_>>().into_iter().rev().collect()
    };
    let mut unheld: Vec<_> = locks.iter().map(|lock| (lock, tail(lock))).collect();
    // One look for all of them: a node may have many processes.
    each_open_file(system, &mut |_, open| {
        unheld.retain(|(_, own)| !open.ends_with(own));
    })?;
    let mut all = unheld.len() == locks.len();
    for (lock, _) in unheld {
        match std::fs::remove_file(lock) {
            Err(error) if is_busy(&error) => all = false,
            Err(error) if !is_absent(&error) => return Err(error),
            _ => {}
        }
    }
    Ok(all)
}

/// The processes that hold locks of the domain `name`.
pub fn users(system: &System, name: &str) -> io::Result<Vec<u32>> {
    let mut users = Vec::new();
    each_open_file(system, &mut |process, open| {
        let is_lock = open
            .parent()
            .is_some_and(|directory| directory.ends_with(name));
        if is_lock && users.last() != Some(&process) {
            users.push(process);
        }
    })?;
    Ok(users)
}

/// Calls `see` with each file that a process has open, one process after the other.
fn each_open_file(system: &System, see: &mut dyn FnMut(u32, &Path)) -> io::Result<()> {
    for process in host::processes(system)? {
        // It may have ended meanwhile.
        let files = std::fs::read_dir(system.path(format!("/proc/{process}/fd")));
        for file in files.into_iter().flatten().flatten() {
            if let Ok(open) = std::fs::read_link(file.path()) {
                see(process, &open);
            }
        }
    }
    Ok(())
}

/// No process of ours drops a lock of the domain before the result is dropped. A lock that is
/// dropped while a process waits in open(2) for it makes that process wait for ever
/// (dlmfs/userdlm.c: what it waits for is no more told to a lock that is torn down).
pub fn among_others(system: &System, domain: &Path) -> io::Result<File> {
    // To drop locks takes no time.
    const TIMEOUT: Duration = Duration::from_secs(30);
    let file_lock = file_lock(system, domain, LockMode::Shared, TIMEOUT)?;
    file_lock.ok_or_else(|| io::Error::other("another process does not end to drop locks"))
}

/// No process of ours opens a lock of the domain before the result is dropped; `None` if one waits
/// in open(2) for another node.
pub fn alone(system: &System, domain: &Path) -> io::Result<Option<File>> {
    // To open one that no other node has in use takes less.
    const TIMEOUT: Duration = Duration::from_secs(5);
    file_lock(system, domain, LockMode::Exclusive, TIMEOUT)
}

fn file_lock(
    system: &System,
    domain: &Path,
    lock: LockMode,
    timeout: Duration,
) -> io::Result<Option<File>> {
    let name = domain.file_name().unwrap_or_default();
    let name = format!("locks-{}", name.display());
    lock_file::take(system, &name, lock, system.pause(timeout))
}

fn is_busy(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ResourceBusy | io::ErrorKind::DirectoryNotEmpty
    )
}
