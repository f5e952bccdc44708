//! Commands for an init script or a unit: `/etc/default/o2cb` controls them, and their exit codes
//! are the LSB's.

use super::exit_status::NotConfigured;
use super::{Call, answer, bringup};
use crate::cluster::registered::RegisteredCluster;
use crate::cluster::stack;
use crate::group;
use crate::host::mounts;
use crate::ids::StackName;
use crate::report;
use eyre::{Result, bail};

/// The exit code of `online-status` for an offline cluster, as in the C tools' script.
const OFFLINE: u8 = 1;

/// What `start` brings up, checked before anything changes.
enum Wanted {
    Cluster(bringup::Plan),
    /// The stack whose daemons the cluster manager controls.
    UserStack(StackName),
}

impl Wanted {
    fn of(call: &Call) -> Result<Self> {
        let sysconfig = call.settings.sysconfig()?;
        if !sysconfig.enabled {
            let place = call.settings.sysconfig_place();
            bail!(NotConfigured(place));
        }
        match sysconfig.stack {
            Some(stack) if stack != StackName::O2CB => Ok(Self::UserStack(stack)),
            _ => Ok(Self::Cluster(bringup::Plan::of(call)?)),
        }
    }

    fn start(&self, call: &Call) -> Result<u8> {
        match self {
            Self::Cluster(plan) => plan.carry_out(call),
            Self::UserStack(wanted) => {
                stack::prepare(call.system, *wanted)?;
                stack::set(call.system, *wanted)?;
                let running = stack::running(call.system)?;
                if running != *wanted {
                    bail!("the stack {running} is in use on this node (run: o2cb stop)");
                }
                call.done(format_args!("the stack {wanted} is set"))
            }
        }
    }
}

pub(super) fn start(call: &Call) -> Result<u8> {
    Wanted::of(call)?.start(call)
}

pub(super) fn stop(call: &Call) -> Result<u8> {
    bringup::offline(call)?;
    // Another cluster than the named one may be registered.
    if let Some(live) = RegisteredCluster::if_loaded(call.system)? {
        return call.done(format_args!("cluster \"{}\" stays online", live.name()));
    }
    // A local volume, or one of another stack, does not need the cluster.
    if let Some(volume) = mounts::volumes(call.system)?.next() {
        return call.done(format_args!(
            "the drivers stay, for {} is mounted",
            volume.point.display()
        ));
    }
    bringup::unload_drivers(call)
}

pub(super) fn restart(call: &Call) -> Result<u8> {
    let wanted = Wanted::of(call)?;
    stop(call)?;
    wanted.start(call)
}

/// Reports whether the cluster is online, in one word; so does the exit code.
pub(super) fn online_status(call: &Call) -> Result<u8> {
    match group::is_online(call.system, call.cluster.as_ref()) {
        Ok(true) => answer("online\n", 0),
        Ok(false) => answer("offline\n", OFFLINE),
        Err(error) => {
            report::say("error\n")?;
            Err(error)
        }
    }
}
