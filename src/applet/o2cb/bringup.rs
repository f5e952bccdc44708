//! The commands load, online and their opposites.

use super::heartbeat::{Waiter, check_regions};
use super::{Call, answer};
use crate::cluster::registered::RegisteredCluster;
use crate::cluster::{driver, register, stack};
use crate::config::cluster_conf::{Cluster, Node};
use crate::group::{self, global};
use crate::heartbeat::{Heartbeat, LeaveOutcome, survey};
use crate::ids::{HeartbeatMode, StackName, Uuid};
use crate::report;
use crate::syscall::signal::Interrupted;
use eyre::{Result, WrapErr, bail};
use std::path::Path;

pub(super) fn load(call: &Call) -> Result<u8> {
    let sysconfig = call.settings.sysconfig()?;
    driver::load(call.system)?;
    let call_out = sysconfig.hb_ctl_path.as_deref();
    let call_out = call_out.unwrap_or(Path::new(driver::NO_CALL_OUT));
    driver::set_call_out(call.system, call_out)?;
    call.done("the OCFS2 drivers are loaded")
}

/// Unloads the drivers. Like the C tool, it takes the cluster offline first, or does neither.
pub(super) fn unload(call: &Call) -> Result<u8> {
    driver::check_unused(call.system)?;
    offline(call)?;
    unload_drivers(call)
}

pub(super) fn unload_drivers(call: &Call) -> Result<u8> {
    driver::unload(call.system)?;
    call.done("the OCFS2 drivers are unloaded")
}

pub(super) fn register_cluster(call: &Call) -> Result<u8> {
    let cluster = call.settings.cluster(call.cluster.as_ref())?;
    let sysconfig = call.settings.sysconfig()?;
    let local = call.settings.node_of(&cluster, sysconfig)?;
    register::register(call.system, &cluster, local, sysconfig)?;
    call.done(format_args!("cluster \"{}\" is registered", cluster.name))
}

pub(super) fn unregister_cluster(call: &Call) -> Result<u8> {
    unregister(call, &registered(call)?)?;
    Ok(0)
}

fn unregister(call: &Call, live: &RegisteredCluster) -> Result<()> {
    if !register::unregister(call.system, live)? {
        bail!(
            "{1} heartbeat region(s) of cluster \"{0}\" are active (o2cb offline {0} says whose)",
            live.name(),
            live.regions()?.len()
        );
    }
    Ok(())
}

/// Returns the registered cluster, which must be the one on the command line, if that has one.
pub(super) fn registered<'s>(call: &Call<'s>) -> Result<RegisteredCluster<'s>> {
    let live = RegisteredCluster::if_loaded(call.system)?;
    match (live, &call.cluster) {
        (Some(live), None) => Ok(live),
        (Some(live), Some(name)) if name == live.name() => Ok(live),
        (Some(live), Some(name)) => bail!(
            "cluster \"{name}\" is not registered on this node (cluster \"{}\" is)",
            live.name()
        ),
        (None, Some(name)) => bail!("cluster \"{name}\" is not registered on this node"),
        (None, None) => bail!("no cluster is registered on this node"),
    }
}

pub(super) fn online(call: &Call) -> Result<u8> {
    Plan::of(call)?.carry_out(call)
}

/// A cluster that can be brought up, as far as the files show.
pub(super) struct Plan {
    cluster: Cluster,
    local: Node,
}

impl Plan {
    /// Makes the plan. It finds errors in the files before it changes anything.
    pub(super) fn of(call: &Call) -> Result<Self> {
        let cluster = call.settings.cluster(call.cluster.as_ref())?;
        let sysconfig = call.settings.sysconfig()?;
        let local = call.settings.node_of(&cluster, sysconfig)?.clone();
        check_regions(&cluster)?;
        Ok(Self { cluster, local })
    }

    pub(super) fn carry_out(&self, call: &Call) -> Result<u8> {
        let Self { cluster, local } = self;
        load(call)?;
        stack::set(call.system, StackName::O2CB)?;
        let running = stack::running(call.system)?;
        if running != StackName::O2CB {
            bail!("the stack {running} is in use on this node (unmount its volumes first)");
        }
        let sysconfig = call.settings.sysconfig()?;
        let mut waiter = Waiter::of(call, &cluster.name);
        waiter.for_address(local)?;
        if cluster.heartbeat_mode == HeartbeatMode::Local {
            register::register(call.system, cluster, local, sysconfig)?;
        } else {
            let sources = waiter.for_devices(cluster)?;
            let registered = register::register(call.system, cluster, local, sysconfig)?;
            if let Err(error) = waiter.for_heartbeat(cluster, sources) {
                // After an interruption, child processes stop the heartbeats, and need the
                // nodes until then.
                if !error.is::<Interrupted>() {
                    register::take_back(registered);
                }
                return Err(error);
            }
            global::stop_removed(call.system, cluster)?;
        }
        call.done(format_args!("cluster \"{}\" is online", cluster.name))
    }
}

pub(super) fn offline(call: &Call) -> Result<u8> {
    group::tidy(call.system);
    let Some(live) = RegisteredCluster::if_loaded(call.system)? else {
        return call.done("no cluster is online");
    };
    if let Some(name) = call.cluster.as_ref().filter(|&name| name != live.name()) {
        report::warn(format_args!(
            "cluster \"{name}\" is not online (cluster \"{}\" is)",
            live.name()
        ));
        return Ok(0);
    }
    stop_regions(call, &live)?;
    if !register::unregister(call.system, &live)? {
        // Another process has started a heartbeat meanwhile.
        stop_regions(call, &live)?;
        unregister(call, &live)?;
    }
    call.done(format_args!("cluster \"{}\" is offline", live.name()))
}

/// Stops the heartbeats without users.
///
/// # Errors
/// Names the users of other heartbeats that are in use.
fn stop_regions(call: &Call, live: &RegisteredCluster) -> Result<()> {
    if live.heartbeat_mode()?.is_global() {
        return global::stop(call.system, live);
    }
    let mut kept = Vec::new();
    for region in live.regions()? {
        kept.extend(tidy(call, live, region)?);
    }
    if !kept.is_empty() {
        bail!(
            "cluster \"{}\" is in use: {} (unmount the volumes, end the programs; for a reference \
             without an owner: ocfs2_hb_ctl -K -d DEVICE NAME)",
            live.name(),
            kept.join("; ")
        );
    }
    Ok(())
}

/// Reports whether the cluster is online; so does the exit code.
pub(super) fn cluster_status(call: &Call) -> Result<u8> {
    let Some(live) = RegisteredCluster::if_loaded(call.system)? else {
        return answer("offline\n", 1);
    };
    let name = call.cluster.as_ref().unwrap_or(live.name());
    let online = live.name() == name && live.is_online()?;
    let state = if online { "online" } else { "offline" };
    answer(format!("Cluster '{name}' is {state}\n"), (!online).into())
}

/// Removes a region that nothing uses; else returns what uses it.
fn tidy(call: &Call, live: &RegisteredCluster, region: Uuid) -> Result<Option<String>> {
    let heartbeat = Heartbeat::new(call.system, live.path(), region);
    let left = heartbeat
        .leave_after_superblock(&Heartbeat::tidy)
        .wrap_err_with(|| format!("heartbeat region {region}"))?;
    if matches!(left, LeaveOutcome::Stopped | LeaveOutcome::NothingThere) {
        return Ok(None);
    }
    let seen = survey::of_volume(call.system, region).seen;
    let users = seen.map_or_else(|why| why, |seen| seen.users());
    Ok(Some(format!("region {region} by {users}")))
}
