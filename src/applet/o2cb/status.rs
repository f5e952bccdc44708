//! status: what this node has of its cluster, for people.

use super::{Call, Ends};
use crate::cluster::driver::{self, CallOut};
use crate::cluster::live::Live;
use crate::cluster::stack;
use crate::cluster::timeouts::Timeouts;
use crate::group;
use crate::heartbeat::{Heartbeat, State, Thread};
use crate::report::{self, printable};
use crate::system::System;
use crate::system::places;
use eyre::Result;
use std::fmt::Write;

pub(super) fn status(call: &Call) -> Result<()> {
    // What a killed process has left is not worth a line.
    group::tidy(call.system);
    let found = Live::find(call.system);
    let reason = found.as_ref().err().map(|report| format!(" ({report:#})"));
    let live = found.unwrap_or_default();
    let live = live.filter(|live| call.cluster.as_ref().is_none_or(|name| name == live.name()));
    let online = live
        .as_ref()
        .is_some_and(|live| live.is_online().unwrap_or(false));
    let mut text = node(call.system)?;
    match &live {
        Some(live) => text.push_str(&cluster(call.system, live, online)?),
        None => {
            let name = call.cluster.as_ref().map(|name| format!(" '{name}'"));
            let line = format!(
                "Cluster{}: offline{}",
                name.unwrap_or_default(),
                reason.unwrap_or_default()
            );
            let _ = writeln!(text, "{}", printable(line));
        }
    }
    report::say(text)?;
    match online {
        true => Ok(()),
        false => Err(Ends::silently(Ends::NOT_RUNNING)),
    }
}

fn node(system: &System) -> Result<String> {
    let loaded = driver::loaded(system)?;
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
    if loaded.filesystem {
        let _ = writeln!(text, "Cluster stack: {}", stack::running(system)?);
    }
    if let Some(path) = driver::call_out_path(system)? {
        let who = match driver::call_out(system)? {
            CallOut::None => "umount.ocfs2 stops heartbeats",
            CallOut::Ours => "the kernel has us stop heartbeats",
            CallOut::Foreign => "the kernel has that program stop heartbeats",
        };
        let _ = writeln!(text, "hb_ctl_path: {} ({who})", printable(&path));
    }
    Ok(text)
}

fn cluster(system: &System, live: &Live, online: bool) -> Result<String> {
    let state = match online {
        true => "online",
        false => "registered, but not online",
    };
    let mode = match live.global_heartbeat()? {
        true => "global",
        false => "local",
    };
    let mut text = format!("Cluster '{}': {state}\n  heartbeat: {mode}", live.name());
    let timeouts = Timeouts::read(system, live.path())?;
    if let Some(threshold) = timeouts.heartbeat_threshold {
        // The first round does not count (o2hb_arm_timeout in fs/ocfs2/cluster/heartbeat.c).
        let seconds = threshold.saturating_sub(1).saturating_mul(2);
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
        let _ = writeln!(
            text,
            "  a node that lost its cluster does: {}",
            printable(method)
        );
    }
    for node in live.nodes()? {
        let local = if node.local { " (this node)" } else { "" };
        let line = format!(
            "  node {} {} {}:{}{local}",
            node.number, node.name, node.address, node.port
        );
        let _ = writeln!(text, "{}", printable(line));
    }
    for region in live.regions()? {
        let heartbeat = Heartbeat::new(system, live.path(), region);
        let line = describe(&heartbeat).unwrap_or_else(|report| format!("{report:#}"));
        let _ = writeln!(text, "  region {region}: {}", printable(line));
    }
    Ok(text)
}

fn describe(heartbeat: &Heartbeat) -> Result<String> {
    let mut line = match heartbeat.region().state()? {
        State::Absent => return Ok("gone meanwhile".into()),
        State::Beating(device) => format!("beats on {device}"),
        State::HalfStarted(Thread::Ended) => {
            "half-started, not to be touched before a reboot".into()
        }
        State::HalfStarted(_) => "half-started".into(),
    };
    let users = heartbeat.users()?;
    let plural = if users.references == 1 { "" } else { "s" };
    let _ = write!(line, ", {} reference{plural}", users.references);
    if users.superblock {
        line.push_str(" (one is the mounted volume's)");
    }
    let places = heartbeat.mounted_on()?;
    if !places.is_empty() {
        let _ = write!(line, ", mounted on {}", places::listed(&places));
    }
    Ok(line)
}
