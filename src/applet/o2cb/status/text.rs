//! Output for people.

use super::{Cluster, Status};
use crate::cluster::driver::CallOut;
use crate::cluster::registered::RegisteredNode;
use crate::cluster::timeouts::restart_after;
use crate::heartbeat::survey::Snapshot;
use crate::heartbeat::{State, Thread};
use crate::host::places;
use crate::report::printable;

pub(super) fn of(status: &Status) -> String {
    let mut text = node(status);
    match &status.cluster {
        Some(cluster) => text += &describe_cluster(cluster),
        None => {
            let name = status.asked.as_ref().map(|name| format!(" '{name}'"));
            let state = if status.online { "online" } else { "offline" };
            text += &format!("Cluster{}: {state}\n", name.unwrap_or_default());
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
        text += &format!("Cluster stack: {stack}\n");
    }
    if let Some((path, call_out)) = &status.call_out {
        let who = match call_out {
            CallOut::None => "umount.ocfs2 stops heartbeats",
            CallOut::Ours => "the kernel has us stop heartbeats",
            CallOut::Foreign => "the kernel has that program stop heartbeats",
        };
        text += &format!("hb_ctl_path: {} ({who})\n", printable(path));
    }
    text
}

fn describe_cluster(cluster: &Cluster) -> String {
    let state = match cluster.online {
        true => "online",
        false => "registered, but not online",
    };
    let (name, mode, timeouts) = (&cluster.name, cluster.mode, &cluster.timeouts);
    let mut text = format!("Cluster '{name}': {state}\n  heartbeat: {mode}");
    if let Some(threshold) = timeouts.heartbeat_threshold {
        let seconds = restart_after(threshold);
        text +=
            &format!(", a node restarts after {seconds} s without a beat (threshold {threshold})");
    }
    text += "\n";
    for (name, value) in [
        ("a silent connection is broken", timeouts.idle_timeout_ms),
        ("a silent peer is asked", timeouts.keepalive_delay_ms),
        (
            "a broken connection is tried again",
            timeouts.reconnect_delay_ms,
        ),
    ] {
        if let Some(ms) = value {
            text += &format!("  network: {name} after {ms} ms\n");
        }
    }
    if let Some(method) = &timeouts.fence_method {
        let method = printable(method);
        text += &format!("  a node that lost its cluster does: {method}\n");
    }
    for RegisteredNode { node, local } in &cluster.nodes {
        let local = if *local { " (this node)" } else { "" };
        let line = format!(
            "  node {} {} {}:{}{local}",
            node.number, node.name, node.address, node.port
        );
        text += &(printable(line) + "\n");
    }
    for region in &cluster.regions {
        let line = match &region.seen {
            Ok(seen) => describe(seen),
            Err(why) => format!("cannot be told: {why}"),
        };
        text += &format!("  region {}: {}\n", region.uuid, printable(line));
    }
    text
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
        Err(why) => line += &format!(", references unknown: {why}"),
        Ok(_) => {
            let count = region.references().unwrap_or_default();
            let plural = if count == 1 { "" } else { "s" };
            line += &format!(", {count} reference{plural}");
            if region.global && count == 1 {
                line += " (the cluster's)";
            }
        }
    }
    if region.marked() == Some(true) {
        line += " (one is the mounted volume's)";
    }
    if !region.places.is_empty() {
        line += &format!(", mounted on {}", places::listed(&region.places));
    }
    line
}
