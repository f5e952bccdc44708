//! The cluster's time limits, from the defaults file into configfs.

use super::transaction::Transaction;
use crate::host::System;
use eyre::{Result, WrapErr, bail};
use std::path::Path;

/// Where drivers of the 1.2 era have the threshold.
const OLD_THRESHOLD: &str = "/proc/fs/ocfs2_nodemanager/hb_dead_threshold";

/// Sets what `set` has, where the kernel has it otherwise; `cluster` is the cluster's
/// directory in configfs.
///
/// # Errors
/// The kernel refuses a value, or ignores the threshold because a region is active.
pub(super) fn apply(changes: &mut Transaction, cluster: &Path, set: &Timeouts) -> Result<()> {
    let system = changes.system();
    if let Some(threshold) = set.heartbeat_threshold {
        let newest = cluster.join("heartbeat/dead_threshold");
        let path = match system.has_object(&newest)? {
            true => newest,
            false => system.path(OLD_THRESHOLD),
        };
        if system.has_object(&path)? {
            changes.set(
                &path,
                "the heartbeat's dead threshold",
                &threshold.to_string(),
            )?;
            let now = system
                .attribute(&path)
                .wrap_err("reading the heartbeat's dead threshold")?
                .unwrap_or_default();
            if now != threshold.to_string() {
                bail!(
                    "the heartbeat's dead threshold stays {now}, not {threshold}: a region is \
                     active (unmount, then o2cb offline and online)"
                );
            }
        }
    }
    let idle = ("idle_timeout_ms", set.idle_timeout_ms);
    let keepalive = ("keepalive_delay_ms", set.keepalive_delay_ms);
    let reconnect = ("reconnect_delay_ms", set.reconnect_delay_ms);
    let now = system.attribute(&cluster.join(keepalive.0));
    let now = now.wrap_err_with(|| format!("reading {}", keepalive.0))?;
    // The keepalive has to stay below the idle time at every step.
    let order = match (idle.1, now.and_then(|now| now.parse::<u32>().ok())) {
        (Some(wanted), Some(now)) if now >= wanted => [keepalive, idle, reconnect],
        _ => [idle, keepalive, reconnect],
    };
    for (attribute, value) in order {
        // The oldest drivers lack some of them.
        let path = cluster.join(attribute);
        if let Some(value) = value
            && system.has_object(&path)?
        {
            changes.set(&path, attribute, &value.to_string())?;
        }
    }
    let fence = cluster.join("fence_method");
    if let Some(method) = &set.fence_method
        && system.has_object(&fence)?
    {
        // The kernel insists on the line's end.
        changes.set(&fence, "fence_method", &format!("{method}\n"))?;
    }
    Ok(())
}

/// What the kernel goes by now, or is to; none where this driver has no such setting, or the
/// configuration file sets nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// Rounds of 2 s without a sign of life after which a node counts as dead.
    pub heartbeat_threshold: Option<u32>,
    /// Milliseconds of silence after which a connection counts as broken.
    pub idle_timeout_ms: Option<u32>,
    /// Milliseconds of silence after which a peer is asked whether it is there.
    pub keepalive_delay_ms: Option<u32>,
    /// Milliseconds between two tries to connect.
    pub reconnect_delay_ms: Option<u32>,
    /// What a node does that has lost its cluster: `reset` or `panic`.
    pub fence_method: Option<String>,
}

impl Timeouts {
    /// Each by its attribute's name, and whether it stays while a region is active: the kernel
    /// ignores a new threshold then, and refuses the limits that connected peers have agreed on
    /// (fs/ocfs2/cluster/nodemanager.c).
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

    /// Seconds without a beat after which a node restarts itself.
    pub fn restart_after(&self) -> Option<u32> {
        // The first round does not count (o2hb_arm_timeout in fs/ocfs2/cluster/heartbeat.c).
        let rounds = self.heartbeat_threshold?.saturating_sub(1);
        Some(rounds.saturating_mul(2))
    }

    /// Those of the cluster whose directory in configfs is `cluster`.
    pub fn read(system: &System, cluster: &Path) -> Result<Self> {
        let text = |path: &Path| {
            system
                .attribute(path)
                .wrap_err_with(|| format!("reading {}", path.display()))
        };
        let number =
            |path: &Path| Ok::<_, eyre::Report>(text(path)?.and_then(|it| it.parse().ok()));
        let threshold = match number(&cluster.join("heartbeat/dead_threshold"))? {
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
