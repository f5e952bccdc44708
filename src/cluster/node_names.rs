//! The nodes of a cluster, as far as this node knows them: enough to name them.

use super::registered::RegisteredCluster;
use crate::config::atomic_file;
use crate::config::cluster_conf::{self, Cluster, Config, Node};
use crate::host::{System, read_attribute};
use crate::ids::ClusterName;

/// Returns the cluster `name`, or else the only one, as cluster.conf has it; none if that is
/// unreadable or wrong.
pub fn configured(system: &System, name: Option<&ClusterName>) -> Option<Cluster> {
    let text = atomic_file::read(&system.path(cluster_conf::PLACE)).ok()??;
    let config = Config::parse(&text).ok()?;
    match (name, &config.clusters[..]) {
        (Some(name), _) => config.cluster(name).cloned(),
        (None, [cluster]) => Some(cluster.clone()),
        (None, _) => None,
    }
}

/// A cluster's nodes. Empty where this node knows nothing of the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeNames {
    /// The nodes' numbers and names.
    pub nodes: Vec<(u8, String)>,
    /// This node's own number.
    pub own: Option<u8>,
}

impl NodeNames {
    /// Returns the nodes of the cluster `name`, or, for a volume that names none, of the only one:
    /// as the kernel has them, else as cluster.conf has. A file that is unreadable or wrong counts
    /// as empty.
    pub fn of(system: &System, name: Option<&ClusterName>) -> Self {
        match RegisteredCluster::if_loaded(system) {
            Ok(Some(live)) if name.is_none_or(|name| name == live.name()) => {
                Self::registered(&live)
            }
            _ => Self::configured(system, name).unwrap_or_default(),
        }
    }

    fn registered(live: &RegisteredCluster) -> Self {
        let nodes = live.nodes().unwrap_or_default();
        let own = nodes.iter().find(|node| node.local);
        Self {
            own: own.map(|own| own.node.number),
            nodes: numbered(nodes.into_iter().map(|registered| registered.node)),
        }
    }

    fn configured(system: &System, name: Option<&ClusterName>) -> Option<Self> {
        let cluster = configured(system, name)?;
        let host = read_attribute(&system.path("/proc/sys/kernel/hostname")).ok()??;
        Some(Self {
            own: cluster.local_node(&host).ok().map(|node| node.number),
            nodes: numbered(cluster.nodes.into_iter()),
        })
    }

    /// Returns the name of a node.
    pub fn name(&self, number: u8) -> Option<&str> {
        let mut nodes = self.nodes.iter();
        let (_, name) = nodes.find(|(known, _)| *known == number)?;
        Some(name)
    }

    /// Returns whether the cluster has a node of this number; none where the cluster is not known.
    pub fn knows(&self, number: u8) -> Option<bool> {
        (!self.nodes.is_empty()).then(|| self.name(number).is_some())
    }
}

fn numbered(nodes: impl Iterator<Item = Node>) -> Vec<(u8, String)> {
    nodes.map(|node| (node.number, node.name)).collect()
}
