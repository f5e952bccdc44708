//! The data that every check uses: the files and the kernel's cluster, each read once.

use crate::cluster::registered::RegisteredCluster;
use crate::cluster::timeouts::Timeouts;
use crate::config::cluster_conf::{Cluster, Config, Node};
use crate::config::sysconfig::Sysconfig;
use crate::heartbeat::survey::Surveyed;
use crate::host::{System, mounts};
use crate::ids::Uuid;
use eyre::Result;
use std::path::PathBuf;

/// The kernel's own threshold, where none is set (O2HB_DEFAULT_DEAD_THRESHOLD).
const DEFAULT_THRESHOLD: u32 = 31;

/// A node under examination.
pub struct Site<'s> {
    /// The machine.
    pub system: &'s System,
    /// The path of cluster.conf.
    pub config_place: String,
    /// The configuration; none where there is no file.
    pub config: Result<Option<Config>>,
    /// The path of `/etc/default/o2cb` or `/etc/sysconfig/o2cb`.
    pub sysconfig_place: &'static str,
    /// The content of that file.
    pub sysconfig: Result<Sysconfig>,
    /// Whether the configuration has the cluster that is set to be brought up.
    pub boot_cluster: Result<()>,
    /// The cluster that this node belongs to, as far as the files show.
    pub cluster: Result<Cluster>,
    /// The node that this host is, as far as the files show.
    pub local: Result<Node>,
    /// The cluster that the kernel has.
    pub live: Result<Option<RegisteredCluster<'s>>>,
    /// Its heartbeat regions.
    pub surveyed: Result<Vec<Surveyed>>,
    /// The devices to look at; with none, those that this node uses.
    pub devices: Vec<PathBuf>,
}

impl Site<'_> {
    /// Returns the heartbeat regions of this node at this moment; none where they are not visible,
    /// though the kernel may have some.
    pub(super) fn regions(&self) -> Option<Vec<Uuid>> {
        match &self.live {
            Ok(Some(live)) => live.regions().ok(),
            Ok(None) if matches!(self.system.configfs(), Ok(Some(_))) => Some(Vec::new()),
            Ok(None) => match mounts::knows_filesystem(self.system, "ocfs2") {
                Ok(false) => Some(Vec::new()),
                _ => None,
            },
            Err(_) => None,
        }
    }

    /// Returns this node's number, as far as the files show.
    pub(super) fn number(&self) -> Option<u8> {
        self.local.as_ref().ok().map(|node| node.number)
    }

    /// Returns the heartbeat dead threshold that this node has or is going to have.
    pub(super) fn threshold(&self) -> u32 {
        let live = || {
            let live = self.live.as_ref().ok()?.as_ref()?;
            let limits = Timeouts::read(self.system, live.path());
            limits.ok()?.heartbeat_threshold
        };
        let set = || self.sysconfig.as_ref().ok()?.timeouts.heartbeat_threshold;
        live().or_else(set).unwrap_or(DEFAULT_THRESHOLD)
    }
}
