//! Global heartbeat: the regions are the cluster's, and active whether or not anything is mounted.
//!
//! ```text
//! let silent = global::silent(system, &cluster)?;             // the inactive regions
//! let search = find::search(system, &silent)?;                // their devices
//! let sources = global::sources(system, &cluster, &silent, &search)?;
//! global::start(system, &cluster, &sources, watch)?;          // all of them or none
//! global::stop_removed(system, &cluster)?;
//! ```

use super::o2cb;
use crate::cluster::dlmfs;
use crate::cluster::registered::RegisteredCluster;
use crate::cluster::stack;
use crate::config::cluster_conf::Cluster;
use crate::disk::VolumeInfo;
use crate::disk::find::Search;
use crate::error::none_of;
use crate::heartbeat::{
    self, Heartbeat, LeaveOutcome, POLL_INTERVAL, Source, Wait, Watch, child, start_all,
};
use crate::host::lock_file::{self, LockMode};
use crate::host::{System, list, places};
use crate::ids::Uuid;
use crate::syscall::ioprio::Level;
use eyre::{Report, Result, WrapErr, bail, eyre};
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

/// Longer than any start that the kernel does not give up itself.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The kernel pins no region of more than these (O2HB_PIN_CUT_OFF in
/// fs/ocfs2/cluster/heartbeat.c).
const PINNED: usize = 3;
/// Timeout of a device that has just answered.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// The regions to start, and where they are on disk.
pub type Sources = Vec<(Uuid, Source)>;

/// Returns the regions of the configuration whose heartbeat is not active for the cluster. Another
/// process is just starting one without a reference, or a C tool left it so that could not stop it.
pub fn silent(system: &System, cluster: &Cluster) -> Result<Vec<Uuid>> {
    let live = RegisteredCluster::if_loaded(system)?.filter(|live| *live.name() == cluster.name);
    let mut silent = cluster.regions.clone();
    if let Some(live) = live {
        for region in live.regions()? {
            let beats = Heartbeat::new(system, live.path(), region).beats()?;
            if beats && heartbeat::references(system, region)? > 0 {
                silent.retain(|silent| *silent != region);
            }
        }
    }
    Ok(silent)
}

/// Returns where the `wanted` regions are, by a search for them.
///
/// # Errors
/// Names every region that cannot be started: its device is missing, there twice, or of another
/// cluster.
pub fn sources(
    system: &System,
    cluster: &Cluster,
    wanted: &[Uuid],
    search: &Search,
) -> Result<Sources> {
    let mut sources = Vec::with_capacity(wanted.len());
    let mut wrong = Vec::new();
    for &region in wanted {
        let found = search.device(system, region);
        match found.and_then(|device| source(system, cluster, region, device)) {
            Ok(source) => sources.push((region, source)),
            Err(error) => wrong.push(error),
        }
    }
    none_of(wrong).map(|()| sources)
}

fn source(system: &System, cluster: &Cluster, region: Uuid, device: &Path) -> Result<Source> {
    let shown = || format!("region {region} on {}", device.display());
    let volume = VolumeInfo::read_within(system, device, READ_TIMEOUT).wrap_err_with(shown)?;
    let checked = || match volume.superblock.membership.bars(&cluster.name) {
        Some(why) => bail!("it {why}"),
        None if volume.read_only => bail!("the device is read-only"),
        None => o2cb::source(&volume).ok_or_else(|| eyre!("it is no block device")),
    };
    checked().wrap_err_with(shown)
}

/// Starts regions all at once, or none of them. Returns `false`, and starts nothing, where others
/// are inactive too because another process has failed to start them meanwhile.
///
/// # Errors
/// Names each that failed. Those that this call has started are stopped again.
pub fn start(
    system: &System,
    cluster: &Cluster,
    sources: &Sources,
    watch: &mut Watch,
) -> Result<bool> {
    let live = registered(system, cluster)?;
    let watch = &mut super::interruptible(watch)?;
    let _lock = file_lock(system, watch)?;
    let is_planned = |silent: &Uuid| sources.iter().any(|(region, _)| region == silent);
    if !silent(system, cluster)?.iter().all(is_planned) {
        return Ok(false);
    }
    let heartbeat = |region| Heartbeat::new(system, live.path(), region);
    let regions = sources.iter();
    let regions: Vec<_> = regions
        .map(|(region, source)| (heartbeat(*region), source.clone()))
        .collect();
    start_all(&regions, watch)?;
    for (heartbeat, _) in &regions {
        // The heartbeat works without that as well.
        let _ = heartbeat.prefer_io(Level::HIGHEST);
    }
    Ok(true)
}

/// Stops the regions that the configuration does not have.
///
/// # Errors
/// The kernel keeps a region.
pub fn stop_removed(system: &System, cluster: &Cluster) -> Result<()> {
    let live = registered(system, cluster)?;
    let mut removed = live.regions()?;
    removed.retain(|region| !cluster.regions.contains(region));
    in_child(system, removed.len(), || {
        remove(system, cluster, &live, removed)
    })
}

fn remove(
    system: &System,
    cluster: &Cluster,
    live: &RegisteredCluster,
    removed: Vec<Uuid>,
) -> Result<()> {
    let _lock = file_lock(system, &mut |_, _| Ok(()))?;
    let closed = stack::close(system)?;
    let kept = |region: Uuid| {
        eyre!(
            "heartbeat region {region} is not in the configuration, but the kernel keeps it \
             while volumes are mounted, unless more than three others beat (all else is \
             done; after the unmount: o2cb start-heartbeat {})",
            cluster.name
        )
    };
    // The kernel would stop all but the last three, and only then refuse.
    if let (None, Some(&first)) = (&closed, removed.first())
        && live.regions()?.len() < removed.len() + PINNED
    {
        return Err(kept(first));
    }
    stop_each(system, live, removed, &kept)
}

fn registered<'s>(system: &'s System, cluster: &Cluster) -> Result<RegisteredCluster<'s>> {
    let live = RegisteredCluster::find(system)?.filter(|live| *live.name() == cluster.name);
    match live {
        Some(live) if live.heartbeat_mode()?.is_global() => Ok(live),
        _ => bail!(
            "cluster \"{0}\" is not registered with global heartbeat (run: o2cb online {0})",
            cluster.name
        ),
    }
}

/// Stops all regions.
///
/// # Errors
/// The regions are needed: names the mount points and lock domains. Nothing is stopped then.
pub fn stop(system: &System, live: &RegisteredCluster) -> Result<()> {
    // A start or stop that is under way comes first.
    drop(file_lock(system, &mut |_, _| Ok(()))?);
    in_child(system, live.regions()?.len(), || stop_all(system, live))
}

/// Removes `count` regions in a child of this process, so that no region is removed behind an open
/// stack, even where this process has given up, or was killed.
fn in_child(system: &System, count: usize, work: impl FnOnce() -> Result<()>) -> Result<()> {
    /// The regions are removed one after the other, each in up to 2 s.
    const EACH: Duration = Duration::from_secs(3);
    const REST: Duration = Duration::from_secs(15);
    if count == 0 {
        return Ok(());
    }
    let timeout = REST + EACH * u32::try_from(count).unwrap_or(u32::MAX);
    child::call(system, timeout, "stopping the heartbeat regions", work)
}

fn stop_all(system: &System, live: &RegisteredCluster) -> Result<()> {
    let _lock = file_lock(system, &mut |_, _| Ok(()))?;
    let regions = live.regions()?;
    let in_use = |by: &str| {
        eyre!(
            "cluster \"{}\" is in use: {by} (unmount the volumes, end the programs)",
            live.name()
        )
    };
    if let Some(users) = users(system)? {
        return Err(in_use(&users));
    }
    // With more than three, the kernel would stop all but three before it refuses.
    let detached = "a volume is detached (lazily unmounted), in another mount namespace, or just \
                    being mounted or unmounted";
    let Some(_closed) = stack::close(system)? else {
        return Err(in_use(detached));
    };
    stop_each(system, live, regions, &|_| in_use(detached))
}

/// # Errors
/// The kernel keeps a region: `pinned` makes the error.
fn stop_each(
    system: &System,
    live: &RegisteredCluster,
    regions: Vec<Uuid>,
    pinned: &dyn Fn(Uuid) -> Report,
) -> Result<()> {
    for region in regions {
        let stopped = Heartbeat::new(system, live.path(), region).stop();
        let stopped = stopped.wrap_err_with(|| format!("stopping heartbeat region {region}"))?;
        if stopped == LeaveOutcome::StillAlive {
            return Err(pinned(region));
        }
    }
    Ok(())
}

/// Returns who needs the regions: all that are in a lock domain.
fn users(system: &System) -> Result<Option<String>> {
    let places = places::of_clusters(system)?;
    if !places.is_empty() {
        return Ok(Some(format!("mounted on {}", places::listed(&places))));
    }
    let mut domains = Vec::new();
    if let Some(dlmfs) = dlmfs::place(system)? {
        for name in list(&dlmfs).wrap_err("listing the lock domains")? {
            let domain = dlmfs.join(&name);
            // A volume's domain may be left by a program that was killed.
            let volume = name.to_str().and_then(|name| name.parse::<Uuid>().ok());
            let used = match volume {
                Some(volume) => dlmfs::abandon(system, &volume.to_string())?,
                None => domain.is_dir(),
            };
            if used {
                domains.push(domain.display().to_string());
            }
        }
    }
    let named = || format!("lock domain {}", domains.join(", "));
    Ok((!domains.is_empty()).then(named))
}

/// Lets one call at a time start or stop the cluster's regions: one must not roll back what another
/// has found. The processes that start them have the lock as well, so that a call waits for those
/// of one that was killed. Best effort where there is no /run.
fn file_lock(system: &System, watch: &mut Watch) -> Result<Option<File>> {
    const NAME: &str = "heartbeat";
    let started = Instant::now();
    loop {
        match lock_file::take(system, NAME, LockMode::Exclusive, POLL_INTERVAL) {
            Ok(None) if started.elapsed() < TIMEOUT => watch(Wait::Lock, started.elapsed())?,
            Ok(None) => return Err(lock_file::not_had(system, NAME, TIMEOUT)),
            lock => return Ok(lock.unwrap_or(None)),
        }
    }
}
