//! `/etc/ocfs2/cluster.conf`: text in, checked values out.
//!
//! The grammar is that of the C tools: what they refuse is refused here. Beyond that, whatever they
//! silently drop, and whatever the kernel would refuse half-way through a registration, is an error
//! with its line. If one machine's view of the cluster misses a node, that machine does not notice
//! the node's death, so nothing is skipped silently.

mod check;
mod document;
mod edit;
mod render;
mod syntax;
#[cfg(test)]
mod tests;
mod text;

use crate::ids::{ClusterName, HeartbeatMode, Uuid};
pub use document::Document;
use eyre::{Report, Result, bail, eyre};
use std::net::Ipv4Addr;
use syntax::Stanza;
pub use text::decimal;
use text::listed;
pub(super) use text::{node_name, shown, vet};

/// The file's path.
pub const PLACE: &str = "/etc/ocfs2/cluster.conf";

/// The largest file: a full cluster with long comments needs a tenth of this; more is some other
/// file.
pub(super) const MAX_BYTES: usize = 1 << 20;

/// The kernel's limit (O2NM_MAX_REGIONS): the 33rd region fails with EFBIG.
const MAX_REGIONS: usize = 32;

/// The port that the C tools give a node.
pub const DEFAULT_PORT: u16 = 7777;
/// The ports that a node may have: the kernel refuses 65535.
pub const PORTS: std::ops::RangeInclusive<u16> = 1..=65534;
/// The node numbers, which are the slots of a heartbeat region (O2NM_MAX_NODES).
pub const NUMBERS: std::ops::RangeInclusive<u8> = 0..=254;

/// What is wrong with a configuration file, and where. It refuses the file, or is a warning where the
/// file works all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// The line, counted from 1.
    pub line: usize,
    /// A whole clause for the user.
    pub reason: String,
}

impl Flaw {
    pub(super) fn new(line: usize, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { line, reason }
    }
}

sentence!(Flaw(it) => "line {}: {}", it.line, it.reason);

/// A whole `cluster.conf`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// The clusters in the order of the file; no two of the same name.
    pub clusters: Vec<Cluster>,
    /// The warnings, by line.
    pub warnings: Vec<Flaw>,
}

/// One cluster with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// The name: ASCII letters and digits only, as the classic stack requires.
    pub name: ClusterName,
    /// The place of the nodes' heartbeats.
    pub heartbeat_mode: HeartbeatMode,
    /// The nodes in the order of the file; names, numbers and addresses are unique.
    pub nodes: Vec<Node>,
    /// The heartbeat regions in the order of the file, each once; used in global mode only.
    pub regions: Vec<Uuid>,
}

/// One node, such that the kernel takes each of its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The name: 1 to 64 bytes; safe as one component of a path.
    pub name: String,
    /// The node's slot in the heartbeat region, 0 to 254.
    pub number: u8,
    /// The address where its peers reach it.
    pub address: Ipv4Addr,
    /// The port, 1 to 65534: the kernel refuses 65535.
    pub port: u16,
}

impl Node {
    /// Returns whether the node is the machine of that name. Case does not matter, and the node's
    /// name may be the whole hostname or the part of it before one of its dots, as in the C tools.
    fn is_host(&self, hostname: &str) -> bool {
        let (host, name) = (hostname.as_bytes(), self.name.as_bytes());
        host.get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name))
            && matches!(host.get(name.len()), None | Some(b'.'))
    }
}

impl Config {
    /// Reads a whole file, or reports what is wrong where. The caller handles a missing file; an
    /// empty one has no clusters.
    pub fn parse(text: &[u8]) -> Result<Self, Flaw> {
        Self::with_stanzas(text).map(|(config, _)| config)
    }

    /// Reads a whole file, and returns its stanzas as well.
    fn with_stanzas(text: &[u8]) -> Result<(Self, Vec<Stanza>), Flaw> {
        vet(text)?;
        let mut warnings = Vec::new();
        let stanzas = syntax::stanzas(text, &mut warnings)?;
        let clusters = check::clusters(&stanzas, &mut warnings)?;
        warnings.sort_unstable_by_key(|flaw| flaw.line);
        Ok((Self { clusters, warnings }, stanzas))
    }

    /// Returns the cluster of exactly that name.
    pub fn cluster(&self, name: &ClusterName) -> Option<&Cluster> {
        self.clusters.iter().find(|cluster| cluster.name == *name)
    }

    /// Returns the cluster of exactly that name, which must exist.
    ///
    /// # Errors
    /// Names the clusters that there are.
    pub fn need(&self, name: &ClusterName) -> Result<&Cluster> {
        self.cluster(name).ok_or_else(|| self.lacks(name))
    }

    fn need_mut(&mut self, name: &ClusterName) -> Result<&mut Cluster> {
        let lacks = self.lacks(name);
        let mut clusters = self.clusters.iter_mut();
        let found = clusters.find(|cluster| cluster.name == *name);
        found.ok_or(lacks)
    }

    fn lacks(&self, name: &ClusterName) -> Report {
        let known = listed(self.clusters.iter().map(|known| known.name.as_str()));
        eyre!("no cluster \"{name}\" (it has: {known})")
    }
}

impl Cluster {
    fn new(name: ClusterName, heartbeat_mode: HeartbeatMode) -> Self {
        Self {
            name,
            heartbeat_mode,
            nodes: Vec::new(),
            regions: Vec::new(),
        }
    }

    /// Returns the node that is this machine.
    ///
    /// Two that fit are an error: the kernel takes one local node only, and which of
    /// the two the machine is decides whose heartbeat slot it writes to.
    pub fn local_node(&self, hostname: &str) -> Result<&Node> {
        let cluster = &self.name;
        let host = shown(hostname.as_bytes());
        let mut fits = self.nodes.iter().filter(|node| node.is_host(hostname));
        match (fits.next(), fits.next()) {
            (Some(node), None) => Ok(node),
            (Some(one), Some(other)) => bail!(
                "nodes \"{}\" and \"{}\" of cluster \"{cluster}\" both fit this machine's \
                 name {host}",
                one.name,
                other.name
            ),
            (None, _) => bail!(
                "no node of cluster \"{cluster}\" is named like this machine, {host}; its \
                 nodes are: {} (set the hostname, or O2CB_NODE_NAME in o2cb's defaults file)",
                listed(self.nodes.iter().map(|node| node.name.as_str()))
            ),
        }
    }

    /// Returns the lowest number that no node has.
    pub fn free_number(&self) -> Result<u8> {
        let is_free = |number: &u8| self.nodes.iter().all(|node| node.number != *number);
        let name = &self.name;
        let number = NUMBERS.clone().find(is_free);
        number.ok_or_else(|| eyre!("cluster \"{name}\" is full: all its node numbers are taken"))
    }

    /// Returns the node that has what `node` has and must be unique: the kernel refuses a number or
    /// an address in use, and the local node is looked up by name in any case. With it come the
    /// attribute, and a clause about that.
    fn rival(&self, node: &Node) -> Option<(&Node, &'static str, String)> {
        self.nodes.iter().find_map(|other| {
            let (attribute, what) = if other.name.eq_ignore_ascii_case(&node.name) {
                ("name", format!("the name \"{}\"", node.name))
            } else if other.number == node.number {
                ("number", format!("the number {}", node.number))
            } else if other.address == node.address {
                ("ip_address", format!("the address {}", node.address))
            } else {
                return None;
            };
            Some((other, attribute, what))
        })
    }

    /// Adds a region, or returns why the cluster cannot have it.
    fn add_region(&mut self, region: Uuid) -> Result<(), String> {
        let has = if self.regions.contains(&region) {
            format!("the region {region} already")
        } else if self.regions.len() >= MAX_REGIONS {
            format!("more than {MAX_REGIONS} regions")
        } else {
            self.regions.push(region);
            return Ok(());
        };
        Err(format!("cluster \"{}\" has {has}", self.name))
    }
}
