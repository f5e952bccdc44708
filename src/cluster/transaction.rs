//! Changes to the kernel's cluster that can be rolled back.

use super::registered::RegisteredNode;
use crate::host::{System, is_absent};
use eyre::{Result, WrapErr};
use std::io;
use std::path::{Path, PathBuf};

/// The changes of one call in configfs, in order.
pub(super) struct Transaction<'s> {
    system: &'s System,
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

    pub(super) fn system(&self) -> &'s System {
        self.system
    }

    /// Makes a cluster or a node.
    pub(super) fn make(&mut self, path: &Path) -> io::Result<()> {
        self.system.make_object(path)?;
        self.steps.push(Step::Made(path.to_owned()));
        Ok(())
    }

    /// Removes a node, if it still exists.
    pub(super) fn remove_node(&mut self, path: &Path, node: RegisteredNode) -> Result<()> {
        remove(self.system, path)?;
        self.steps.push(Step::Removed(path.to_owned(), node));
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
        self.wrote(path.to_owned(), now + end);
        read()
    }

    /// Records that another function set an attribute, which held `old`.
    pub(super) fn wrote(&mut self, path: PathBuf, old: String) {
        self.steps.push(Step::Wrote(path, old));
    }

    /// Rolls back all changes, the last first. The caller reports the error that led here.
    pub(super) fn take_back(self) {
        let system = self.system;
        for step in self.steps.into_iter().rev() {
            let _ = match step {
                Step::Made(path) => system.remove_object(&path),
                Step::Wrote(path, value) => system.set_attribute(&path, &value),
                Step::Removed(path, node) => {
                    let _ = system.make_object(&path);
                    let _ = furnish(self.system, &path, &node);
                    let local = if node.local { "1" } else { "0" };
                    system.set_attribute(&path.join("local"), local)
                }
            };
        }
    }
}

/// Sets a new node's values, all but `local`, which needs them. The kernel requires this order: a
/// number needs an address.
pub(super) fn furnish(system: &System, path: &Path, node: &RegisteredNode) -> Result<()> {
    for (attribute, value) in [
        ("ipv4_port", &node.port),
        ("ipv4_address", &node.address),
        ("num", &node.number),
    ] {
        let written = system.set_attribute(&path.join(attribute), value);
        written.wrap_err_with(|| format!("setting {attribute} to {value}"))?;
    }
    Ok(())
}

/// Removes a directory that may be gone already.
pub(super) fn remove(system: &System, path: &Path) -> io::Result<()> {
    match system.remove_object(path) {
        Err(error) if !is_absent(&error) => Err(error),
        _ => Ok(()),
    }
}
