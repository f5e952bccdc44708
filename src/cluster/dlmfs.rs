//! The kernel's lock domains as dlmfs shows them (fs/ocfs2/dlmfs): a directory is a domain that
//! this node has joined, a file in it a lock, an open file a hold on that lock.

use crate::host::lock_file::{self, LockMode};
use crate::host::mounts;
use crate::host::{self, System, detached, is_absent, is_there, list, read_attribute};
use eyre::{Result, WrapErr};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The directory where C tools and libo2dlm look for lock domains.
pub const PLACE: &str = "/dlm";
/// The filesystem type in mount(2) and /proc/filesystems.
pub const KIND: &str = "ocfs2_dlmfs";
/// The capabilities; absent where the module is not loaded, and on drivers with the classic stack
/// only.
const CAPABILITIES: &str = "/sys/module/ocfs2_dlmfs/parameters/capabilities";

/// Returns where dlmfs is mounted.
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

/// Returns the directory of the domain `name`, if this node has joined it through dlmfs.
pub fn domain(system: &System, name: &str) -> Result<Option<PathBuf>> {
    Ok(match place(system)?.map(|place| place.join(name)) {
        Some(domain) if is_there(&domain)? => Some(domain),
        _ => None,
    })
}

/// Returns whether dlmfs serves the domains of any stack, not just the classic one's.
pub fn serves_any_stack(system: &System) -> Result<bool> {
    let known = read_attribute(&system.path(CAPABILITIES))
        .wrap_err("reading the capabilities of dlmfs")?
        .unwrap_or_default();
    Ok(known.split_whitespace().any(|word| word == "stackglue"))
}

/// Removes the rest of the domain `name` when no process on this node refers to its volume, and
/// returns whether the domain still exists. A killed program leaves it behind, with its locks and a
/// pin on the volume's region. Locks that a process holds stay.
pub fn abandon(system: &System, name: &str) -> Result<bool> {
    let Some(domain) = domain(system, name)? else {
        return Ok(false);
    };
    let locks = list(&domain).wrap_err("listing the locks of an abandoned domain")?;
    let locks: Vec<_> = locks.into_iter().map(|lock| domain.join(lock)).collect();
    drop_locks(system, &domain, &locks).wrap_err("leaving an abandoned lock domain")
}

/// Drops those of the locks that no process on this node holds, leaves the domain if it has no
/// others, and returns whether it still exists.
pub fn drop_locks(system: &System, domain: &Path, locks: &[PathBuf]) -> Result<bool> {
    if let Some(_alone) = alone(system, domain)? {
        drop_unheld(system, locks)?;
    }
    detached::call(system, || match std::fs::remove_dir(domain) {
        Ok(()) => Ok(false),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) if is_busy(&error) => Ok(true),
        Err(error) => Err(error.into()),
    })
}

/// Drops those of the locks that no process of this node holds, and returns whether all are
/// dropped.
///
/// It never asks the kernel to drop a held lock: before 5.19 the kernel's refusal leaves the lock
/// marked for teardown (user_dlm_destroy_lock in fs/ocfs2/dlmfs/userdlm.c), so that the next drop
/// succeeds without a message to the other nodes.
pub fn drop_unheld(system: &System, locks: &[PathBuf]) -> io::Result<bool> {
    // dlmfs may be mounted elsewhere in a holder's mount namespace, so the names of the domain and
    // the lock have to suffice.
    let names = |lock: &Path| -> Option<PathBuf> {
        Some(Path::new(lock.parent()?.file_name()?).join(lock.file_name()?))
    };
    let mut unheld: Vec<_> = locks.iter().collect();
    // One pass serves all of them: a node may have many processes.
    each_open_file(system, &mut |_, open| {
        let open = names(open);
        unheld.retain(|lock| names(lock) != open);
    })?;
    let mut all = unheld.len() == locks.len();
    for lock in unheld {
        match std::fs::remove_file(lock) {
            Err(error) if is_busy(&error) => all = false,
            Err(error) if !is_absent(&error) => return Err(error),
            _ => {}
        }
    }
    Ok(all)
}

/// Returns the processes that hold locks of the domain `name`.
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
        // The process may have ended meanwhile.
        let files = std::fs::read_dir(system.path(format!("/proc/{process}/fd")));
        for file in files.into_iter().flatten().flatten() {
            if let Ok(open) = std::fs::read_link(file.path()) {
                see(process, &open);
            }
        }
    }
    Ok(())
}

/// Keeps other processes of this program from dropping a lock of the domain until the result is
/// dropped. A lock that is dropped while a process waits in open(2) for it makes that process wait
/// forever (dlmfs/userdlm.c: a lock in teardown receives no more notifications).
pub fn among_others(system: &System, domain: &Path) -> io::Result<File> {
    // Dropping locks takes no time.
    const TIMEOUT: Duration = Duration::from_secs(30);
    let name = lock_name(domain);
    let lock = lock_file::take(system, &name, LockMode::Shared, system.pause(TIMEOUT))?;
    lock.ok_or_else(|| io::Error::other("another process does not end to drop locks"))
}

/// Keeps processes of this program from opening a lock of the domain until the result is dropped;
/// `None` if one waits in open(2) for another node.
pub fn alone(system: &System, domain: &Path) -> io::Result<Option<File>> {
    // Opening a lock that no other node uses takes less.
    const TIMEOUT: Duration = Duration::from_secs(5);
    let timeout = system.pause(TIMEOUT);
    lock_file::take(system, &lock_name(domain), LockMode::Exclusive, timeout)
}

fn lock_name(domain: &Path) -> String {
    let name = domain.file_name().unwrap_or_default();
    format!("locks-{}", name.display())
}

fn is_busy(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ResourceBusy | io::ErrorKind::DirectoryNotEmpty
    )
}
