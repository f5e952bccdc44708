//! The regions of a cluster with global heartbeat: started all at once, and stopped.
//!
//! Each region has one reference in all, as the C tools count: that of the online cluster.

use super::starter::PendingStart;
use super::{Heartbeat, HeartbeatGuard, LeaveCause, LeaveOutcome, Lifetime, Source, Watch};
use crate::error::none_of;
use crate::syscall::signal::Interrupted;
use eyre::Result;

/// Starts all regions or none: if one fails, those that this call has started are stopped. A region
/// that is active already stays as it is.
///
/// # Errors
/// Names each region that failed, with its device.
pub fn start_all(regions: &[(Heartbeat<'_>, Source)], watch: &mut Watch) -> Result<()> {
    let mut starting = Vec::with_capacity(regions.len());
    for (heartbeat, source) in regions {
        let begun = PendingStart::begin(heartbeat, source, &mut starting)?;
        starting.push(begun);
    }
    let mut holds = Vec::with_capacity(regions.len());
    let mut failed = Vec::new();
    // The others are waited for even then, so that none is left to be stopped in the background.
    for (starting, (heartbeat, source)) in starting.into_iter().zip(regions) {
        match hold(heartbeat, starting, watch) {
            Ok(hold) => holds.extend(hold),
            Err(error) if error.is::<Interrupted>() => return Err(error),
            Err(error) => failed.push(error.wrap_err(format!(
                "heartbeat region {} on {}",
                heartbeat.region.name(),
                source.device.display()
            ))),
        }
    }
    none_of(failed)?;
    holds.into_iter().try_for_each(HeartbeatGuard::make_lasting)
}

/// Takes the cluster's reference; none if another process has taken it already.
fn hold<'h>(
    heartbeat: &'h Heartbeat<'h>,
    mut starting: PendingStart<'h>,
    watch: &mut Watch,
) -> Result<Option<HeartbeatGuard<'h>>> {
    starting.wait(watch)?;
    if heartbeat.references.tally()?.count > 0 {
        return Ok(None);
    }
    starting.take(Lifetime::Process, watch).map(Some)
}

impl Heartbeat<'_> {
    /// Stops a region of the cluster's, whatever its count: the kernel knows what needs it.
    pub fn stop(&self) -> Result<LeaveOutcome> {
        self.remove(self.lock(&mut |_, _| Ok(()))?, LeaveCause::Tool)
    }
}
