//! Output for people.

use super::{Cluster, Status};
use crate::cluster::driver::CallOut;
use crate::cluster::registered::RegisteredNode;
use crate::cluster::timeouts::restart_after;
use crate::heartbeat::survey::Snapshot;
use crate::heartbeat::{State, Thread};
use crate::host::places;
use crate::report::printable;
use std::fmt::Write;

pub(super) fn of(status: &Status) -> String {
    let mut text = node(status);
    match &status.cluster {
        Some(cluster) => describe_cluster(&mut text, cluster),
        None => {
            let name = status.asked.as_ref().map(|name| format!(" '{name}'"));
            let state = if status.online { "online" } else { "offline" };
            let _ = writeln!(text, "Cluster{}: {state}", name.unwrap_or_default());
        }
    }
    text
}

fn node(status: &Status) -> String {
    let loaded = &status.loaded;
    let state = |there| if there { "loaded" } else { "not loaded" };
    let mounted = |there| if there { "mounted" } else { "not mounted" };
    let configfs = match &loaded.configfs {
        Some(place) => format!("mounted on {}", place.display()),
        None => mounted(false).into(),
    };
    let mut text = format!(
        "Driver ocfs2: {}\nDriver ocfs2_dlmfs: {}, {}\nconfigfs: {configfs}\n",
        state(loaded.filesystem),
        state(loaded.dlmfs),
        mounted(loaded.dlmfs_mounted),
    );
    if let Some(stack) = &status.stack {
        let _ = writeln!(text, "Cluster stack: {stack}");
    }
    if let Some((path, call_out)) = &status.call_out {
        let who = match call_out {
            CallOut::None => "umount.ocfs2 stops heartbeats",
            CallOut::Ours => "the kernel has us stop heartbeats",
            CallOut::Foreign => "the kernel has that program stop heartbeats",
        };
        let _ = writeln!(text, "hb_ctl_path: {} ({who})", printable(path));
    }
    text
}

fn describe_cluster(text: &mut String, cluster: &Cluster) {
    let state = match cluster.online {
        true => "online",
        false => "registered, but not online",
    };
    let (name, mode, timeouts) = (&cluster.name, cluster.mode, &cluster.timeouts);
    let _ = write!(text, "Cluster '{name}': {state}\n  heartbeat: {mode}");
    if let Some(threshold) = timeouts.heartbeat_threshold
        && let Some(seconds) = timeouts.heartbeat_threshold.map(restart_after)
    {
        let _ = write!(
            text,
            ", a node restarts after {seconds} s without a beat (threshold {threshold})"
        );
    }
    text.push('\n');
    for (name, value) in [
        ("a silent connection is broken", timeouts.idle_timeout_ms),
        ("a silent peer is asked", timeouts.keepalive_delay_ms),
        (
            "a broken connection is tried again",
            timeouts.reconnect_delay_ms,
        ),
    ] {
        if let Some(ms) = value {
            let _ = writeln!(text, "  network: {name} after {ms} ms");
        }
    }
    if let Some(method) = &timeouts.fence_method {
        let method = printable(method);
        let _ = writeln!(text, "  a node that lost its cluster does: {method}");
    }
    for RegisteredNode { node, local } in &cluster.nodes {
        let local = if *local { " (this node)" } else { "" };
        let line = format!(
            "  node {} {} {}:{}{local}",
            node.number, node.name, node.address, node.port
        );
        let _ = writeln!(text, "{}", printable(line));
    }
    for region in &cluster.regions {
        let line = match &region.seen {
            Ok(seen) => describe(seen),
            Err(why) => format!("cannot be told: {why}"),
        };
        let _ = writeln!(text, "  region {}: {}", region.uuid, printable(line));
    }
}

fn describe(region: &Snapshot) -> String {
    let mut line = match &region.state {
        State::Absent => return "gone meanwhile".into(),
        State::Beating(device) => {
            let is_there = region.device_there;
            let gone = if is_there { "" } else { ", which is gone" };
            format!("beats on {device}{gone}")
        }
        State::HalfStarted(Thread::Ended) => {
            "half-started, not to be touched before a reboot".into()
        }
        State::HalfStarted(_) => "half-started".into(),
    };
    match &region.counters {
        Err(why) => {
            let _ = write!(line, ", references cannot be told: {why}");
        }
        Ok(_) => {
            let count = region.references().unwrap_or_default();
            let plural = if count == 1 { "" } else { "s" };
            let _ = write!(line, ", {count} reference{plural}");
            if region.global && count == 1 {
                line.push_str(" (the cluster's)");
            }
        }
    }
    if region.marked() == Some(true) {
        line.push_str(" (one is the mounted volume's)");
    }
    if !region.places.is_empty() {
        let _ = write!(line, ", mounted on {}", places::listed(&region.places));
    }
    line
}
