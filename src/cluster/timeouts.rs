//! The cluster's timeouts, from `/etc/default/o2cb` into configfs.

use super::transaction::Transaction;
use crate::host::System;
use eyre::{Result, WrapErr, bail};
use std::path::Path;

/// The threshold's place below the cluster's directory.
const THRESHOLD: &str = "heartbeat/dead_threshold";
/// The threshold's place in drivers of the 1.2 era.
const OLD_THRESHOLD: &str = "/proc/fs/ocfs2_nodemanager/hb_dead_threshold";

/// Sets the timeouts in `set` that differ from the kernel's; `cluster` is the cluster's directory
/// in configfs.
///
/// # Errors
/// The kernel refuses a value, or ignores the threshold because a region is active.
pub(super) fn apply(changes: &mut Transaction, cluster: &Path, set: &Timeouts) -> Result<()> {
    let system = changes.system;
    if let Some(threshold) = set.heartbeat_threshold {
        let (what, wanted) = ("the heartbeat's dead threshold", threshold.to_string());
        let now = match changes.set(&cluster.join(THRESHOLD), what, &wanted)? {
            None => changes.set(&system.path(OLD_THRESHOLD), what, &wanted)?,
            now => now,
        };
        if let Some(now) = now.filter(|now| *now != wanted) {
            bail!(
                "the heartbeat's dead threshold stays {now}, not {wanted}: a region is active \
                 (unmount, then o2cb offline and online)"
            );
        }
    }
    let idle = ("idle_timeout_ms", set.idle_timeout_ms);
    let keepalive = ("keepalive_delay_ms", set.keepalive_delay_ms);
    let reconnect = ("reconnect_delay_ms", set.reconnect_delay_ms);
    let now = Timeouts::read(system, cluster)?.keepalive_delay_ms;
    // The keepalive has to stay below the idle timeout at every step.
    let order = match (idle.1, now) {
        (Some(wanted), Some(now)) if now >= wanted => [keepalive, idle, reconnect],
        _ => [idle, keepalive, reconnect],
    };
    // The oldest drivers lack some of them.
    for (attribute, value) in order {
        if let Some(value) = value {
            changes.set(&cluster.join(attribute), attribute, &value.to_string())?;
        }
    }
    if let Some(method) = &set.fence_method {
        let (path, attribute) = (cluster.join("fence_method"), "fence_method");
        // The kernel requires the newline.
        changes.set(&path, attribute, &format!("{method}\n"))?;
    }
    Ok(())
}

/// The timeouts that the kernel has, or is to have; none where this driver lacks one, or the
/// configuration file does not set it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// The heartbeat dead threshold: rounds of 2 s without a heartbeat after which a node is
    /// declared dead.
    pub heartbeat_threshold: Option<u32>,
    /// The network idle timeout: milliseconds of silence after which a connection counts as broken.
    pub idle_timeout_ms: Option<u32>,
    /// The network keepalive delay: milliseconds of silence before a keepalive is sent.
    pub keepalive_delay_ms: Option<u32>,
    /// The network reconnect delay: milliseconds between two attempts to connect.
    pub reconnect_delay_ms: Option<u32>,
    /// The fence method of a node that has lost its cluster: `reset` or `panic`.
    pub fence_method: Option<String>,
}

/// Returns the seconds without a heartbeat after which a node of this threshold self-fences.
pub fn restart_after(threshold: u32) -> u32 {
    // The first round does not count (o2hb_arm_timeout in fs/ocfs2/cluster/heartbeat.c).
    threshold.saturating_sub(1).saturating_mul(2)
}

impl Timeouts {
    /// Returns each by its attribute's name, and whether it is fixed while a region is active: the
    /// kernel then ignores a new threshold, and refuses timeouts that connected peers have agreed
    /// on (fs/ocfs2/cluster/nodemanager.c).
    pub(super) fn rows(&self) -> [(&'static str, Option<String>, bool); 5] {
        let text = |number: Option<u32>| number.map(|number| number.to_string());
        [
            ("dead_threshold", text(self.heartbeat_threshold), true),
            ("idle_timeout_ms", text(self.idle_timeout_ms), true),
            ("keepalive_delay_ms", text(self.keepalive_delay_ms), true),
            ("reconnect_delay_ms", text(self.reconnect_delay_ms), false),
            ("fence_method", self.fence_method.clone(), false),
        ]
    }

    /// Reads the timeouts of the cluster whose directory in configfs is `cluster`.
    pub fn read(system: &System, cluster: &Path) -> Result<Self> {
        let text = |path: &Path| {
            let text = system.attribute(path);
            text.wrap_err_with(|| format!("reading {}", path.display()))
        };
        let number =
            |path: &Path| Ok::<_, eyre::Report>(text(path)?.and_then(|it| it.parse().ok()));
        let threshold = match number(&cluster.join(THRESHOLD))? {
            Some(threshold) => Some(threshold),
            None => number(&system.path(OLD_THRESHOLD))?,
        };
        Ok(Self {
            heartbeat_threshold: threshold,
            idle_timeout_ms: number(&cluster.join("idle_timeout_ms"))?,
            keepalive_delay_ms: number(&cluster.join("keepalive_delay_ms"))?,
            reconnect_delay_ms: number(&cluster.join("reconnect_delay_ms"))?,
            fence_method: text(&cluster.join("fence_method"))?,
        })
    }
}
