//! Heartbeat regions that nobody needs, or that never came to beat.

use super::Site;
use super::finding::{Code, Findings};
use crate::heartbeat::survey::{self, Condition};
use eyre::{Result, bail};

/// Each region of the kernel's cluster.
pub(super) fn regions(site: &Site, findings: &mut Findings) -> Result<()> {
    let Ok(Some(live)) = &site.live else {
        return Ok(());
    };
    for region in survey::regions(site.system, live)? {
        let uuid = region.uuid;
        let seen = match region.seen {
            Ok(seen) => seen,
            Err(why) => bail!("heartbeat region {uuid}: {why}"),
        };
        let (code, what) = match seen.condition() {
            Condition::HalfStarted(_) => (Code::RegionHalfStarted, "was made and does not beat"),
            Condition::Idle => (Code::RegionOrphaned, "beats, and nothing here uses it"),
            Condition::Beating | Condition::Absent => continue,
        };
        findings.add(code, format!("heartbeat region {uuid} {what}"));
    }
    Ok(())
}
