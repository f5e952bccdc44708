//! Checks whether a node uses a volume, before it is mounted without its cluster. This node need
//! not be in that cluster, nor any cluster be online, so the disk is the only evidence.
//!
//! | found | means |
//! |---|---|
//! | a slot that is being written | its writer is alive and uses the volume or soon will: refused |
//! | a node in the slot map | it has the volume mounted, or died with it: a doubt |
//! | a slot whose node stopped without leaving | the same |
//!
//! With global heartbeat a node heartbeats on the cluster's regions, whatever it has mounted. A
//! node that is in the slot map and alive there is refused. The slot map is the only evidence where
//! the regions are unknown, and with a user-space cluster stack, whose nodes heartbeat on no disk.

use crate::cluster::node_names::{self, NodeNames};
use crate::disk::slot_watch::{self, Seen};
use crate::disk::{VolumeInfo, find};
use crate::heartbeat::{Wait, Watch};
use crate::host::System;
use crate::host::mounts::{self, Mount};
use crate::ids::{HeartbeatMode, Uuid};
use crate::ondisk::Membership;
use crate::ondisk::heartbeat_slots::Slot;
use eyre::{Result, bail, eyre};
use std::time::Duration;

/// Timeout for the slot map, whose device has just been read.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Searches for nodes that use `volume`, for some 3 s; some 10 s if one of them is silent.
///
/// Returns doubts, as clauses for the user: nodes that may have the volume mounted, or have died
/// with it.
///
/// # Errors
/// A node uses the volume now; nothing outweighs that. Or this cannot be determined, as the disk
/// fails or its slot map is damaged.
pub fn doubts(system: &System, volume: &VolumeInfo, watch: &mut Watch) -> Result<Vec<String>> {
    check_own_mounts(system, volume)?;
    let known = Known::of(system, &volume.superblock.membership);
    let mut doubts = Vec::new();
    let regions = known.regions(system, &mut doubts);
    let mut volumes = vec![volume];
    volumes.extend(&regions);
    let mut seen =
        slot_watch::keep(system, &volumes, &mut |since| watch(Wait::Slots, since))?.into_iter();
    let own = seen.next().ok_or_else(|| eyre!("nothing was read"))??;
    known.check_slots(&own)?;
    let mut elsewhere = Vec::new();
    for (seen, region) in seen.zip(&regions) {
        match seen {
            Ok(seen) => elsewhere.extend(seen.written.iter().map(|(slot, _)| u32::from(*slot))),
            Err(report) => doubts.push(format!(
                "the region {} of its cluster cannot be read: {report:#}",
                region.superblock.uuid
            )),
        }
    }
    // After the slots: a node that has come meanwhile is seen in one or the other.
    let (mut remote, described) = volume.reopen(system, TIMEOUT)?;
    let slots = described.slot_map(&mut remote)?;
    let in_map: Vec<u32> = slots.into_iter().flatten().collect();
    for &node in &in_map {
        let shown = known.shown(node);
        if elsewhere.contains(&node) {
            bail!(
                "{shown} is in the volume's slot map and beats in its cluster right now, so that \
                 it has the volume mounted (mount it with its cluster, without nocluster, or \
                 unmount it there first)"
            );
        }
        doubts.push(format!(
            "{shown} is in the volume's slot map: it has the volume mounted, or died with it"
        ));
    }
    let silent = own.silent.into_iter().map(u32::from);
    for node in silent.filter(|node| !in_map.contains(node)) {
        doubts.push(format!(
            "{} has fallen silent on the volume without leaving it: it died, or cannot reach the \
             disk",
            known.shown(node)
        ));
    }
    if let (Some(reason), false) = (known.blind, in_map.is_empty()) {
        doubts.push(format!("which of them live cannot be told: {reason}"));
    }
    Ok(doubts)
}

/// Checks this node's mounts. One superblock serves all mounts of a device, and the kernel would
/// not make another.
fn check_own_mounts(system: &System, volume: &VolumeInfo) -> Result<()> {
    let mut ours = mounts::volumes(system)?.filter(|mount| Some(mount.device) == volume.number);
    if let Some(mount) = ours.find(Mount::has_group) {
        bail!(
            "the volume is mounted in its cluster on this node, on {} (mount it without nocluster, \
             or unmount it first)",
            mount.point.display()
        );
    }
    Ok(())
}

/// What this node knows of the volume's cluster.
#[derive(Default)]
struct Known {
    roster: NodeNames,
    /// The cluster's regions, where these show which nodes are alive.
    regions: Vec<Uuid>,
    /// Why it is unknown which nodes are alive.
    blind: Option<&'static str>,
}

impl Known {
    fn of(system: &System, membership: &Membership) -> Self {
        if matches!(membership, Membership::User { .. }) {
            return Self {
                blind: Some("nodes of its stack beat on no disk"),
                ..Self::default()
            };
        }
        let cluster = membership.cluster();
        let global = membership.heartbeat() == Some(HeartbeatMode::Global);
        let regions = cluster.filter(|_| global);
        let regions = regions.and_then(|cluster| node_names::configured(system, Some(cluster)));
        let regions = regions.map_or(Vec::new(), |cluster| cluster.regions);
        let unknown = "its cluster has global heartbeat, and /etc/ocfs2/cluster.conf does not name \
                       the regions";
        Self {
            roster: NodeNames::of(system, cluster),
            blind: (global && regions.is_empty()).then_some(unknown),
            regions,
        }
    }

    /// Returns the volumes that the cluster heartbeats on, as far as they are found, and adds what
    /// is missing to `doubts`.
    fn regions(&self, system: &System, doubts: &mut Vec<String>) -> Vec<VolumeInfo> {
        let mut found = Vec::new();
        if self.regions.is_empty() {
            return found;
        }
        match find::search(system, &self.regions) {
            Ok(search) => {
                for uuid in &self.regions {
                    let device = search.device(system, *uuid);
                    match device.and_then(|device| VolumeInfo::read(system, device)) {
                        Ok(region) => found.push(region),
                        Err(report) => doubts.push(format!(
                            "the region {uuid} of its cluster is not to be seen: {report:#}"
                        )),
                    }
                }
            }
            Err(report) => doubts.push(format!("{report:#}")),
        }
        found
    }

    /// # Errors
    /// A node writes heartbeat slots of the volume.
    fn check_slots(&self, seen: &Seen) -> Result<()> {
        let Some((slot, block)) = seen.written.first() else {
            return Ok(());
        };
        if !matches!(block, Slot::Written(_)) {
            bail!(
                "somebody is writing heartbeat slot {slot} of the volume, though not what a node of \
                 that number would write (find out who uses the disk, and whether all see the same \
                 one)"
            );
        }
        if self.roster.own == Some(*slot) {
            bail!(
                "the heartbeat of {} is being written to the volume right now (ocfs2_hb_ctl -I tells \
                 what uses it here; if nothing does, another machine has this node's number)",
                self.shown((*slot).into())
            );
        }
        let nodes = seen.written.iter();
        let nodes = nodes.filter(|(_, block)| matches!(block, Slot::Written(_)));
        let nodes: Vec<_> = nodes.map(|(node, _)| self.shown((*node).into())).collect();
        bail!(
            "the heartbeat of {} is being written to the volume right now (mount it with its \
             cluster, without nocluster, or unmount it there first)",
            nodes.join(", ")
        )
    }

    /// Returns the node's name as the user knows it.
    fn shown(&self, number: u32) -> String {
        let known = u8::try_from(number).ok();
        let Some(name) = known.and_then(|number| self.roster.name(number)) else {
            return format!("node {number}");
        };
        match self.roster.own == known {
            true => format!("node {number} (\"{name}\", this node)"),
            false => format!("node {number} (\"{name}\")"),
        }
    }
}
