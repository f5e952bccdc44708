//! Heartbeat regions that nothing needs, that are inactive or have lost what they need, and the
//! rest of those that no longer exist.

use super::finding::{Findings, Kind};
use super::{Look, Seen, Site, stated};
use crate::disk::{NotPermitted, find};
use crate::heartbeat::survey::{self, Fault, Sets, Snapshot};
use eyre::{Result, eyre};

/// Checks each region of the kernel's cluster.
pub(super) fn regions(site: &Site, findings: &mut Findings) -> Result<()> {
    for region in stated(&site.surveyed)? {
        let name = format!("heartbeat region {}", region.uuid);
        match &region.seen {
            Ok(seen) => judge(&name, seen, findings),
            Err(why) => findings.unknown(&name, why),
        }
    }
    Ok(())
}

fn judge(name: &str, seen: &Snapshot, findings: &mut Findings) {
    if let Err(why) = &seen.counters {
        findings.unknown(&format!("{name}: its references"), why);
    }
    for fault in seen.faults() {
        let kind = match fault {
            Fault::HalfStarted(_) => Kind::REGION_HALF_STARTED,
            Fault::DeviceGone => Kind::REGION_DEVICE_GONE,
            Fault::Idle => Kind::REGION_ORPHANED,
            Fault::MarkStale | Fault::Unowned(_) => Kind::REFERENCES_UNOWNED,
            Fault::Uncounted => Kind::MOUNT_UNCOUNTED,
            Fault::NoRegion => continue,
        };
        findings.add(kind, format!("{name}: {}", seen.describe(fault)));
    }
}

/// The name of the check `leftovers`.
pub(super) const LEFTOVERS: &str = "the semaphores of volumes without a heartbeat";

/// Returns the check for volumes that have semaphores but no region.
pub(super) fn leftovers<'l>(site: &'l Site) -> Look<'l> {
    Box::new(move || {
        let mut seen = Seen::default();
        if let Err(report) = search(site, &mut seen.findings) {
            seen.findings.unknown(LEFTOVERS, report);
        }
        Ok(seen)
    })
}

/// Searches all block devices for those volumes, if semaphores are left over.
fn search(site: &Site, findings: &mut Findings) -> Result<()> {
    let regions = site.surveyed.iter().flatten().map(|region| region.uuid);
    let sets = Sets::without_region(site.system, regions)?;
    if sets.is_empty() {
        return Ok(());
    }
    let search = find::search(site.system, &[])?;
    for (uuid, device, _) in search.volumes().filter(|(uuid, ..)| sets.has(*uuid)) {
        // This reads the current state: the region may have just been made.
        let seen = survey::of_volume(site.system, uuid).seen;
        let seen = seen.map_err(|why| eyre!("{why}"))?;
        if seen.faults().contains(&Fault::NoRegion) {
            let (device, what) = (device.display(), seen.describe(Fault::NoRegion));
            let name = format!("heartbeat region {uuid} of the volume on {device}");
            findings.add(Kind::SEMAPHORES_LEFT, format!("{name}: {what}"));
        }
    }
    match (search.is_denied(), search.skipped()) {
        (true, _) => Err(NotPermitted.into()),
        (false, Some(skipped)) => Err(eyre!(skipped)),
        (false, None) => Ok(()),
    }
}
