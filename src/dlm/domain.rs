//! A lock domain as a process uses it: a directory of dlmfs, and one lock in it that marks this
//! process's presence.

use super::{Level, Lock, LockName};
use crate::cluster::dlmfs;
use crate::cluster::registered::UNREACHABLE;
use crate::error::errno;
use crate::host::{System, is_absent};
use crate::syscall::fork;
use eyre::{Result, WrapErr, bail, eyre};
use rustix::fs::Mode;
use rustix::io::Errno;
use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// The number of attempts. Another process may leave the domain, and so end it, between our joining
/// and the first lock.
const TRIES: u32 = 10;

/// A domain that this process uses.
pub struct Domain<'s> {
    system: &'s System,
    directory: PathBuf,
    /// The locks that were taken, whether or not they still exist.
    taken: RefCell<Vec<PathBuf>>,
    /// The context lock of libo2dlm: as long as one of its kind is open, the directory stays.
    context: File,
}

impl<'s> Domain<'s> {
    /// Joins the domain `name`, which all nodes of the volume share. `watch` is called some four
    /// times a second; its error ends the wait.
    pub fn join(
        system: &'s System,
        name: &str,
        watch: &mut dyn FnMut(Duration) -> Result<()>,
    ) -> Result<Self> {
        let place = dlmfs::place(system)?.ok_or_else(|| {
            eyre!("dlmfs is not mounted, so that nothing can be locked (run: o2cb load)")
        })?;
        let directory = place.join(name);
        // The process ID makes the names of one node unique; PR locks of all nodes are compatible.
        let context = directory.join(format!(".{:016x}", std::process::id()));
        let mut tries = 0;
        loop {
            // The kernel looks for the other nodes for a minute and more; the caller need not wait
            // for a child that does.
            let made = fork::in_child_watched(|| make(&directory), watch);
            if made.as_ref().err().and_then(errno) == Some(Errno::NOTCONN) {
                bail!(UNREACHABLE);
            }
            made.wrap_err("joining the volume's lock domain")?;
            match super::lock::open(system, &context, Level::Shared, false) {
                Err(error) if is_absent(&error) && tries < TRIES => tries += 1,
                Err(error) => {
                    let _ = dlmfs::drop_locks(system, &directory, &[context]);
                    return Err(error)
                        .wrap_err("taking the first lock of the volume's lock domain");
                }
                Ok(file) => {
                    return Ok(Self {
                        system,
                        directory,
                        taken: RefCell::new(vec![context]),
                        context: file,
                    });
                }
            }
        }
    }

    /// Takes a lock, which is dropped when the domain is left, if not before; `None` if it was only
    /// tried and another node is in the way.
    pub fn lock(&self, name: &LockName, level: Level, only_try: bool) -> Result<Option<Lock<'_>>> {
        let path = self.directory.join(name.as_str());
        let mut taken = self.taken.borrow_mut();
        if !taken.contains(&path) {
            taken.push(path);
        }
        drop(taken);
        self.open(name, level, only_try)
    }

    /// Takes a lock exclusively if no other node is in the way. Even if one is, the attempt makes a
    /// file, which the process that has the claim drops.
    pub fn try_claimed(&self, name: &LockName) -> Result<Option<Lock<'_>>> {
        self.open(name, Level::Exclusive, true)
    }

    fn open(&self, name: &LockName, level: Level, only_try: bool) -> Result<Option<Lock<'_>>> {
        let path = self.directory.join(name.as_str());
        match super::lock::open(self.system, &path, level, only_try) {
            Ok(file) => Ok(Some(Lock::new(self.system, file, path))),
            // fs/ocfs2/dlmfs has no better number.
            Err(error) if only_try && error.raw_os_error() == Some(libc::ETXTBSY) => Ok(None),
            Err(error) => Err(error).wrap_err_with(|| format!("taking the lock {name}")),
        }
    }

    /// Drops locks that no process of this program uses outside of a claim. It returns `false` if
    /// another program of this node holds one.
    pub fn drop_claimed(&self, names: &[LockName]) -> Result<bool> {
        let path = |name: &LockName| self.directory.join(name.as_str());
        let locks: Vec<_> = names.iter().map(path).collect();
        dlmfs::drop_unheld(self.system, &locks).wrap_err("dropping the locks of the volume")
    }

    /// Drops the locks that this domain took, and leaves it if it has no other locks.
    pub fn leave(self) -> Result<()> {
        drop(self.context);
        dlmfs::drop_locks(self.system, &self.directory, &self.taken.take())
            .wrap_err("leaving the volume's lock domain")
            .map(drop)
    }
}

fn make(directory: &std::path::Path) -> io::Result<()> {
    match rustix::fs::mkdir(directory, Mode::from_raw_mode(0o700)) {
        Err(Errno::EXIST) => Ok(()),
        other => Ok(other?),
    }
}
