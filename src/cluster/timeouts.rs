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
    let [(_, threshold, _), mut rest @ ..] = set.rows();
    if let Some(wanted) = threshold {
        let what = "the heartbeat's dead threshold";
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
    let now = Timeouts::read(system, cluster)?.keepalive_delay_ms;
    if set.idle_timeout_ms.is_some_and(|idle| now >= Some(idle)) {
        // The keepalive delay, the second, has to stay below the idle timeout at every step.
        rest.swap(0, 1);
    }
    for (attribute, value, _) in rest {
        // The oldest drivers lack some of them.
        if let Some(value) = value {
            let value = match attribute {
                // The kernel requires the newline.
                "fence_method" => value + "\n",
                _ => value,
            };
            changes.set(&cluster.join(attribute), attribute, &value)?;
        }
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
