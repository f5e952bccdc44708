//! start-heartbeat and stop-heartbeat, and their part of online and offline: the regions of a
//! cluster with global heartbeat, and the wait for missing devices or addresses.

use super::bringup::registered;
use super::{Call, answer};
use crate::applet::progress::Progress;
use crate::cluster::registered::RegisteredCluster;
use crate::config::cluster_conf::{Cluster, Node};
use crate::disk::find;
use crate::group::global::{self, Sources};
use crate::heartbeat::Watch;
use crate::host::address;
use crate::ids::{ClusterName, HeartbeatMode};
use crate::report;
use eyre::{Result, bail};
use std::path::Path;
use std::time::{Duration, Instant};

/// The interval between two checks.
const TICK: Duration = Duration::from_millis(500);
/// The time after which known devices are read again.
const AGAIN: Duration = Duration::from_secs(10);

pub(super) fn start(call: &Call) -> Result<u8> {
    let cluster = call.settings.cluster(call.cluster.as_ref())?;
    let name = &cluster.name;
    let live = RegisteredCluster::if_loaded(call.system)?.filter(|live| live.name() == name);
    let here = live.map_or(Ok(Vec::new()), |live| live.nodes())?;
    if !here.iter().any(|node| node.local) {
        bail!("cluster \"{name}\" is not registered on this node (run: o2cb online {name})");
    }
    if cluster.heartbeat_mode == HeartbeatMode::Local {
        return is_local(name);
    }
    check_regions(&cluster)?;
    let mut waiter = Waiter::of(call, name);
    let sources = waiter.for_devices(&cluster)?;
    waiter.for_heartbeat(&cluster, sources)?;
    global::stop_removed(call.system, &cluster)?;
    answer("Global heartbeat started\n", 0)
}

pub(super) fn stop(call: &Call) -> Result<u8> {
    let live = registered(call)?;
    if !live.heartbeat_mode()?.is_global() {
        return is_local(live.name());
    }
    global::stop(call.system, &live)?;
    answer("Global heartbeat stopped\n", 0)
}

/// Reports that there is nothing to do, which is no failure, as with the C tool.
fn is_local(name: &ClusterName) -> Result<u8> {
    report::warn(format_args!(
        "cluster \"{name}\" has local heartbeat: that of each volume starts and stops with its mount"
    ));
    Ok(0)
}

/// Checks that there is a region, without which no volume can be mounted.
pub(super) fn check_regions(cluster: &Cluster) -> Result<()> {
    if cluster.heartbeat_mode == HeartbeatMode::Global && cluster.regions.is_empty() {
        bail!(
            "cluster \"{0}\" has global heartbeat, but no region to beat on (o2cb add-heartbeat {0} \
             DEVICE)",
            cluster.name
        );
    }
    Ok(())
}

/// Waits for what is missing, as long as `--wait` allows.
pub(super) struct Waiter<'c> {
    call: &'c Call<'c>,
    begun: Instant,
    timeout: Duration,
    progress: Progress,
}

impl<'c> Waiter<'c> {
    pub(super) fn of(call: &'c Call<'c>, cluster: &ClusterName) -> Self {
        let verbose = call.args.verbose > 0;
        Self {
            call,
            begun: Instant::now(),
            timeout: Duration::from_secs(call.args.wait.unwrap_or(0).into()),
            progress: Progress::new(verbose, Path::new(cluster.as_str())),
        }
    }

    /// Sleeps for a moment; returns `false` when the time is over.
    fn goes_on(&mut self, what: &str) -> bool {
        let since = self.begun.elapsed();
        let left = self.timeout.saturating_sub(since);
        if left.is_zero() {
            self.progress.clear();
            return false;
        }
        self.progress.tell(what, since);
        std::thread::sleep(TICK.min(left));
        true
    }

    /// Waits until the kernel can listen on this node's address.
    ///
    /// # Errors
    /// The kernel cannot do so when the time is over.
    pub(super) fn for_address(&mut self, local: &Node) -> Result<()> {
        if self.timeout.is_zero() {
            // Registration tries it.
            return Ok(());
        }
        let wanted = local.address;
        // Registration also tries an address that cannot be checked.
        while !address::is_own(self.call.system, wanted).unwrap_or(true) {
            if !self.goes_on(&format!("waiting for the address {wanted}")) {
                bail!(
                    "this host does not have the address {wanted}, not even after {} s (ip \
                     address shows those it has)",
                    self.timeout.as_secs()
                );
            }
        }
        self.progress.clear();
        Ok(())
    }

    /// Waits until the regions without an active heartbeat have their devices.
    ///
    /// # Errors
    /// Names the missing devices when the time is over.
    pub(super) fn for_devices(&mut self, cluster: &Cluster) -> Result<Sources> {
        let system = self.call.system;
        let silent = global::silent(system, cluster)?;
        if silent.is_empty() {
            return Ok(Sources::new());
        }
        let mut search = find::search(system, &silent)?;
        let mut searched = Instant::now();
        loop {
            let missing = silent.iter().filter(|region| !search.has(**region));
            let missing = missing.count();
            let what = format!("waiting for the devices of {missing} heartbeat region(s)");
            if missing == 0 || !self.goes_on(&what) {
                break;
            }
            let is_old = searched.elapsed() > AGAIN;
            if is_old || find::is_outdated(system, &silent, &search)? {
                search = find::search(system, &silent)?;
                searched = Instant::now();
            }
        }
        self.progress.clear();
        search.skipped().iter().for_each(report::warn);
        global::sources(system, cluster, &silent, &search)
    }

    /// Waits until the heartbeat of every region is active.
    pub(super) fn for_heartbeat(&mut self, cluster: &Cluster, mut sources: Sources) -> Result<()> {
        loop {
            let system = self.call.system;
            let start = |watch: &mut Watch| global::start(system, cluster, &sources, watch);
            if self.progress.during(start)? {
                return Ok(());
            }
            sources = self.for_devices(cluster)?;
        }
    }
}
