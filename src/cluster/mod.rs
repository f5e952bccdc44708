//! The cluster of this node as the kernel has it.

pub mod differences;
pub mod dlm;
pub mod dlmfs;
pub mod driver;
pub mod node_names;
pub mod register;
pub mod registered;
pub mod stack;
pub mod timeouts;
mod transaction;

use crate::host::System;
use crate::host::lock_file::{self, LockMode};
use eyre::Result;
use std::fs::File;
use std::time::Duration;

/// Takes the file lock `name` for this process alone. Best effort where there is no /run.
///
/// # Errors
/// Another process has the lock for `timeout`.
fn file_lock(system: &System, name: &str, timeout: Duration) -> Result<Option<File>> {
    match lock_file::take(system, name, LockMode::Exclusive, system.pause(timeout)) {
        Ok(None) => Err(lock_file::not_had(system, name, timeout)),
        Ok(lock) => Ok(lock),
        Err(_) => Ok(None),
    }
}
