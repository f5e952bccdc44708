//! Brings the kernel's cluster up to the configuration, and takes it away again.

use super::config::{Cluster, HeartbeatMode, Node};
use super::live::{self, Live, LiveNode};
use super::sysconfig::Sysconfig;
use super::timeouts;
use crate::system::{System, read_attribute};
use eyre::{Result, WrapErr, bail, eyre};
use std::path::{Path, PathBuf};

/// Registers `cluster`, or changes a registered one as little as it takes. `local` is the
/// node that this host is; `sysconfig` has the time limits. A failure in the middle takes away
/// what this call made.
pub fn register(
    system: &System,
    cluster: &Cluster,
    local: &Node,
    sysconfig: &Sysconfig,
) -> Result<()> {
    let folder = live::folder(system)?;
    if let Some(other) = Live::find(system)?.filter(|live| *live.name() != cluster.name) {
        bail!(
            "cluster \"{0}\" is registered, and a node can be in one at a time (run: o2cb \
             offline {0})",
            other.name()
        );
    }
    let mut made = Made {
        system,
        objects: Vec::new(),
    };
    let done = made.all(
        &folder.join(cluster.name.as_str()),
        cluster,
        local,
        sysconfig,
    );
    if done.is_err() {
        made.undo();
    }
    done
}

/// Removes the registered cluster with its nodes.
///
/// # Errors
/// The kernel refuses while a region is there.
pub fn unregister(system: &System, live: &Live) -> Result<()> {
    let regions = live.regions()?;
    if !regions.is_empty() {
        bail!(
            "{1} heartbeat region(s) of cluster \"{0}\" are active (o2cb offline {0} says whose)",
            live.name(),
            regions.len()
        );
    }
    let mut nodes = live.nodes()?;
    // This host first: the kernel refuses that while anything beats, before the others are
    // gone, and starts no heartbeat without it.
    nodes.sort_by_key(|node| !node.local);
    let folder = live.path().join("node");
    for node in nodes {
        remove(system, &folder.join(&node.name))
            .wrap_err_with(|| format!("unregistering node \"{}\"", node.name))?;
    }
    remove(system, live.path())
        .wrap_err_with(|| format!("unregistering cluster \"{}\"", live.name()))
}

/// What this call made in configfs, in order.
struct Made<'s> {
    system: &'s System,
    objects: Vec<PathBuf>,
}

impl Made<'_> {
    fn all(
        &mut self,
        folder: &Path,
        cluster: &Cluster,
        local: &Node,
        sysconfig: &Sysconfig,
    ) -> Result<()> {
        if !folder.is_dir() {
            self.make(folder)
                .wrap_err_with(|| format!("registering cluster \"{}\"", cluster.name))?;
        }
        set_mode(self.system, folder, cluster.heartbeat_mode)?;
        // Before there is a node that could mount with other limits.
        timeouts::apply(self.system, folder, sysconfig)?;
        let known = self.drop_changed(cluster)?;
        for node in &cluster.nodes {
            let is_local = node.name == local.name;
            let path = folder.join("node").join(&node.name);
            let settled = match known.iter().find(|known| known.name == node.name) {
                // Registered under another hostname: the kernel takes the flag later too.
                Some(known) if is_local && !known.local => self.listen(&path, node),
                Some(_) => Ok(()),
                None => self.add(&path, node, is_local),
            };
            settled.wrap_err_with(|| format!("registering node \"{}\"", node.name))?;
        }
        Ok(())
    }

    /// Removes the nodes that the configuration does not know in this form; what is left.
    fn drop_changed(&mut self, cluster: &Cluster) -> Result<Vec<LiveNode>> {
        let Some(live) = Live::find(self.system)? else {
            return Ok(Vec::new());
        };
        let (same, changed): (Vec<_>, Vec<_>) = live
            .nodes()?
            .into_iter()
            .partition(|live| cluster.nodes.iter().any(|node| is_same(node, live)));
        let in_use = !live.regions()?.is_empty();
        for node in changed {
            // Its connection would be cut, and what other nodes hold locks on with it.
            if in_use {
                bail!(
                    "node \"{}\" is not so in the configuration, and cannot be changed while \
                     volumes are in use (unmount them, then o2cb offline and online)",
                    node.name
                );
            }
            remove(self.system, &live.path().join("node").join(&node.name)).wrap_err_with(
                || {
                    format!(
                        "removing node \"{}\", which the configuration does not have so",
                        node.name
                    )
                },
            )?;
        }
        Ok(same)
    }

    /// The order is the kernel's: a number needs an address, `local` needs all of them.
    fn add(&mut self, path: &Path, node: &Node, local: bool) -> Result<()> {
        self.make(path)?;
        self.set(path, "ipv4_port", &node.port.to_string())?;
        self.set(path, "ipv4_address", &node.address.to_string())?;
        self.set(path, "num", &node.number.to_string())?;
        match local {
            true => self.listen(path, node),
            false => self.set(path, "local", "0"),
        }
    }

    fn make(&mut self, path: &Path) -> Result<()> {
        self.system.kernel().make_object(path)?;
        self.objects.push(path.to_owned());
        Ok(())
    }

    fn set(&self, path: &Path, attribute: &str, value: &str) -> Result<()> {
        let kernel = self.system.kernel();
        let written = kernel.write_attribute(&path.join(attribute), value);
        written.wrap_err_with(|| format!("setting {attribute} to {value}"))
    }

    /// Makes a node the local one: the kernel listens on its address from now on.
    fn listen(&self, path: &Path, node: &Node) -> Result<()> {
        let kernel = self.system.kernel();
        let listens = kernel.write_attribute(&path.join("local"), "1");
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

    /// The error that led here is the one to be told.
    fn undo(&self) {
        for path in self.objects.iter().rev() {
            let _ = self.system.kernel().remove_object(path);
        }
    }
}

fn is_same(node: &Node, live: &LiveNode) -> bool {
    node.name == live.name
        && live.number == node.number.to_string()
        && live.address == node.address.to_string()
        && live.port == node.port.to_string()
}

/// The kernel ignores the write without a word while there is a region, so it is read back.
fn set_mode(system: &System, folder: &Path, mode: HeartbeatMode) -> Result<()> {
    let attribute = folder.join("heartbeat/mode");
    let read = || read_attribute(&attribute).wrap_err("reading the heartbeat mode");
    match read()? {
        Some(now) if now == mode.as_str() => return Ok(()),
        Some(_) => {
            system
                .kernel()
                .write_attribute(&attribute, &format!("{}\n", mode.as_str()))
                .wrap_err("setting the heartbeat mode")?;
        }
        None if mode == HeartbeatMode::Local => return Ok(()),
        None => bail!("this kernel has no global heartbeat"),
    }
    if read()?.as_deref() != Some(mode.as_str()) {
        bail!("the heartbeat mode cannot change while a region is active (unmount, then retry)");
    }
    Ok(())
}

fn remove(system: &System, path: &Path) -> Result<()> {
    match system.kernel().remove_object(path) {
        Err(error) if !crate::system::is_absent(&error) => Err(error.into()),
        _ => Ok(()),
    }
}
