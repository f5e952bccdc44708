//! Where the kernel's cluster is not as the files have it, and whether `register` could bring it
//! there now.

use super::config::{Cluster, Node};
use super::live::{Live, LiveNode};
use super::register::{is_so, live_form};
use super::sysconfig::Sysconfig;
use super::timeouts::{self, Timeouts};
use crate::system::System;
use eyre::Result;
use std::fmt;

/// One thing that two places have otherwise; none where a place does not have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What it is: a node, a setting, a volume.
    pub what: String,
    /// As the files have it.
    pub file: Option<String>,
    /// As the kernel or the volume has it.
    pub there: Option<String>,
    /// Which of those two.
    pub place: Place,
    /// It can be brought to what the files say while volumes stay mounted.
    pub live: bool,
}

/// What the files are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The cluster in configfs.
    Kernel,
    /// A volume's superblock.
    Volume,
}

impl Place {
    /// A word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Volume => "volume",
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".into());
        write!(
            f,
            "{}: file {}, {} {} ({})",
            self.what,
            shown(&self.file),
            self.place.as_str(),
            shown(&self.there),
            match (self.live, self.place) {
                (true, _) => "can be applied now",
                (false, Place::Kernel) => "needs the cluster offline",
                (false, Place::Volume) =>
                    "needs the cluster offline: tunefs.ocfs2 --update-cluster-stack",
            }
        )
    }
}

/// All of them, for the cluster and the node that this host is to be.
pub fn of_kernel(
    system: &System,
    cluster: &Cluster,
    local: &Node,
    sysconfig: &Sysconfig,
    live: Option<&Live>,
) -> Result<Vec<Difference>> {
    let mut differences = Vec::new();
    let mut add = |what: String, file: Option<String>, there: Option<String>, live: bool| {
        if file != there {
            let place = Place::Kernel;
            differences.push(Difference {
                what,
                file,
                there,
                place,
                live,
            });
        }
    };
    let name = Some(cluster.name.to_string());
    let Some(live) = live.filter(|live| *live.name() == cluster.name) else {
        // A node is in one cluster at a time.
        let other = live.map(|live| live.name().to_string());
        let now = other.is_none();
        add("cluster".into(), name, other, now);
        return Ok(differences);
    };
    let idle = live.regions()?.is_empty();
    let mode = if live.global_heartbeat()? {
        "global"
    } else {
        "local"
    };
    let wanted = cluster.heartbeat_mode.as_str();
    add(
        "heartbeat mode".into(),
        Some(wanted.into()),
        Some(mode.into()),
        idle,
    );

    let known = live.nodes()?;
    let find = |name: &str| known.iter().find(|node| node.name == name);
    let nodes = cluster.nodes.iter().map(|node| live_form(node, local));
    for node in nodes {
        let there = find(&node.name);
        // New ones, and another local node, are taken at any time.
        let now = idle || there.is_none_or(|there| is_so(there, cluster, local));
        let what = format!("node \"{}\"", node.name);
        add(what, Some(form(&node)), there.map(form), now);
    }
    let is_gone = |node: &&LiveNode| cluster.nodes.iter().all(|wanted| wanted.name != node.name);
    for node in known.iter().filter(is_gone) {
        add(
            format!("node \"{}\"", node.name),
            None,
            Some(form(node)),
            idle,
        );
    }
    let limits = Timeouts::read(system, live.path())?;
    for (name, set, now, frozen) in timeouts::settings(sysconfig, &limits) {
        // What is not set stays as it is; what this driver lacks cannot be set.
        if set.is_some() && now.is_some() {
            add(name.into(), set, now, idle || !frozen);
        }
    }
    Ok(differences)
}

fn form(node: &LiveNode) -> String {
    let local = if node.local { " local" } else { "" };
    format!("{} {}:{}{local}", node.number, node.address, node.port)
}
