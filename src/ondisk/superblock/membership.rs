//! The cluster stack and the cluster of a volume (`ocfs2_cluster_info` in `ocfs2_fs.h`).

use super::super::bytes::Bytes;
use super::super::features::Incompat;
use super::{Unusable, until_nul};
use crate::ids::{BadName, ClusterName, HeartbeatMode, StackName};
use std::str::FromStr;

/// Who coordinates the nodes that use a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// One node at a time, without a cluster (LOCAL_MOUNT).
    Local,
    /// The o2cb stack.
    O2cb {
        /// The cluster; none where the superblock does not name one, and any will do.
        cluster: Option<ClusterName>,
        /// Where its nodes heartbeat.
        heartbeat: HeartbeatMode,
    },
    /// A user-space cluster stack.
    User {
        /// The stack, which is not o2cb.
        stack: StackName,
        /// The cluster.
        cluster: ClusterName,
    },
}

impl Membership {
    /// Returns the cluster stack; none for a local volume.
    pub fn stack(&self) -> Option<StackName> {
        match self {
            Self::Local => None,
            Self::O2cb { .. } => Some(StackName::O2CB),
            Self::User { stack, .. } => Some(*stack),
        }
    }

    /// Returns the cluster that the superblock names.
    pub fn cluster(&self) -> Option<&ClusterName> {
        match self {
            Self::Local => None,
            Self::O2cb { cluster, .. } => cluster.as_ref(),
            Self::User { cluster, .. } => Some(cluster),
        }
    }

    /// Returns where the nodes heartbeat; none without an o2cb heartbeat.
    pub fn heartbeat(&self) -> Option<HeartbeatMode> {
        match self {
            Self::O2cb { heartbeat, .. } => Some(*heartbeat),
            Self::Local | Self::User { .. } => None,
        }
    }

    /// Returns why the cluster `wanted` of the o2cb stack has no heartbeat on the volume, as the end
    /// of a sentence; none where it may have one.
    pub fn bars(&self, wanted: &ClusterName) -> Option<String> {
        match (self.stack(), self.cluster()) {
            (None, _) => Some("is a local volume, which has no heartbeat".into()),
            (Some(stack), Some(name)) if stack != StackName::O2CB || name != wanted => {
                Some(format!("belongs to cluster \"{name}\" (stack {stack})"))
            }
            _ => None,
        }
    }

    /// Returns the mount option that names the stack that the driver has to find running; it
    /// refuses one that does not fit the volume (fs/ocfs2/super.c).
    pub fn mount_word(&self) -> String {
        match self {
            Self::Local => "heartbeat=none".into(),
            Self::O2cb { heartbeat, .. } => format!("heartbeat={heartbeat}"),
            Self::User { stack, .. } => format!("cluster_stack={stack}"),
        }
    }
}

pub(super) fn read(block: Bytes<'_>, incompat: Incompat) -> Result<Membership, Unusable> {
    if incompat.has(Incompat::LOCAL_MOUNT) {
        return Ok(Membership::Local);
    }
    if !incompat.has(Incompat::USERSPACE_STACK) && !incompat.has(Incompat::CLUSTERINFO) {
        return Ok(Membership::O2cb {
            cluster: None,
            heartbeat: HeartbeatMode::Local,
        });
    }
    let stack: StackName = name(block.slice(0x160, 4)?, "cluster stack")?;
    let cluster = until_nul(block.slice(0x168, ClusterName::MAX)?);
    let cluster = name(cluster, "cluster")?;
    Ok(match stack {
        StackName::O2CB => Membership::O2cb {
            cluster: Some(cluster),
            heartbeat: HeartbeatMode::new(block.u8(0x164)? & 1 == 1),
        },
        _ => Membership::User { stack, cluster },
    })
}

/// Parses a name. A wrong one is no mere damage to repair: it decides which cluster guards the
/// disk.
fn name<T: FromStr<Err = BadName>>(bytes: &[u8], what: &str) -> Result<T, Unusable> {
    let name = match std::str::from_utf8(bytes) {
        Ok(text) => text.parse().map_err(|bad: BadName| bad.to_string()),
        Err(_) => Err(format!("\"{}\" is not text", bytes.escape_ascii())),
    };
    name.map_err(|reason| {
        Unusable(format!(
            "the superblock names no valid {what} \
             (tunefs.ocfs2 --update-cluster-stack writes a new one): {reason}"
        ))
    })
}
