//! status: this node's state in its cluster, for people and for programs.

mod json;
mod text;

use super::{Call, answer};
use crate::cluster::driver::{self, CallOut, Loaded};
use crate::cluster::registered::{RegisteredCluster, RegisteredNode};
use crate::cluster::stack;
use crate::cluster::timeouts::Timeouts;
use crate::group;
use crate::heartbeat::survey::{self, Surveyed};
use crate::host::System;
use crate::ids::{ClusterName, HeartbeatMode, StackName};
use eyre::Result;

/// The LSB's code for a service that does not run.
const NOT_RUNNING: u8 = 3;

/// Everything that `status` reports.
struct Status {
    loaded: Loaded,
    /// The stack; none without the filesystem's driver.
    stack: Option<StackName>,
    call_out: Option<(String, CallOut)>,
    /// The cluster on the command line.
    asked: Option<ClusterName>,
    /// Whether the stack that is set is online.
    online: bool,
    cluster: Option<Cluster>,
}

/// A cluster that is registered.
struct Cluster {
    name: ClusterName,
    online: bool,
    mode: HeartbeatMode,
    timeouts: Timeouts,
    nodes: Vec<RegisteredNode>,
    regions: Vec<Surveyed>,
}

pub(super) fn status(call: &Call) -> Result<u8> {
    // What a killed process left behind is not worth a line.
    group::tidy(call.system);
    let status = Status::gather(call.system, call.cluster.as_ref())?;
    let text = match call.args.json {
        true => format!("{}\n", json::of(&status)),
        false => text::of(&status),
    };
    answer(text, if status.online { 0 } else { NOT_RUNNING })
}

impl Status {
    fn gather(system: &System, asked: Option<&ClusterName>) -> Result<Self> {
        let live = RegisteredCluster::if_loaded(system)?;
        let live = live.filter(|live| asked.is_none_or(|name| name == live.name()));
        let loaded = driver::loaded(system)?;
        let call_out = match driver::call_out_path(system)? {
            Some(path) => Some((path, driver::call_out(system)?)),
            None => None,
        };
        let stack = loaded.filesystem.then(|| stack::running(system));
        let cluster = live.map(|live| Cluster::gather(system, &live));
        Ok(Self {
            loaded,
            stack: stack.transpose()?,
            cluster: cluster.transpose()?,
            call_out,
            asked: asked.cloned(),
            online: group::is_online(system, asked)?,
        })
    }
}

impl Cluster {
    fn gather(system: &System, live: &RegisteredCluster) -> Result<Self> {
        Ok(Self {
            name: live.name().clone(),
            online: live.is_online()?,
            mode: live.heartbeat_mode()?,
            timeouts: Timeouts::read(system, live.path())?,
            nodes: live.nodes()?,
            regions: survey::regions(system, live)?,
        })
    }
}
