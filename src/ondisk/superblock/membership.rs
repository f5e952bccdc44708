//! Whose volume it is: the cluster stack and the cluster (`ocfs2_cluster_info` in `ocfs2_fs.h`).

use super::super::bytes::Bytes;
use super::super::features::Incompat;
use super::{Unusable, until_nul};
use crate::ids::{BadName, ClusterName, StackName};
use std::str::FromStr;

/// Who coordinates the nodes that use a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// One node at a time; no cluster (LOCAL_MOUNT).
    Local,
    /// The o2cb stack, cluster not named on disk, heartbeat on the volume itself.
    Classic,
    /// The stack and cluster that the superblock names.
    Cluster {
        /// The cluster stack.
        stack: StackName,
        /// The cluster.
        cluster: ClusterName,
        /// Heartbeat on the cluster's own devices; only ever set on the o2cb stack.
        global_heartbeat: bool,
    },
}

impl Membership {
    /// The mount option that tells the driver what it has to find running; it refuses one
    /// that does not fit the volume (fs/ocfs2/super.c).
    pub fn mount_word(&self) -> String {
        match self {
            Self::Local => "heartbeat=none".into(),
            Self::Cluster { stack, .. } if *stack != StackName::O2CB => {
                format!("cluster_stack={stack}")
            }
            Self::Cluster {
                global_heartbeat: true,
                ..
            } => "heartbeat=global".into(),
            Self::Classic | Self::Cluster { .. } => "heartbeat=local".into(),
        }
    }
}

pub(super) fn read(block: Bytes<'_>, incompat: Incompat) -> Result<Membership, Unusable> {
    if incompat.has(Incompat::LOCAL_MOUNT) {
        return Ok(Membership::Local);
    }
    if !incompat.has(Incompat::USERSPACE_STACK) && !incompat.has(Incompat::CLUSTERINFO) {
        return Ok(Membership::Classic);
    }
    let stack: StackName = name(block.slice(0x160, 4)?, "cluster stack")?;
    let cluster = until_nul(block.slice(0x168, ClusterName::MAX)?);
    let global_heartbeat = stack == StackName::O2CB && block.u8(0x164)? & 1 == 1;
    Ok(Membership::Cluster {
        stack,
        cluster: name(cluster, "cluster")?,
        global_heartbeat,
    })
}

/// Not mere damage to repair: the name decides which cluster guards the disk.
fn name<T: FromStr<Err = BadName>>(bytes: &[u8], what: &'static str) -> Result<T, Unusable> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text
            .parse()
            .map_err(|bad: BadName| Unusable::Name(what, bad.to_string())),
        Err(_) => Err(Unusable::Name(
            what,
            format!("\"{}\" is not text", bytes.escape_ascii()),
        )),
    }
}
