//! The cluster stack that the kernel runs, and the change to the one that a volume needs.

use crate::host::mounts::knows_filesystem;
use crate::host::{System, is_absent, is_there, read_attribute};
use crate::ids::StackName;
use eyre::{Result, WrapErr, eyre};
use std::fs::File;
use std::io;
use std::time::Duration;

/// The attribute of the stack that is set (fs/ocfs2/stackglue.c).
const STACK: &str = "/sys/fs/ocfs2/cluster_stack";
const ACTIVE: &str = "/sys/fs/ocfs2/active_cluster_plugin";
/// A stack name that no volume has: while it is set, nothing can connect.
const CLOSED: &str = "none";
/// The file lock of the process that has closed the stack.
const CLOSING: &str = "stack";
/// The time to wait for an open stack: longer than the removal of some regions, unless a device
/// hangs.
const CLOSED_FOR: Duration = Duration::from_secs(20);

/// Returns the stack that is set; drivers of the 1.2 era have no stack glue and only the classic
/// one. The closed stack is o2cb, which alone is ever closed.
pub fn running(system: &System) -> Result<StackName> {
    let name = named(system)?.filter(|name| name.as_str() != CLOSED);
    Ok(name.unwrap_or(StackName::O2CB))
}

/// Returns whether the stack is closed to mounts and lock domains.
pub fn is_closed(system: &System) -> Result<bool> {
    Ok(named(system)?.is_some_and(|name| name.as_str() == CLOSED))
}

/// Returns the name in the stack glue; none without stack glue.
fn named(system: &System) -> Result<Option<StackName>> {
    let name = read_attribute(&system.path(STACK)).wrap_err("reading the cluster stack")?;
    let name = name.map(|name| name.parse()).transpose();
    name.wrap_err_with(|| format!("reading the cluster stack in {STACK}"))
}

/// Loads the filesystem's driver, if it is not loaded already.
pub fn load_filesystem(system: &System) -> Result<()> {
    load(system, "ocfs2", "ocfs2")
}

/// Loads the module of a filesystem, unless the kernel knows that already.
pub(super) fn load(system: &System, filesystem: &str, module: &str) -> Result<()> {
    match knows_filesystem(system, filesystem).wrap_err("reading the list of filesystems")? {
        true => Ok(()),
        false => insert(system, module),
    }
}

/// Loads the driver of the stack `wanted` and sets it, unless a volume of another stack prevents
/// that: the caller that compares the two reports it.
pub fn prepare(system: &System, wanted: StackName) -> Result<()> {
    load_filesystem(system)?;
    if !is_there(&system.path(STACK))? {
        return Ok(());
    }
    let (plugin, module) = match wanted {
        StackName::O2CB => ("o2cb", "ocfs2_stack_o2cb"),
        _ => ("user", "ocfs2_stack_user"),
    };
    let loaded = read_attribute(&system.path("/sys/fs/ocfs2/loaded_cluster_plugins"))
        .wrap_err("reading the loaded cluster stacks")?
        .unwrap_or_default();
    if !loaded.lines().any(|line| line == plugin) {
        insert(system, module)?;
    }
    Ok(())
}

/// Sets the stack, unless the kernel serves a mounted volume with another.
///
/// # Errors
/// Another process has closed the stack and does not open it again in time.
pub fn set(system: &System, wanted: StackName) -> Result<()> {
    let closing = match is_closed(system)? {
        // A process that was killed leaves it closed.
        true => super::file_lock(system, CLOSING, CLOSED_FOR).map_err(|_| {
            eyre!("the heartbeat of the cluster is being stopped by another process (try again)")
        })?,
        false => None,
    };
    if named(system)?.is_none_or(|now| now == wanted) || !can_change(system)? {
        return Ok(());
    }
    let written = write(system, wanted.as_str());
    drop(closing);
    written.wrap_err_with(|| format!("setting the cluster stack to {wanted}"))
}

fn write(system: &System, name: &str) -> io::Result<()> {
    system.kernel().write_attribute(&system.path(STACK), name)
}

/// The closed stack o2cb, to which nothing is or can be connected. A drop opens it again.
#[must_use]
pub struct Closed<'s> {
    system: &'s System,
    /// The name to set again; none where the stack o2cb is not there or not in use.
    open: Option<StackName>,
    _closing: Option<File>,
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        if let Some(name) = self.open {
            // If this fails, `set` opens it.
            let _ = write(self.system, name.as_str());
        }
    }
}

/// Closes the stack o2cb to mounts and lock domains. `None` means that something is connected,
/// possibly a mount(2) that has not returned, or a superblock that no mount table shows.
///
/// The kernel decides: it takes another name for the stack only while nothing is connected
/// (`ocfs2_cluster_stack_store` in fs/ocfs2/stackglue.c), and connects nothing of another name
/// (`ocfs2_stack_driver_request`), both under one lock.
pub fn close(system: &System) -> Result<Option<Closed<'_>>> {
    let _closing = super::file_lock(system, CLOSING, CLOSED_FOR)?;
    let now = running(system)?;
    let open = match write(system, CLOSED) {
        Ok(()) => Some(now),
        Err(error) if is_absent(&error) => None,
        Err(error) if error.kind() != io::ErrorKind::ResourceBusy => {
            return Err(error).wrap_err("closing the cluster stack");
        }
        // A connected volume of another stack keeps o2cb away.
        Err(_) if now != StackName::O2CB => None,
        Err(_) => return Ok(None),
    };
    Ok(Some(Closed {
        system,
        open,
        _closing,
    }))
}

/// Returns whether the kernel would accept another stack: it serves nothing with the one that is
/// set.
pub fn can_change(system: &System) -> Result<bool> {
    let active = read_attribute(&system.path(ACTIVE)).wrap_err("reading the active stack")?;
    Ok(active.is_none_or(|active| active.is_empty()))
}

/// Loads a module with what it needs.
fn insert(system: &System, module: &str) -> Result<()> {
    let loaded = system.kernel().load_module(module);
    loaded.wrap_err_with(|| format!("loading the kernel module {module}"))
}
