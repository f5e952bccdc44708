//! The changes to a cluster.conf. Each change is made to the values first, which checks that it is
//! sound, and then to the text, which has to mean the same afterwards.

use super::check::{self, MODE, cluster_name, is_one_machine};
use super::document::Document;
use super::syntax::Stanza;
use super::{Cluster, Config, Node, listed, node_name, render, shown};
use crate::ids::{ClusterName, HeartbeatMode, Uuid};
use eyre::{Result, bail, eyre};

impl Document {
    /// Adds a cluster without nodes, with local heartbeat.
    pub fn add_cluster(&mut self, name: &ClusterName) -> Result<()> {
        cluster_name(name.as_str().as_bytes()).map_err(|why| eyre!(why))?;
        if self.config().cluster(name).is_some() {
            bail!("cluster \"{name}\" exists already");
        }
        let cluster = Cluster::new(name.clone(), HeartbeatMode::Local);
        let text = self.with(None, &render::cluster(&cluster));
        let mut wanted = self.config().clone();
        wanted.clusters.push(cluster);
        self.become_text(text, &wanted)
    }

    /// Removes a cluster with its nodes and regions.
    pub fn remove_cluster(&mut self, name: &ClusterName) -> Result<()> {
        self.config().need(name)?;
        let mut wanted = self.config().clone();
        wanted.clusters.retain(|cluster| cluster.name != *name);
        let text = self.without(&|stanza| is_of(stanza, name));
        self.become_text(text, &wanted)
    }

    /// Adds a node.
    pub fn add_node(&mut self, name: &ClusterName, node: Node) -> Result<()> {
        node_name(node.name.as_bytes()).map_err(|why| eyre!(why))?;
        if !is_one_machine(node.address) {
            bail!("{} is not one machine's address", node.address);
        }
        let mut wanted = self.config().clone();
        let cluster = wanted.need_mut(name)?;
        if let Some((other, _, what)) = cluster.rival(&node) {
            let other = &other.name;
            bail!("node \"{other}\" of cluster \"{name}\" has {what} already");
        }
        let stanza = render::node(name, &node);
        cluster.nodes.push(node);
        self.append(name, &stanza, &wanted)?;
        self.count(name)
    }

    /// Removes the node of exactly that name.
    pub fn remove_node(&mut self, name: &ClusterName, node: &str) -> Result<()> {
        let mut wanted = self.config().clone();
        let cluster = wanted.need_mut(name)?;
        let Some(at) = cluster.nodes.iter().position(|one| one.name == node) else {
            let nodes = cluster.nodes.iter().map(|node| node.name.as_str());
            bail!(
                "cluster \"{name}\" has no node {} (its nodes are: {})",
                shown(node.as_bytes()),
                listed(nodes)
            );
        };
        cluster.nodes.remove(at);
        let text = self.without(&|stanza| {
            stanza.kind == "node" && is_of(stanza, name) && value(stanza, "name") == node.as_bytes()
        });
        self.become_text(text, &wanted)?;
        self.count(name)
    }

    /// Adds a region for global heartbeat.
    pub fn add_region(&mut self, name: &ClusterName, region: Uuid) -> Result<()> {
        let mut wanted = self.config().clone();
        let added = wanted.need_mut(name)?.add_region(region);
        added.map_err(|why| eyre!(why))?;
        self.append(name, &render::region(name, region), &wanted)
    }

    /// Removes a region, however it is spelt in the file.
    pub fn remove_region(&mut self, name: &ClusterName, region: Uuid) -> Result<()> {
        let mut wanted = self.config().clone();
        let cluster = wanted.need_mut(name)?;
        let Some(at) = cluster.regions.iter().position(|one| *one == region) else {
            bail!("cluster \"{name}\" has no heartbeat region {region}");
        };
        cluster.regions.remove(at);
        let text = self.without(&|stanza| {
            let is_it = || check::region(value(stanza, "region")) == Ok(region);
            stanza.kind == "heartbeat" && is_of(stanza, name) && is_it()
        });
        self.become_text(text, &wanted)
    }

    /// Sets the place of the nodes' heartbeats.
    pub fn set_mode(&mut self, name: &ClusterName, mode: HeartbeatMode) -> Result<()> {
        let mut wanted = self.config().clone();
        let cluster = wanted.need_mut(name)?;
        if cluster.heartbeat_mode == mode {
            return Ok(());
        }
        cluster.heartbeat_mode = mode;
        let text = self.with_value(self.head(name)?, MODE, mode.as_str());
        self.become_text(text, &wanted)
    }

    /// Updates `node_count`.
    fn count(&mut self, name: &ClusterName) -> Result<()> {
        let wanted = self.config().clone();
        let count = wanted.need(name)?.nodes.len();
        let head = self.head(name)?;
        if head.node_count()? == count {
            return Ok(());
        }
        let text = self.with_value(head, "node_count", &count.to_string());
        self.become_text(text, &wanted)
    }

    fn head(&self, name: &ClusterName) -> Result<&Stanza> {
        let is_head = |stanza: &&Stanza| stanza.kind == "cluster" && is_of(stanza, name);
        let head = self.stanzas.iter().find(is_head);
        head.ok_or_else(|| eyre!("no stanza of cluster \"{name}\""))
    }

    /// Puts a stanza behind the last of its kind and cluster, or else of its cluster.
    fn append(&mut self, name: &ClusterName, stanza: &str, wanted: &Config) -> Result<()> {
        let kind = stanza.split(':').next().unwrap_or_default();
        let last = |is_it: &dyn Fn(&Stanza) -> bool| {
            let is_it = |one| is_of(one, name) && is_it(one);
            self.stanzas.iter().rposition(is_it)
        };
        let after = last(&|one| one.kind == kind).or_else(|| last(&|_| true));
        let text = self.with(after, stanza);
        self.become_text(text, wanted)
    }
}

fn value<'s>(stanza: &'s Stanza, name: &str) -> &'s [u8] {
    stanza.get(name).map_or(b"", |found| &found.value)
}

/// Returns whether a stanza belongs to the cluster.
fn is_of(stanza: &Stanza, name: &ClusterName) -> bool {
    let owner = match stanza.kind.as_str() {
        "cluster" => value(stanza, "name"),
        "node" | "heartbeat" => value(stanza, "cluster"),
        _ => b"",
    };
    owner == name.as_str().as_bytes()
}
