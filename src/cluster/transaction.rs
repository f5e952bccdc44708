//! Changes to the kernel's cluster that can be rolled back.

use super::registered::RegisteredNode;
use crate::host::{System, if_present};
use eyre::{Result, WrapErr, eyre};
use std::io;
use std::path::{Path, PathBuf};

/// The changes of one call in configfs, in order. A drop keeps them.
pub struct Transaction<'s> {
    pub(super) system: &'s System,
    steps: Vec<Step>,
}

enum Step {
    Made(PathBuf),
    Removed(PathBuf, RegisteredNode),
    /// An attribute, and its previous value.
    Wrote(PathBuf, String),
}

impl<'s> Transaction<'s> {
    pub(super) fn of(system: &'s System) -> Self {
        let steps = Vec::new();
        Self { system, steps }
    }

    /// Makes a cluster or a node.
    pub(super) fn make(&mut self, path: &Path) -> io::Result<()> {
        self.system.make_object(path)?;
        self.steps.push(Step::Made(path.to_owned()));
        Ok(())
    }

    /// Makes a node with its values.
    pub(super) fn add_node(&mut self, cluster: &Path, node: &RegisteredNode) -> Result<()> {
        let path = node.path(cluster);
        self.make(&path)?;
        furnish(self.system, &path, node)
    }

    /// Makes a registered node the local one.
    pub(super) fn make_local(&mut self, cluster: &Path, node: &RegisteredNode) -> Result<()> {
        let path = node.path(cluster);
        set_local(self.system, &path, node)?;
        self.steps.push(Step::Wrote(path.join("local"), "0".into()));
        Ok(())
    }

    /// Removes a node, if it still exists.
    pub(super) fn remove_node(&mut self, cluster: &Path, node: RegisteredNode) -> Result<()> {
        let path = node.path(cluster);
        remove(self.system, &path)?;
        self.steps.push(Step::Removed(path, node));
        Ok(())
    }

    /// Sets an attribute that can be set at any time, unless it has the value; `what` names it. The
    /// caller adds a newline where the kernel requires one; a rollback then writes it too.
    ///
    /// Returns the value that the kernel has then, as it may ignore the write; none where this
    /// driver has no such attribute.
    pub(super) fn set(&mut self, path: &Path, what: &str, value: &str) -> Result<Option<String>> {
        let (system, plain) = (self.system, value.trim_end());
        let read = || {
            let now = system.attribute(path);
            now.wrap_err_with(|| format!("reading {what}"))
        };
        let now = match read()? {
            Some(now) if now != plain => now,
            same => return Ok(same),
        };
        let written = system.set_attribute(path, value);
        written.wrap_err_with(|| format!("setting {what} to {plain}"))?;
        let end = value.get(plain.len()..).unwrap_or_default();
        self.steps.push(Step::Wrote(path.to_owned(), now + end));
        read()
    }

    /// Rolls back all changes, the last first. The caller reports the error that led here.
    pub(super) fn take_back(self) {
        let system = self.system;
        for step in self.steps.into_iter().rev() {
            match step {
                Step::Made(path) => drop(system.remove_object(&path)),
                Step::Wrote(path, value) => drop(system.set_attribute(&path, &value)),
                Step::Removed(path, node) => {
                    drop(system.make_object(&path));
                    drop(furnish(system, &path, &node));
                }
            }
        }
    }
}

/// Sets a new node's values. The kernel requires this order: a number needs an address, and `local`
/// needs all others.
fn furnish(system: &System, path: &Path, new: &RegisteredNode) -> Result<()> {
    for (attribute, value) in [
        ("ipv4_port", new.node.port.to_string()),
        ("ipv4_address", new.node.address.to_string()),
        ("num", new.node.number.to_string()),
    ] {
        let written = system.set_attribute(&path.join(attribute), &value);
        written.wrap_err_with(|| format!("setting {attribute} to {value}"))?;
    }
    set_local(system, path, new)
}

/// Sets whether a node is the local one: the kernel listens on its address from then on.
fn set_local(system: &System, path: &Path, set: &RegisteredNode) -> Result<()> {
    let RegisteredNode { node, local } = set;
    let value = if *local { "1" } else { "0" };
    let written = system.set_attribute(&path.join("local"), value);
    written.map_err(|error| match error.raw_os_error() {
        Some(libc::EADDRNOTAVAIL) => eyre!(
            "this host does not have the address {} (ip address shows those it has)",
            node.address
        ),
        Some(libc::EADDRINUSE) => eyre!(
            "another program listens on port {} (ss -tlnp shows which)",
            node.port
        ),
        _ if *local => {
            eyre!(error).wrap_err(format!("listening on {}:{}", node.address, node.port))
        }
        _ => eyre!(error).wrap_err("setting local to 0"),
    })
}

/// Removes a directory that may be gone already.
pub(super) fn remove(system: &System, path: &Path) -> io::Result<()> {
    if_present(system.remove_object(path)).map(drop)
}
