//! Heartbeat regions that nothing needs, that do not beat or have lost what they need, and what is
//! left of those that are not there.

use super::Site;
use super::aside::Look;
use super::finding::{Code, Findings};
use crate::heartbeat::Thread;
use crate::heartbeat::survey::{self, Fault, Seen, Sets};
use crate::volume::{NotPermitted, find};
use eyre::{Result, eyre};

/// Each region of the kernel's cluster.
pub(super) fn regions(site: &Site, findings: &mut Findings) -> Result<()> {
    let surveyed = site.surveyed.as_ref();
    for region in surveyed.map_err(|report| eyre!("{report:#}"))? {
        let name = format!("heartbeat region {}", region.uuid);
        match &region.seen {
            Ok(seen) => judge(&name, seen, findings),
            Err(why) => findings.unknown(&name, &eyre!("{why}")),
        }
    }
    Ok(())
}

fn judge(name: &str, seen: &Seen, findings: &mut Findings) {
    if let Err(why) = &seen.counters {
        findings.unknown(&format!("{name}: its references"), &eyre!("{why}"));
    }
    let device = seen.device().unwrap_or_default();
    let faults = seen.faults();
    for fault in &faults {
        let (code, what) = match fault {
            Fault::HalfStarted(Thread::Ended) => (
                Code::RegionHalfStarted,
                "was made and does not beat, and its thread has ended".into(),
            ),
            Fault::HalfStarted(_) => {
                let what = "was made and does not beat";
                (Code::RegionHalfStarted, what.into())
            }
            Fault::DeviceGone => {
                let what = format!("heartbeats on {device}, which is gone");
                (Code::RegionDeviceGone, what)
            }
            // What helps against that helps against all of these.
            _ if faults.contains(&Fault::DeviceGone) => continue,
            Fault::Idle => {
                let what = "beats, and nothing here uses it";
                (Code::RegionOrphaned, what.into())
            }
            Fault::MarkStale if faults.contains(&Fault::Idle) => continue,
            Fault::MarkStale => (
                Code::ReferencesUnowned,
                format!(
                    "heartbeats on {device}, and a reference is marked as a mounted volume's, \
                     which is not mounted"
                ),
            ),
            Fault::Uncounted => {
                let what = format!("is that of a mounted volume on {device}, and has no reference");
                (Code::MountUncounted, what)
            }
            Fault::Unowned(count) => {
                let references = match count {
                    1 => "1 reference to it belongs".to_owned(),
                    _ => format!("{count} references to it belong"),
                };
                let what = format!(
                    "heartbeats on {device}, and {references} to no mount and no running process"
                );
                (Code::ReferencesUnowned, what)
            }
            Fault::NoRegion(_) => continue,
        };
        findings.add(code, format!("{name} {what}"));
    }
}

/// Looks on all block devices for the volumes whose semaphores are there, and whose regions are
/// not. None where no semaphores are left over.
///
/// # Errors
/// The semaphores cannot be listed.
pub(super) fn leftovers<'l>(site: &'l Site) -> Result<Option<Look<'l>>> {
    let regions = site.surveyed.iter().flatten().map(|region| region.uuid);
    let sets = Sets::gather(site.system)?.without(regions);
    if sets.is_empty() {
        return Ok(None);
    }
    Ok(Some(Box::new(move || {
        let mut findings = Findings::default();
        if let Err(report) = search(site, &sets, &mut findings) {
            findings.unknown(LEFTOVERS, &report);
        }
        let mut told = Vec::new();
        findings.pack(&mut told);
        told
    })))
}

/// What `leftovers` looks at.
pub(super) const LEFTOVERS: &str = "the semaphores of volumes without a heartbeat";

fn search(site: &Site, sets: &Sets, findings: &mut Findings) -> Result<()> {
    let search = find::search(site.system, &[])?;
    for (uuid, device) in search.volumes().filter(|(uuid, _)| sets.has(*uuid)) {
        // As it is now: the region may just have been made.
        let seen = survey::of_volume(site.system, uuid).seen;
        let faults = seen.map_err(|why| eyre!("{why}"))?.faults();
        if let [Fault::NoRegion(count)] = faults.as_slice() {
            let device = device.display();
            let what = format!(
                "the volume {uuid} on {device} has semaphores (references: {count}) and no \
                 heartbeat region"
            );
            findings.add(Code::SemaphoresLeft, what);
        }
    }
    match (search.is_denied(), search.skipped()) {
        (true, _) => Err(NotPermitted.into()),
        (false, Some(skipped)) => Err(eyre!(skipped)),
        (false, None) => Ok(()),
    }
}
