//! The volumes on their devices: their cluster, the nodes that heartbeat on them, and free slots.

use super::Site;
use super::finding::{Code, Findings};
use super::parallel::Look;
use crate::config::cluster_conf::Cluster;
use crate::disk::VolumeInfo;
use crate::ondisk::heartbeat_slots::{APART, Beats, Sign, Slot};
use crate::ondisk::{Geometry, Membership, ReadBlocks, Volume};
use crate::report::lacks_permission;
use eyre::{Result, WrapErr, eyre};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The timeout of one answer of a device; below that of all checks together, so that the report
/// names the one that failed.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// The interval between readings of this node's own slot: two machines that write it in turn, each
/// every two seconds, show both within [`APART`] unless they keep in step.
const SAMPLE: Duration = Duration::from_millis(50);
/// The bytes of a bitmap with a bit for each node number.
const BITMAP: usize = 32;

/// The nodes that were seen alive.
#[derive(Debug, Default)]
pub(super) struct Alive {
    /// The nodes alive on any device.
    anywhere: [u8; BITMAP],
    /// The nodes alive where this node heartbeats as well.
    beside: [u8; BITMAP],
}

impl Alive {
    /// Returns whether the node is alive on any device.
    pub fn is_anywhere(&self, number: u8) -> bool {
        has(&self.anywhere, number)
    }

    /// Returns whether the node is alive where this node heartbeats as well; the two are then
    /// connected if all is well.
    pub fn is_beside(&self, number: u8) -> bool {
        has(&self.beside, number)
    }
}

fn has(map: &[u8], number: u8) -> bool {
    let byte = map.get(usize::from(number / 8));
    byte.is_some_and(|byte| byte >> (number % 8) & 1 == 1)
}

/// Returns one check for each device.
pub(super) fn looks<'l>(site: &'l Site, devices: &'l [PathBuf]) -> Vec<Look<'l>> {
    let looks = devices.iter().map(|path| -> Look<'l> {
        Box::new(move || {
            let mut findings = Findings::default();
            let mut seen = Alive::default();
            let device = path.display();
            if let Err(report) = look(site, path, &mut seen, &mut findings) {
                match lacks_permission(&report) || report.is::<crate::disk::NotPermitted>() {
                    true => findings.unknown(&device.to_string(), &report),
                    false => findings.add(Code::DeviceUnreadable, format!("{device}: {report:#}")),
                }
            }
            let mut told = [seen.anywhere, seen.beside].concat();
            findings.pack(&mut told);
            told
        })
    });
    looks.collect()
}

/// Gathers the results of the checks, in the order of the devices.
pub(super) fn gather(
    devices: &[PathBuf],
    answers: &mut dyn Iterator<Item = Option<Vec<u8>>>,
    findings: &mut Findings,
) -> Alive {
    let mut alive = Alive::default();
    for (path, answer) in devices.iter().zip(answers) {
        let told = answer
            .as_ref()
            .and_then(|told| told.split_at_checked(2 * BITMAP));
        let Some((seen, found)) = told else {
            let what = format!("{}: the device does not answer", path.display());
            findings.add(Code::DeviceUnreadable, what);
            continue;
        };
        let maps = alive.anywhere.iter_mut().chain(&mut alive.beside);
        maps.zip(seen).for_each(|(map, seen)| *map |= seen);
        findings.unpack(found);
    }
    alive
}

fn look(site: &Site, path: &Path, alive: &mut Alive, findings: &mut Findings) -> Result<()> {
    let volume = VolumeInfo::read_within(site.system, path, TIMEOUT)?;
    let Some(geometry) = volume.geometry else {
        // Only one node can mount it: no cluster, no heartbeat.
        return Ok(());
    };
    if let Ok(cluster) = &site.cluster
        && let Some(other) = elsewhere(&volume.superblock.membership, cluster)
    {
        // Its nodes are not those of the configuration, whatever their numbers.
        let what = format!("{}: it belongs to {other}", path.display());
        findings.add(Code::VolumeElsewhere, what);
        return Ok(());
    }
    // The name of the device does not matter: there may be several paths to it.
    let uuid = volume.superblock.uuid;
    let has_region = || site.regions().map(|regions| regions.contains(&uuid));
    let before = has_region();
    let (mut remote, on_disk) = volume.reopen(site.system, TIMEOUT)?;
    let watched = Watched::of(site, &geometry, &mut remote)?;
    let view = View {
        site,
        device: path.display().to_string(),
        own: match (before, has_region()) {
            (Some(true), Some(true)) => Own::Beats,
            (Some(false), Some(false)) => Own::Silent,
            _ => Own::Unclear,
        },
    };
    for (number, sign) in watched.signs() {
        let (byte, bit) = (usize::from(number / 8), 1 << (number % 8));
        if let Sign::Alive(_) = sign
            && let Some(anywhere) = alive.anywhere.get_mut(byte)
            && let Some(beside) = alive.beside.get_mut(byte)
        {
            *anywhere |= bit;
            *beside |= if view.own == Own::Beats { bit } else { 0 };
        }
    }
    if let Ok(cluster) = &site.cluster {
        view.slots(cluster, &on_disk, &mut remote, findings)?;
        view.nodes(cluster, &watched, findings);
    }
    Ok(())
}

/// Returns another stack or cluster than this node's; none where the two fit.
fn elsewhere(membership: &Membership, cluster: &Cluster) -> Option<String> {
    match membership {
        Membership::User { stack, .. } => Some(format!("the stack {stack}")),
        Membership::O2cb {
            cluster: Some(name),
            ..
        } if *name != cluster.name => Some(format!("cluster \"{name}\", not \"{}\"", cluster.name)),
        _ => None,
    }
}

/// The result of two readings of all slots, and of this node's own in between.
struct Watched {
    before: Beats,
    after: Beats,
    /// The generations that followed each other in this node's slot.
    own: Vec<u64>,
}

impl Watched {
    fn of(site: &Site, geometry: &Geometry, source: &mut impl ReadBlocks) -> Result<Self> {
        let before = geometry.beats(source)?;
        let mut own = Vec::new();
        let number = site.local.as_ref().ok().map(|node| node.number);
        // The clock bounds the readings: on a slow device there are fewer.
        let began = Instant::now();
        while began.elapsed() < site.system.pause(APART) {
            std::thread::sleep(SAMPLE);
            if let Some(number) = number
                && let Slot::Written(beat) = geometry.beat(source, number)?
                && own.last() != Some(&beat.generation)
            {
                own.push(beat.generation);
            }
        }
        let after = geometry.beats(source)?;
        Ok(Self { before, after, own })
    }

    fn signs(&self) -> impl Iterator<Item = (u8, Sign)> {
        self.before.compare(&self.after)
    }

    /// Returns whether two nodes write the slot. The kernel keeps its generation while its
    /// heartbeat is active, and leaves with 0.
    fn has_two_writers(&self) -> bool {
        self.own.len() > 1 && !self.own.contains(&0)
    }
}

/// This node's own heartbeat on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Own {
    /// The heartbeat was active all the while.
    Beats,
    /// The heartbeat was never active.
    Silent,
    /// It came or went meanwhile, or configfs is not visible here.
    Unclear,
}

/// The findings' context for one device.
struct View<'v> {
    site: &'v Site<'v>,
    device: String,
    own: Own,
}

impl View<'_> {
    /// Checks for a slot for this node, and one for each of the others.
    fn slots(
        &self,
        cluster: &Cluster,
        volume: &Volume,
        source: &mut impl ReadBlocks,
        findings: &mut Findings,
    ) -> Result<()> {
        let device = &self.device;
        if volume.superblock.is_heartbeat_device() {
            return Ok(());
        }
        let map = volume.slot_map(source).wrap_err("reading its node slots")?;
        let own = self.site.local.as_ref().ok().map(|node| node.number.into());
        let taken = |slot: &Option<u32>| slot.is_some();
        // A slot that this node has, or had when it died, is its own again.
        let has_own = map.iter().any(|slot| slot.is_some() && *slot == own);
        let (slots, nodes) = (map.len(), cluster.nodes.len());
        if map.iter().all(taken) && !has_own {
            let what = format!("{device}: all {slots} node slots are taken");
            findings.add(Code::SlotsFull, what);
        } else if slots < nodes {
            let what = format!("{device}: {slots} node slots for {nodes} nodes");
            findings.add(Code::SlotsFew, what);
        }
        Ok(())
    }

    /// Checks that every node that heartbeats on it belongs to it, once.
    fn nodes(&self, cluster: &Cluster, seen: &Watched, findings: &mut Findings) {
        let device = &self.device;
        let local = self.site.local.as_ref().ok().map(|node| node.number);
        let threshold_ms = u64::from(self.site.threshold()) * 2000;
        let mut damaged = String::new();
        for (number, sign) in seen.signs() {
            let beat = match sign {
                Sign::Alive(beat) => beat,
                Sign::Damaged | Sign::Misplaced(_) => {
                    damaged += &format!(" {number}");
                    continue;
                }
                _ => continue,
            };
            let node = cluster.nodes.iter().find(|node| node.number == number);
            let Some(node) = node else {
                let what = format!(
                    "{device}: node {number} beats, which cluster \"{}\" does not have",
                    cluster.name
                );
                findings.add(Code::ForeignNode, what);
                continue;
            };
            let is_own = local == Some(number);
            if is_own && self.own == Own::Unclear {
                let report = eyre!("configfs does not show whether it is this node's own");
                findings.unknown(
                    &format!("{device}: the heartbeat of node {number}"),
                    &report,
                );
                continue;
            }
            if is_own && (self.own == Own::Silent || seen.has_two_writers()) {
                let what =
                    format!("{device}: another machine beats as node {number}, which is this one");
                findings.add(Code::NumberTaken, what);
                continue;
            }
            if let Some(theirs) = beat.dead_ms.filter(|ms| u64::from(*ms) != threshold_ms) {
                let what = format!(
                    "{device}: node \"{}\" counts as dead after {theirs} ms by its own words, and \
                     after {threshold_ms} ms here",
                    node.name
                );
                findings.add(Code::ThresholdDiffers, what);
            }
        }
        if !damaged.is_empty() {
            let what = format!("{device}: rubbish in the heartbeat slots of nodes{damaged}");
            findings.add(Code::SlotDamaged, what);
        }
    }
}
