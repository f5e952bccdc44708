//! What the configuration contains, and whether it is right. Layouts are those of the C tool.

use super::{Call, answer};
use crate::config::cluster_conf::Cluster;
use crate::report::printable;
use eyre::{Result, WrapErr};

/// Checks the configuration. It succeeds only if there is nothing to report.
pub(super) fn check(call: &Call) -> Result<u8> {
    let config = call.settings.noted_config()?;
    if !config.warnings.is_empty() {
        return Ok(1);
    }
    call.done(format_args!("{} is right", call.settings.shown()))
}

pub(super) fn names(call: &Call) -> Result<u8> {
    let config = call.settings.config()?.unwrap_or_default();
    let names = config.clusters.iter().map(|one| format!("{}\n", one.name));
    answer(names.collect::<String>(), 0)
}

pub(super) fn cluster(call: &Call) -> Result<u8> {
    print(call, &[regions, nodes_of, summary])
}

pub(super) fn nodes(call: &Call) -> Result<u8> {
    print(call, &[nodes_of])
}

pub(super) fn heartbeats(call: &Call) -> Result<u8> {
    print(call, &[regions])
}

fn print(call: &Call, parts: &[fn(&Cluster, bool) -> String]) -> Result<u8> {
    let config = call.settings.config()?.unwrap_or_default();
    let cluster = config
        .need(call.cluster()?)
        .wrap_err_with(|| call.settings.shown())?;
    let parts = parts.iter().map(|part| part(cluster, call.args.oneline));
    answer(parts.collect::<String>(), 0)
}

fn regions(Cluster { name, regions, .. }: &Cluster, oneline: bool) -> String {
    let entries = regions.iter().map(|region| match oneline {
        true => format!("heartbeat: {region} {name}\n"),
        false => format!("heartbeat:\n\tregion = {region}\n\tcluster = {name}\n\n"),
    });
    entries.collect()
}

fn nodes_of(cluster: &Cluster, oneline: bool) -> String {
    let entries = cluster.nodes.iter().map(|node| {
        let (number, address, port) = (node.number, node.address, node.port);
        let (name, owner) = (printable(&node.name), &cluster.name);
        match oneline {
            true => format!("node: {number} {name} {address}:{port} {owner}\n"),
            false => format!(
                "node:\n\tnumber = {number}\n\tname = {name}\n\tip_address = {address}\n\
                 \tip_port = {port}\n\tcluster = {owner}\n\n"
            ),
        }
    });
    entries.collect()
}

fn summary(cluster: &Cluster, oneline: bool) -> String {
    let (name, mode, count) = (&cluster.name, cluster.heartbeat_mode, cluster.nodes.len());
    match oneline {
        true => format!("cluster: {count} {mode} {name}\n"),
        false => format!(
            "cluster:\n\tnode_count = {count}\n\theartbeat_mode = {mode}\n\tname = {name}\n\n"
        ),
    }
}
