//! The volumes on their devices: their cluster, the nodes that heartbeat on them, and free slots.

use super::finding::{Finding, Findings, Kind};
use super::{Look, Seen, Site};
use crate::config::cluster_conf::Cluster;
use crate::disk::{NotPermitted, VolumeInfo};
use crate::ondisk::heartbeat_slots::{APART, Sign, Slot};
use crate::ondisk::{Geometry, ReadBlocks, Superblock};
use crate::report::lacks_permission;
use eyre::{Result, WrapErr};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The timeout of one answer of a device; below that of all checks together, so that the report
/// names the one that failed.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// The interval between readings of this node's own slot: two machines that write it in turn, each
/// every two seconds, show both within [`APART`] unless they keep in step.
const SAMPLE: Duration = Duration::from_millis(50);

/// Returns one check for each device.
pub(super) fn looks<'l>(site: &'l Site, devices: &'l [PathBuf]) -> Vec<Look<'l>> {
    let looks = devices.iter().map(|path| -> Look {
        Box::new(move || {
            let mut seen = Seen::default();
            if let Err(report) = look(site, path, &mut seen) {
                let kind = match lacks_permission(&report) || report.is::<NotPermitted>() {
                    true => Kind::NOT_CHECKED,
                    false => Kind::DEVICE_UNREADABLE,
                };
                seen.findings.add(kind, report);
            }
            Ok(seen)
        })
    });
    looks.collect()
}

/// Gathers the findings of the checks in the order of the devices, each with its device's name, and
/// returns what else they saw.
pub(super) fn gather(
    devices: &[PathBuf],
    answers: &mut dyn Iterator<Item = Option<io::Result<Seen>>>,
    findings: &mut Findings,
) -> Vec<Seen> {
    let mut all = Vec::new();
    for (path, answer) in devices.iter().zip(answers) {
        let mut seen = answer.and_then(Result::ok).unwrap_or_else(|| {
            let mut none = Seen::default();
            let what = "the device does not answer";
            none.findings.add(Kind::DEVICE_UNREADABLE, what);
            none
        });
        for Finding { kind, what } in seen.findings.0.drain(..) {
            findings.add(kind, format_args!("{}: {what}", path.display()));
        }
        all.push(seen);
    }
    all
}

/// Checks one device.
fn look(site: &Site, path: &Path, seen: &mut Seen) -> Result<()> {
    let volume = VolumeInfo::read_within(site.system, path, TIMEOUT)?;
    let Some(geometry) = volume.geometry else {
        // Only one node can mount it: no cluster, no heartbeat.
        return Ok(());
    };
    if let Ok(cluster) = &site.cluster
        && let Some(why) = volume.superblock.membership.bars(&cluster.name)
    {
        // Its nodes are not those of the configuration, whatever their numbers.
        let what = format!("it {why}, not to \"{}\"", cluster.name);
        seen.findings.add(Kind::VOLUME_ELSEWHERE, what);
        return Ok(());
    }
    // The name of the device does not matter: there may be several paths to it.
    let uuid = volume.superblock.uuid;
    let has_region = || site.regions().map(|regions| regions.contains(&uuid));
    let before = has_region();
    let (mut remote, on_disk) = volume.reopen(site.system, TIMEOUT)?;
    let (signs, has_two_writers) = watch(site, &geometry, &mut remote)?;
    // None where the region came or went meanwhile, or configfs is not visible here.
    let is_active = before.filter(|_| before == has_region());
    let alive = signs.iter();
    let alive = alive.filter(|(_, sign)| matches!(sign, Sign::Alive(_)));
    seen.alive = alive.map(|(number, _)| *number).collect();
    seen.beside = is_active == Some(true);
    if let Ok(cluster) = &site.cluster {
        let findings = &mut seen.findings;
        node_slots(site, cluster, &on_disk, &mut remote, findings)?;
        let is_taken = is_active.map(|is_active| !is_active || has_two_writers);
        nodes(site, cluster, &signs, is_taken, findings);
    }
    Ok(())
}

/// Reads all slots twice, and this node's own in between. Returns the sign of each, and whether
/// two nodes write this node's own.
fn watch(
    site: &Site,
    geometry: &Geometry,
    source: &mut dyn ReadBlocks,
) -> Result<(Vec<(u8, Sign)>, bool)> {
    let before = geometry.beats(source)?;
    let mut generations = Vec::new();
    // The clock bounds the readings: on a slow device there are fewer.
    let began = Instant::now();
    while began.elapsed() < site.system.pause(APART) {
        std::thread::sleep(SAMPLE);
        if let Some(number) = site.number()
            && let Slot::Written(beat) = geometry.beat(source, number)?
            && generations.last() != Some(&beat.generation)
        {
            generations.push(beat.generation);
        }
    }
    let signs = before.compare(&geometry.beats(source)?).collect();
    // The kernel keeps its generation while its heartbeat is active, and leaves with 0.
    Ok((signs, generations.len() > 1 && !generations.contains(&0)))
}

/// Checks for a node slot for this node, and one for each of the others.
fn node_slots(
    site: &Site,
    cluster: &Cluster,
    volume: &Superblock,
    source: &mut dyn ReadBlocks,
    findings: &mut Findings,
) -> Result<()> {
    if volume.is_heartbeat_device() {
        return Ok(());
    }
    let map = volume.slot_map(source).wrap_err("reading its node slots")?;
    // A slot that this node has, or had when it died, is its own again.
    let own = site.number().map(u32::from);
    let is_free = |slot: &Option<u32>| slot.is_none() || *slot == own;
    let (slots, nodes) = (map.len(), cluster.nodes.len());
    if !map.iter().any(is_free) {
        let what = format!("all {slots} node slots are taken");
        findings.add(Kind::SLOTS_FULL, what);
    } else if slots < nodes {
        let what = format!("{slots} node slots for {nodes} nodes");
        findings.add(Kind::SLOTS_FEW, what);
    }
    Ok(())
}

/// Checks that every node that heartbeats on it belongs to it, once. `is_taken`: whether another
/// machine heartbeats as this node, if it does; none where that is unknown.
fn nodes(
    site: &Site,
    cluster: &Cluster,
    signs: &[(u8, Sign)],
    is_taken: Option<bool>,
    findings: &mut Findings,
) {
    let threshold_ms = u64::from(site.threshold()) * 2000;
    for (number, sign) in signs {
        let Sign::Alive(beat) = sign else {
            continue;
        };
        let node = cluster.nodes.iter().find(|node| node.number == *number);
        let Some(node) = node else {
            let name = &cluster.name;
            let what = format!("node {number} beats, which cluster \"{name}\" does not have");
            findings.add(Kind::FOREIGN_NODE, what);
            continue;
        };
        let is_own = site.number() == Some(*number);
        match is_taken {
            None if is_own => {
                let what = format!("the heartbeat of node {number}");
                let why = "configfs does not show whether it is this node's own";
                findings.unknown(&what, why);
            }
            Some(true) if is_own => {
                let what = format!("another machine beats as node {number}, which is this one");
                findings.add(Kind::NUMBER_TAKEN, what);
            }
            _ => {
                if let Some(theirs) = beat.dead_ms.filter(|ms| u64::from(*ms) != threshold_ms) {
                    let what = format!(
                        "node \"{}\" counts as dead after {theirs} ms by its own words, and \
                             after {threshold_ms} ms here",
                        node.name
                    );
                    findings.add(Kind::THRESHOLD_DIFFERS, what);
                }
            }
        }
    }
    let damaged = |sign: &Sign| matches!(sign, Sign::Damaged | Sign::Misplaced(_));
    let damaged = signs.iter().filter(|(_, sign)| damaged(sign));
    let damaged: String = damaged.map(|(number, _)| format!(" {number}")).collect();
    if !damaged.is_empty() {
        let what = format!("rubbish in the heartbeat slots of nodes{damaged}");
        findings.add(Kind::SLOT_DAMAGED, what);
    }
}
