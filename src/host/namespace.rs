//! Another mount namespace, for as long as one call takes (mount(8), `-N`).

use super::mounts::{self, Mount};
use eyre::{Result, WrapErr};
use rustix::fs::{Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::Path;

/// A mount namespace and the way back from it.
pub struct Namespace {
    there: File,
    home: File,
    /// The /proc of the home namespace: the other one may have none, or a forged one.
    proc: File,
}

impl Namespace {
    /// Opens what mount(8) gives: the path of a namespace's file, or a process's number.
    pub fn open(given: &Path) -> Result<Self> {
        let by_process = given
            .to_str()
            .and_then(|text| text.parse::<u32>().ok())
            .map(|pid| format!("/proc/{pid}/ns/mnt"));
        let path = by_process.as_deref().map_or(given, Path::new);
        let open = |path: &Path| {
            File::open(path)
                .wrap_err_with(|| format!("opening the mount namespace {}", path.display()))
        };
        Ok(Self {
            there: open(path)?,
            home: open(Path::new("/proc/self/ns/mnt"))?,
            proc: File::open("/proc").wrap_err("opening /proc")?,
        })
    }

    /// Returns the mounts in the namespace.
    pub fn mounts(&self) -> Result<Vec<Mount>> {
        let table = self.run(|| {
            let mut text = Vec::new();
            self.open_table()?.read_to_end(&mut text).map(|_| text)
        })?;
        Ok(mounts::parse(&table.wrap_err("reading the mount table")?))
    }

    /// Opens the mount table of the namespace that this process is in; the file keeps showing that
    /// namespace (fs/proc_namespace.c, mounts_open_common).
    pub fn open_table(&self) -> std::io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.proc, "self/mountinfo", flags, Mode::empty())?;
        Ok(file.into())
    }

    /// Runs `work` in the namespace. Paths relative to the current directory are invalid
    /// afterwards: setns(2) moves to the namespace's root.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> Result<T> {
        enter(&self.there).wrap_err("entering the mount namespace")?;
        let result = work();
        // The result of `work` is valid whether or not this returns; later calls detect a failure
        // by themselves.
        let _ = enter(&self.home);
        Ok(result)
    }
}

/// Opens the first process's mount namespace.
pub fn first() -> Result<File> {
    File::open("/proc/1/ns/mnt").wrap_err("opening the first mount namespace")
}

/// Moves this process to the namespace for good.
pub fn enter(namespace: &File) -> std::io::Result<()> {
    Ok(move_into_link_name_space(
        namespace.as_fd(),
        Some(LinkNameSpaceType::Mount),
    )?)
}
