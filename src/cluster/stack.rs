//! Which cluster stack the kernel runs, and making it the one that a volume wants.

use crate::ids::StackName;
use crate::system::mounts::knows_filesystem;
use crate::system::{System, is_there, read_attribute};
use eyre::{Result, WrapErr};

/// fs/ocfs2/stackglue.c
const STACK: &str = "/sys/fs/ocfs2/cluster_stack";
const ACTIVE: &str = "/sys/fs/ocfs2/active_cluster_plugin";

/// The stack that is set; drivers of the 1.2 era have no stack glue and only the classic one.
pub fn running(system: &System) -> Result<StackName> {
    match read_attribute(&system.path(STACK)).wrap_err("reading the cluster stack")? {
        Some(name) => name
            .parse()
            .wrap_err_with(|| format!("reading the cluster stack in {STACK}")),
        None => Ok(StackName::O2CB),
    }
}

/// Loads the filesystem's driver, if it is not there already.
pub fn load_filesystem(system: &System) -> Result<()> {
    if knows_filesystem(system, "ocfs2").wrap_err("reading the list of filesystems")? {
        return Ok(());
    }
    insert(system, "ocfs2")
}

/// Loads the driver of the stack `wanted` and sets it, if nothing that another one serves
/// keeps the kernel from it: that is said by whoever compares the two.
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
pub fn set(system: &System, wanted: StackName) -> Result<()> {
    if running(system)? == wanted || !can_change(system)? {
        return Ok(());
    }
    let written = system
        .kernel()
        .write_attribute(&system.path(STACK), wanted.as_str());
    written.wrap_err_with(|| format!("setting the cluster stack to {wanted}"))
}

/// Would the kernel take another stack: does it serve nothing with the one that is set?
pub fn can_change(system: &System) -> Result<bool> {
    let active = read_attribute(&system.path(ACTIVE)).wrap_err("reading the active stack")?;
    Ok(active.is_none_or(|active| active.is_empty()))
}

/// Loads a module with what it needs.
pub fn insert(system: &System, module: &str) -> Result<()> {
    let loaded = system.kernel().load_module(module);
    loaded.wrap_err_with(|| format!("loading the kernel module {module}"))
}
