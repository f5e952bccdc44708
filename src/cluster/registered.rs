//! The cluster that the kernel has now (configfs, fs/ocfs2/cluster/nodemanager.c).

use crate::config::cluster_conf::Node;
use crate::host::mounts::{self, DeviceNumber};
use crate::host::{System, if_present, read_attribute};
use crate::ids::{ClusterName, HeartbeatMode, Uuid};
use eyre::{Result, WrapErr, bail, eyre};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The meaning of ENOTCONN when a process joins a lock domain.
pub const UNREACHABLE: &str = "another node of the cluster could not be reached (see that the \
    nodes' addresses, the firewall and the time-outs are right, and the same on all)";

/// The one cluster that a node can have registered.
pub struct RegisteredCluster<'s> {
    system: &'s System,
    name: ClusterName,
    path: PathBuf,
}

/// A node as the kernel knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredNode {
    /// The node; it has the defaults of the kernel until a process sets its values.
    pub node: Node,
    /// Whether the node is this host.
    pub local: bool,
}

impl RegisteredNode {
    /// Returns its directory below that of its cluster.
    pub(super) fn path(&self, cluster: &Path) -> PathBuf {
        cluster.join("node").join(&self.node.name)
    }
}

/// Returns the directory of clusters; it exists when the node manager is loaded and configfs
/// mounted.
///
/// # Errors
/// Names which of the two is missing, and what to run.
pub fn directory(system: &System) -> Result<PathBuf> {
    let configfs = system.configfs()?.ok_or_else(|| {
        eyre!("configfs is not mounted, so that the cluster cannot be seen (run: o2cb load)")
    })?;
    let directory = configfs.join("cluster");
    if !has_clusters(system, &directory)? {
        bail!("the module ocfs2_nodemanager is not loaded (run: o2cb load)");
    }
    check_revision(system)?;
    Ok(directory)
}

fn has_clusters(system: &System, directory: &Path) -> Result<bool> {
    let there = system.has_object(directory);
    there.wrap_err_with(|| format!("looking at {}", directory.display()))
}

/// Checks the driver's revision: one with a higher revision than is known here may give the same
/// files another meaning.
fn check_revision(system: &System) -> Result<()> {
    /// O2NM_API_VERSION of all drivers so far.
    const KNOWN: u32 = 5;
    /// Today's place, and those of the 1.2 drivers.
    const PLACES: [&str; 3] = ["/sys/fs/o2cb", "/sys/o2cb", "/proc/fs/ocfs2_nodemanager"];
    for place in PLACES {
        let attribute = system.path(place).join("interface_revision");
        let Some(said) = read_attribute(&attribute).wrap_err("reading the driver's revision")?
        else {
            continue;
        };
        if said.trim().parse::<u32>().is_ok_and(|it| it <= KNOWN) {
            break;
        }
        bail!(
            "the driver has interface revision \"{}\", this program knows {KNOWN} and lower (use a \
             newer version of it)",
            said.escape_debug()
        );
    }
    Ok(())
}

impl<'s> RegisteredCluster<'s> {
    /// Returns the registered cluster, online or not.
    pub fn find(system: &'s System) -> Result<Option<Self>> {
        let directory = directory(system)?;
        let names = system.objects(&directory);
        let names = names.wrap_err("listing the clusters in configfs")?;
        let Some(name) = names.first() else {
            return Ok(None);
        };
        let name: ClusterName = name.to_string_lossy().parse()?;
        let path = directory.join(name.as_str());
        Ok(Some(Self { system, name, path }))
    }

    /// Returns the registered cluster; without the drivers there is none.
    pub fn if_loaded(system: &'s System) -> Result<Option<Self>> {
        match system.configfs()? {
            Some(configfs) if has_clusters(system, &configfs.join("cluster"))? => {
                Self::find(system)
            }
            _ => Ok(None),
        }
    }

    /// Returns the cluster's name.
    pub fn name(&self) -> &ClusterName {
        &self.name
    }

    /// Returns its directory in configfs.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether regions belong to the cluster or to each mounted volume. Drivers without the
    /// attribute (before 2.6.37) have local heartbeat only.
    pub fn heartbeat_mode(&self) -> Result<HeartbeatMode> {
        let mode = self.system.attribute(&self.path.join("heartbeat/mode"));
        let mode = mode.wrap_err("reading the heartbeat mode")?;
        Ok(HeartbeatMode::new(mode.as_deref() == Some("global")))
    }

    /// Returns its nodes, by name.
    pub fn nodes(&self) -> Result<Vec<RegisteredNode>> {
        let names = self.system.objects(&self.path.join("node"));
        let names = names.wrap_err("listing the nodes in configfs")?;
        let nodes = names.iter().map(|name| {
            // It may have been removed meanwhile.
            let node = if_present(self.node(name));
            node.wrap_err_with(|| format!("reading the values of node {name:?}"))
        });
        nodes.filter_map(Result::transpose).collect()
    }

    fn node(&self, name: &OsStr) -> io::Result<RegisteredNode> {
        let directory = self.path.join("node").join(name);
        Ok(RegisteredNode {
            node: Node {
                name: name.to_string_lossy().into_owned(),
                number: self.value(&directory.join("num"))?,
                address: self.value(&directory.join("ipv4_address"))?,
                port: self.value(&directory.join("ipv4_port"))?,
            },
            local: self.value::<u8>(&directory.join("local"))? == 1,
        })
    }

    fn value<T: FromStr>(&self, path: &Path) -> io::Result<T> {
        let text = self.system.attribute(path)?;
        let text = text.ok_or(io::ErrorKind::NotFound)?;
        text.parse().map_err(|_| io::ErrorKind::InvalidData.into())
    }

    /// Returns its heartbeat regions; other directories are skipped.
    pub fn regions(&self) -> Result<Vec<Uuid>> {
        let names = self.system.objects(&self.path.join("heartbeat"));
        let names = names.wrap_err("listing the heartbeat regions in configfs")?;
        let regions = names.iter().filter_map(|name| name.to_str()?.parse().ok());
        Ok(regions.collect())
    }

    /// Returns whether a volume of it can be mounted here: this host is one of its nodes, and, with
    /// global heartbeat, its heartbeat is active.
    pub fn is_online(&self) -> Result<bool> {
        let here = self.nodes()?.iter().any(|node| node.local);
        Ok(here && (!self.heartbeat_mode()?.is_global() || !self.regions()?.is_empty()))
    }
}

/// Returns the volume whose own region heartbeats on `device`. With global heartbeat a region does
/// not identify the volumes beside it.
pub fn region_on(system: &System, device: DeviceNumber) -> Result<Option<Uuid>> {
    let Some(live) = RegisteredCluster::find(system)? else {
        return Ok(None);
    };
    if live.heartbeat_mode()?.is_global() {
        return Ok(None);
    }
    for region in live.regions()? {
        let attribute = live.path().join(format!("heartbeat/{region}/dev"));
        let name = system.attribute(&attribute);
        let name = name.wrap_err("reading a region's device")?;
        if let Some(name) = name.filter(|name| !name.is_empty())
            && mounts::number_of(system, &name)? == Some(device)
        {
            return Ok(Some(region));
        }
    }
    Ok(None)
}
