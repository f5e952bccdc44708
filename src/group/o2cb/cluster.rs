//! The cluster that is online here, compared with a volume's.

use crate::cluster::register;
use crate::cluster::registered::{RegisteredCluster, RegisteredNode};
use crate::heartbeat::Heartbeat;
use crate::host::System;
use crate::ids::ClusterName;
use eyre::{Result, bail, eyre};

/// Returns the cluster that is online here, if it is the volume's. A volume that names none belongs
/// to any.
pub fn online<'s>(
    system: &'s System,
    wanted: Option<&ClusterName>,
) -> Result<RegisteredCluster<'s>> {
    let (mut live, mut nodes) = registered(system, wanted)?;
    if !nodes.iter().any(|node| node.local) {
        // Another command may be registering it, or removing it.
        drop(register::file_lock(system)?);
        (live, nodes) = registered(system, wanted)?;
    }
    if !nodes.iter().any(|node| node.local) {
        let known: Vec<_> = nodes.iter().map(|known| known.node.name.as_str()).collect();
        bail!(
            "cluster \"{0}\" is registered, but none of its nodes ({1}) is this host (run: o2cb \
             offline {0}; o2cb online {0})",
            live.name(),
            known.join(", ")
        );
    }
    Ok(live)
}

fn registered<'s>(
    system: &'s System,
    wanted: Option<&ClusterName>,
) -> Result<(RegisteredCluster<'s>, Vec<RegisteredNode>)> {
    let not_online = || match wanted {
        Some(name) => eyre!("cluster \"{name}\" is not online (run: o2cb online {name})"),
        None => eyre!("no cluster is online on this node (run: o2cb online NAME)"),
    };
    let live = RegisteredCluster::if_loaded(system)?.ok_or_else(not_online)?;
    if let Some(name) = wanted.filter(|&name| name != live.name()) {
        bail!(
            "the volume belongs to cluster \"{name}\"; this node runs \"{}\" (mount it on a node of \
             \"{name}\", or, once no node has it mounted, move it with tunefs.ocfs2 \
             --update-cluster-stack)",
            live.name()
        );
    }
    let nodes = live.nodes()?;
    Ok((live, nodes))
}

/// Checks that global heartbeat is active: the kernel would refuse the mount, and not report why.
pub fn check_beat(system: &System) -> Result<()> {
    if let Some(live) = RegisteredCluster::find(system)? {
        for region in live.regions()? {
            if Heartbeat::new(system, live.path(), region).beats()? {
                return Ok(());
            }
        }
        bail!(
            "cluster \"{0}\" has global heartbeat, and none of its regions beats (run: o2cb \
             start-heartbeat {0})",
            live.name()
        );
    }
    Ok(())
}
