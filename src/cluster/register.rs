//! Brings the kernel's cluster up to the configuration, and removes it.

use super::registered::{self, RegisteredCluster, RegisteredNode};
use super::timeouts;
use super::transaction::{Transaction, remove};
use crate::config::cluster_conf::{Cluster, Node};
use crate::config::sysconfig::Sysconfig;
use crate::host::System;
use crate::ids::HeartbeatMode;
use crate::syscall::signal;
use eyre::{Result, WrapErr, bail};
use std::fs::File;
use std::path::Path;
use std::time::Duration;

/// Registers `cluster`, or changes a registered one as little as possible. `local` is the node that
/// this host is; `sysconfig` has the timeouts. A failure rolls back the changes of this call.
pub fn register<'s>(
    system: &'s System,
    cluster: &Cluster,
    local: &Node,
    sysconfig: &Sysconfig,
) -> Result<Transaction<'s>> {
    let _lock = file_lock(system)?;
    let directory = registered::directory(system)?;
    let registered = RegisteredCluster::find(system)?;
    if let Some(other) = registered.filter(|live| *live.name() != cluster.name) {
        bail!(
            "cluster \"{0}\" is registered, and a node can be in one at a time (run: o2cb \
             offline {0})",
            other.name()
        );
    }
    // Ctrl-C must not leave half a cluster either: this takes milliseconds.
    signal::defer_termination().wrap_err("holding signals back")?;
    let mut changes = Transaction::of(system);
    let directory = directory.join(cluster.name.as_str());
    match bring_up(&mut changes, &directory, cluster, local, sysconfig) {
        Ok(()) => Ok(changes),
        Err(error) => {
            changes.take_back();
            Err(error)
        }
    }
}

/// Rolls the changes of a registration back, as far as no heartbeat is active.
pub fn take_back(registered: Transaction) {
    // Rolling back without the lock is better than not at all.
    let _lock = file_lock(registered.system);
    registered.take_back();
}

/// Keeps other processes of this program from changing the kernel's cluster until the result is
/// dropped: two at once would take each other's half-made nodes for changed ones. Best effort where
/// there is no /run.
///
/// # Errors
/// Another process has the lock for half a minute.
pub fn file_lock(system: &System) -> Result<Option<File>> {
    super::file_lock(system, "cluster", Duration::from_secs(30))
}

/// Removes the registered cluster with its nodes. It returns `false` and removes nothing if regions
/// are active.
pub fn unregister(system: &System, live: &RegisteredCluster) -> Result<bool> {
    let _lock = file_lock(system)?;
    if !live.regions()?.is_empty() {
        return Ok(false);
    }
    let mut changes = Transaction::of(system);
    let removed = take_down(&mut changes, live);
    if removed.is_err() {
        changes.take_back();
        // A heartbeat was started since the check.
        if !live.regions()?.is_empty() {
            return Ok(false);
        }
    }
    removed.map(|()| true)
}

fn take_down(changes: &mut Transaction, live: &RegisteredCluster) -> Result<()> {
    // This host goes first: the kernel refuses that while a heartbeat is active, before the others
    // are gone, and starts no heartbeat without it.
    let mut nodes = live.nodes()?;
    nodes.sort_by_key(|node| !node.local);
    for node in nodes {
        let failed = format!("unregistering node \"{}\"", node.node.name);
        changes.remove_node(live.path(), node).wrap_err(failed)?;
    }
    remove(changes.system, live.path())
        .wrap_err_with(|| format!("unregistering cluster \"{}\"", live.name()))
}

fn bring_up(
    changes: &mut Transaction,
    directory: &Path,
    cluster: &Cluster,
    local: &Node,
    sysconfig: &Sysconfig,
) -> Result<()> {
    let registering = || format!("registering cluster \"{}\"", cluster.name);
    let there = changes.system.has_object(directory);
    if !there.wrap_err_with(registering)? {
        changes.make(directory).wrap_err_with(registering)?;
    }
    set_mode(changes, directory, cluster.heartbeat_mode)?;
    // The timeouts come before any node that could mount with others.
    timeouts::apply(changes, directory, &sysconfig.timeouts)?;
    let known = drop_changed(changes, cluster, local)?;
    for node in &cluster.nodes {
        let wanted = RegisteredNode {
            node: node.clone(),
            local: node.name == local.name,
        };
        let settled = match known.iter().find(|known| known.node.name == node.name) {
            // A node registered under another hostname becomes local here: the kernel takes the
            // flag later too.
            Some(known) if wanted.local && !known.local => changes.make_local(directory, &wanted),
            Some(_) => Ok(()),
            None => changes.add_node(directory, &wanted),
        };
        settled.wrap_err_with(|| format!("registering node \"{}\"", node.name))?;
    }
    Ok(())
}

/// Removes the nodes that differ from the configuration, and returns the others.
fn drop_changed(
    changes: &mut Transaction,
    cluster: &Cluster,
    local: &Node,
) -> Result<Vec<RegisteredNode>> {
    let Some(live) = RegisteredCluster::find(changes.system)? else {
        return Ok(Vec::new());
    };
    let is_wanted = |live: &RegisteredNode| is_so(live, cluster, local);
    let (same, changed): (Vec<_>, Vec<_>) = live.nodes()?.into_iter().partition(is_wanted);
    let in_use = !live.regions()?.is_empty();
    for node in changed {
        let name = &node.node.name;
        // The removal would cut its connection, on which other nodes may hold locks.
        if in_use {
            bail!(
                "node \"{name}\" is not so in the configuration, and cannot be changed while volumes \
                 are in use (unmount them, then o2cb offline and online)"
            );
        }
        let failed = format!("removing node \"{name}\", which the configuration does not have so");
        changes.remove_node(live.path(), node).wrap_err(failed)?;
    }
    Ok(same)
}

/// Returns whether a node of the kernel's can stay. Otherwise it must go, which it cannot while a
/// region is active.
pub(super) fn is_so(live: &RegisteredNode, cluster: &Cluster, local: &Node) -> bool {
    // A node can become local later.
    cluster.nodes.contains(&live.node) && (!live.local || live.node.name == local.name)
}

/// Sets the heartbeat mode. The kernel silently ignores the write while there is a region.
fn set_mode(changes: &mut Transaction, directory: &Path, mode: HeartbeatMode) -> Result<()> {
    let attribute = directory.join("heartbeat/mode");
    match changes.set(&attribute, "the heartbeat mode", &format!("{mode}\n"))? {
        Some(now) if now == mode.as_str() => Ok(()),
        Some(_) => {
            bail!("the heartbeat mode cannot change while a region is active (unmount, then retry)")
        }
        None if mode == HeartbeatMode::Local => Ok(()),
        None => bail!("this kernel has no global heartbeat"),
    }
}
