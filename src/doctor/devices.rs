//! The devices that a node is concerned with.

use super::Site;
use super::finding::Findings;
use crate::heartbeat::survey::Surveyed;
use crate::host::{System, mounts, read_text};
use eyre::Result;
use std::path::PathBuf;

/// Returns the given devices, or else those of fstab and the mounted ones; and those on which this
/// node heartbeats, by which the peers are judged.
pub(super) fn of(site: &Site, findings: &mut Findings) -> Vec<PathBuf> {
    let mut named = site.devices.clone();
    if named.is_empty() {
        match used(site.system) {
            Ok(used) => named = used,
            Err(report) => findings.unknown("the volumes of this node", report),
        }
    }
    // The regions' check reports what is wrong with a region.
    let is_there = |region: &&Surveyed| matches!(&region.seen, Ok(seen) if seen.device_there);
    let regions = site.surveyed.iter().flatten().filter(is_there);
    named.extend(regions.filter_map(|region| region.device(site.system)));
    // Several names may mean one device.
    let mut seen = Vec::new();
    named.retain(|device| {
        let real = std::fs::canonicalize(device).unwrap_or_else(|_| device.clone());
        let is_new = !seen.contains(&real);
        seen.push(real);
        is_new
    });
    named
}

/// Returns what is in fstab or mounted as ocfs2, by device.
fn used(system: &System) -> Result<Vec<PathBuf>> {
    let mut used = Vec::new();
    for line in read_text(&system.path("/etc/fstab"))?.lines() {
        let mut fields = line.split_whitespace();
        if let (Some(source), Some("ocfs2")) = (fields.next(), fields.nth(1))
            && !source.starts_with('#')
        {
            used.push(by_tag(system, source));
        }
    }
    used.extend(mounts::volumes(system)?.map(|mount| mount.source));
    Ok(used)
}

/// Resolves `UUID=...` and the like, as udev does.
fn by_tag(system: &System, source: &str) -> PathBuf {
    let Some((tag, value)) = source.split_once('=').filter(|_| !source.starts_with('/')) else {
        return system.path(source);
    };
    let directory = format!("/dev/disk/by-{}", tag.to_ascii_lowercase());
    system.path(directory).join(value.trim_matches('"'))
}
