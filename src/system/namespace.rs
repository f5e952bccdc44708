//! Another mount namespace, for as long as one call takes (mount(8), `-N`).

use eyre::{Result, WrapErr};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;

/// A mount namespace and the way back from it.
pub struct Namespace {
    there: File,
    home: File,
}

impl Namespace {
    /// From what mount(8) gives: the path of a namespace's file, or a process's number.
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
        })
    }

    /// Runs `work` in it. Paths that begin at the current folder mean nothing afterwards:
    /// setns(2) moves to the namespace's root.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> Result<T> {
        enter(&self.there).wrap_err("entering the mount namespace")?;
        let result = work();
        enter(&self.home).wrap_err("coming back from the mount namespace")?;
        Ok(result)
    }
}

/// Moves to the first process's mount namespace, so that a process that outlives its caller
/// keeps none of the caller's mounts alive.
pub fn move_to_first() -> Result<()> {
    let first = File::open("/proc/1/ns/mnt").wrap_err("opening the first mount namespace")?;
    enter(&first).wrap_err("entering the first mount namespace")
}

fn enter(namespace: &File) -> std::io::Result<()> {
    Ok(move_into_link_name_space(
        namespace.as_fd(),
        Some(LinkNameSpaceType::Mount),
    )?)
}
