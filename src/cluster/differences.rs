//! Differences between the kernel's cluster and the files, and whether `register` could remove them
//! now.

use super::register::is_so;
use super::registered::{RegisteredCluster, RegisteredNode};
use super::stack;
use super::timeouts::Timeouts;
use crate::config::cluster_conf::{Cluster, Node};
use crate::config::sysconfig::Sysconfig;
use crate::host::System;
use crate::ids::Uuid;
use eyre::Result;
use std::fmt;

/// One value that differs in two places; none where a place does not have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The object: a node, a setting, a volume.
    pub what: String,
    /// The value in the files.
    pub file: Option<String>,
    /// The value in configfs, where the cluster is compared.
    pub kernel: Option<String>,
    /// The value in a volume's superblock, where that is compared.
    pub volume: Option<String>,
    /// Whether it can take the files' value while volumes stay mounted.
    pub live: bool,
    /// The commands that give it the files' value.
    pub run: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".into());
        let file = shown(&self.file);
        let (place, there) = match &self.volume {
            Some(volume) => ("volume", volume.clone()),
            None => ("kernel", shown(&self.kernel)),
        };
        let when = match self.live {
            true => "can be applied now",
            false => "needs the cluster offline",
        };
        let (what, run) = (&self.what, &self.run);
        write!(f, "{what}: file {file}, {place} {there} ({when}: {run})")
    }
}

/// Returns all differences, for the cluster and the node that this host has in the files.
pub fn of_kernel(
    system: &System,
    cluster: &Cluster,
    local: &Node,
    sysconfig: &Sysconfig,
    live: Option<&RegisteredCluster>,
) -> Result<Vec<Difference>> {
    let mut differences = Vec::new();
    let old = live.map_or("", |live| live.name().as_str());
    let mut add = |what: String, file: Option<String>, there: Option<String>, now: Option<&str>| {
        if file != there {
            let run = match now {
                Some(command) => format!("o2cb {command} {}", cluster.name),
                None => format!("o2cb offline {old}, then o2cb online {}", cluster.name),
            };
            differences.push(Difference {
                what,
                file,
                kernel: there,
                volume: None,
                live: now.is_some(),
                run,
            });
        }
    };
    let registers = |now: bool| now.then_some("register-cluster");
    let name = Some(cluster.name.to_string());
    let Some(live) = live.filter(|live| *live.name() == cluster.name) else {
        // A node is in one cluster at a time.
        let other = live.map(|live| live.name().to_string());
        let now = other.is_none().then_some("online");
        add("cluster".into(), name, other, now);
        return Ok(differences);
    };
    let there = live.regions()?;
    let idle = there.is_empty();
    let mode = live.heartbeat_mode()?;
    add(
        "heartbeat mode".into(),
        Some(cluster.heartbeat_mode.to_string()),
        Some(mode.to_string()),
        idle.then_some("online"),
    );
    if cluster.heartbeat_mode.is_global() && mode.is_global() {
        let shown = |present: bool| present.then(|| "present".to_owned());
        let removed = |region: &&Uuid| !cluster.regions.contains(region);
        for region in cluster.regions.iter().chain(there.iter().filter(removed)) {
            let (file, kernel) = (cluster.regions.contains(region), there.contains(region));
            // While anything is connected, the kernel pins up to three regions (o2hb_region_pin in
            // fs/ocfs2/cluster/heartbeat.c, O2HB_PIN_CUT_OFF).
            let now = file || there.len() > 3 || stack::can_change(system)?;
            let now = now.then_some("start-heartbeat");
            let what = format!("heartbeat region {region}");
            add(what, shown(file), shown(kernel), now);
        }
    }

    let known = live.nodes()?;
    for node in &cluster.nodes {
        let there = known.iter().find(|known| known.node.name == node.name);
        // The kernel accepts new nodes, and another local node, at any time.
        let now = idle || there.is_none_or(|there| is_so(there, cluster, local));
        let what = format!("node \"{}\"", node.name);
        let file = form(node, node.name == local.name);
        let there = there.map(|there| form(&there.node, there.local));
        add(what, Some(file), there, registers(now));
    }
    for RegisteredNode { node, local } in known {
        if cluster.nodes.iter().all(|wanted| wanted.name != node.name) {
            let what = format!("node \"{}\"", node.name);
            add(what, None, Some(form(&node, local)), registers(idle));
        }
    }
    let limits = Timeouts::read(system, live.path())?.rows();
    for ((name, set, frozen), (_, now, _)) in sysconfig.timeouts.rows().into_iter().zip(limits) {
        // An unset timeout stays as it is; one that this driver lacks cannot be set.
        if set.is_some() && now.is_some() {
            add(name.into(), set, now, registers(idle || !frozen));
        }
    }
    Ok(differences)
}

fn form(node: &Node, local: bool) -> String {
    let local = if local { " local" } else { "" };
    format!("{} {}:{}{local}", node.number, node.address, node.port)
}
