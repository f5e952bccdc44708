//! Brings the kernel's cluster up to the configuration, and removes it.

use super::registered::{self, RegisteredCluster, RegisteredNode};
use super::timeouts;
use super::transaction::{Transaction, furnish, remove};
use crate::config::cluster_conf::{Cluster, Node};
use crate::config::sysconfig::Sysconfig;
use crate::host::System;
use crate::ids::HeartbeatMode;
use crate::syscall::signal;
use eyre::{Result, WrapErr, bail, eyre};
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
) -> Result<Registered<'s>> {
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
        Ok(()) => Ok(Registered(changes)),
        Err(error) => {
            changes.take_back();
            Err(error)
        }
    }
}

/// The changes of a registration. A drop keeps them.
pub struct Registered<'s>(Transaction<'s>);

impl Registered<'_> {
    /// Rolls the changes back, as far as no heartbeat is active.
    pub fn take_back(self) {
        // Rolling back without the lock is better than not at all.
        let _lock = file_lock(self.0.system());
        self.0.take_back();
    }
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
    let directory = live.path().join("node");
    for node in nodes {
        let path = directory.join(&node.name);
        let failed = format!("unregistering node \"{}\"", node.name);
        changes.remove_node(&path, node).wrap_err(failed)?;
    }
    remove(changes.system(), live.path())
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
    let there = changes.system().has_object(directory);
    if !there.wrap_err_with(registering)? {
        changes.make(directory).wrap_err_with(registering)?;
    }
    set_mode(changes, directory, cluster.heartbeat_mode)?;
    // The timeouts come before any node that could mount with others.
    timeouts::apply(changes, directory, &sysconfig.timeouts)?;
    let known = drop_changed(changes, cluster, local)?;
    for node in &cluster.nodes {
        let wanted = live_form(node, local);
        let path = directory.join("node").join(&node.name);
        let settled = match known.iter().find(|known| known.name == node.name) {
            // A node registered under another hostname becomes local here: the kernel takes the
            // flag later too.
            Some(known) if wanted.local && !known.local => listen(changes.system(), &path, node)
                .map(|()| changes.wrote(path.join("local"), "0".into())),
            Some(_) => Ok(()),
            None => add(changes, &path, node, &wanted),
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
    let Some(live) = RegisteredCluster::find(changes.system())? else {
        return Ok(Vec::new());
    };
    let is_wanted = |live: &RegisteredNode| is_so(live, cluster, local);
    let (same, changed): (Vec<_>, Vec<_>) = live.nodes()?.into_iter().partition(is_wanted);
    let in_use = !live.regions()?.is_empty();
    for node in changed {
        // The removal would cut its connection, on which other nodes may hold locks.
        if in_use {
            bail!(
                "node \"{}\" is not so in the configuration, and cannot be changed while volumes \
                 are in use (unmount them, then o2cb offline and online)",
                node.name
            );
        }
        let path = live.path().join("node").join(&node.name);
        let failed = format!(
            "removing node \"{}\", which the configuration does not have so",
            node.name
        );
        changes.remove_node(&path, node).wrap_err(failed)?;
    }
    Ok(same)
}

/// Returns whether a node of the kernel's can stay. Otherwise it must go, which it cannot while a
/// region is active.
pub(super) fn is_so(live: &RegisteredNode, cluster: &Cluster, local: &Node) -> bool {
    let mut wanted = cluster.nodes.iter().map(|node| live_form(node, local));
    // A node can become local later.
    wanted.any(|node| {
        node == RegisteredNode {
            local: live.local || node.local,
            ..live.clone()
        }
    })
}

/// Returns the form of a node that the kernel is to show.
pub(super) fn live_form(node: &Node, local: &Node) -> RegisteredNode {
    RegisteredNode {
        name: node.name.clone(),
        number: node.number.to_string(),
        address: node.address.to_string(),
        port: node.port.to_string(),
        local: node.name == local.name,
    }
}

fn add(changes: &mut Transaction, path: &Path, node: &Node, wanted: &RegisteredNode) -> Result<()> {
    changes.make(path)?;
    furnish(changes.system(), path, wanted)?;
    match wanted.local {
        true => listen(changes.system(), path, node),
        false => {
            let written = changes.system().set_attribute(&path.join("local"), "0");
            written.wrap_err("setting local to 0")
        }
    }
}

/// Makes a node the local one: the kernel listens on its address from now on.
fn listen(system: &System, path: &Path, node: &Node) -> Result<()> {
    let listens = system.set_attribute(&path.join("local"), "1");
    listens.map_err(|error| match error.raw_os_error() {
        Some(libc::EADDRNOTAVAIL) => eyre!(
            "this host does not have the address {} (ip address shows those it has)",
            node.address
        ),
        Some(libc::EADDRINUSE) => eyre!(
            "another program listens on port {} (ss -tlnp shows which)",
            node.port
        ),
        _ => eyre!(error).wrap_err(format!("listening on {}:{}", node.address, node.port)),
    })
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
