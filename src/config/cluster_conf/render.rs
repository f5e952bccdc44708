//! Stanzas as the C tools write them, to the byte; each ends in a blank line.

use super::check::MODE;
use super::{Cluster, Config, Node};
use crate::ids::{ClusterName, Uuid};

/// Formats the whole file. All clusters come first, then all stanzas of one kind, then of the
/// other: regions go before nodes, unless the first cluster with either has no regions.
pub(super) fn file(config: &Config) -> String {
    let clusters = || config.clusters.iter();
    let regions = clusters().flat_map(|of| of.regions.iter().map(|one| region(&of.name, *one)));
    let nodes = clusters().flat_map(|of| of.nodes.iter().map(|one| node(&of.name, one)));
    let (regions, nodes) = (regions.collect::<String>(), nodes.collect::<String>());
    let mut used = clusters().filter(|one| !(one.regions.is_empty() && one.nodes.is_empty()));
    let heads: String = clusters().map(cluster).collect();
    match used.next().is_some_and(|one| one.regions.is_empty()) {
        true => heads + &nodes + &regions,
        false => heads + &regions + &nodes,
    }
}

/// Formats a cluster without its nodes and regions.
pub(super) fn cluster(cluster: &Cluster) -> String {
    let (name, mode, count) = (&cluster.name, cluster.heartbeat_mode, cluster.nodes.len());
    format!("cluster:\n\tname = {name}\n\t{MODE} = {mode}\n\tnode_count = {count}\n\n")
}

pub(super) fn region(cluster: &ClusterName, region: Uuid) -> String {
    format!("heartbeat:\n\tcluster = {cluster}\n\tregion = {region}\n\n")
}

pub(super) fn node(cluster: &ClusterName, node: &Node) -> String {
    format!(
        "node:\n\tcluster = {cluster}\n\tnumber = {}\n\tip_port = {}\n\tip_address = {}\n\
         \tname = {}\n\n",
        node.number, node.port, node.address, node.name
    )
}
