//! Whether a heartbeat is active, in one word, for scripts.

use super::{Inspector, Target};
use crate::cluster::stack;
use crate::heartbeat::State;
use crate::heartbeat::survey::{self, Survey, Surveyed};
use crate::host::System;
use crate::ids::StackName;
use eyre::{Result, bail, eyre};

/// Returns whether the target's heartbeat is active on this node. For all regions, every one must
/// be active, and there must be at least one. With global heartbeat a volume's regions are those of
/// its cluster.
///
/// # Errors
/// It cannot be determined: the device or a region cannot be read, or a user-space cluster stack
/// monitors the nodes without such heartbeats.
pub fn beats(system: &System, target: Target) -> Result<bool> {
    let (all, mut regions) = match target {
        Target::All => (true, Survey::gather(system, &[])?.regions),
        Target::Volume(uuid) => (false, vec![survey::of_volume(system, uuid)]),
        Target::Device(_) => {
            let mut inspector = Inspector::new(system, target, 1)?;
            inspector.look_at_devices(&mut || Ok(()))?;
            let found = inspector.inspected()?.into_iter();
            (false, found.map(|volume| volume.region).collect())
        }
    };
    let is_absent =
        |region: &Surveyed| matches!(&region.seen, Ok(seen) if seen.state == State::Absent);
    if !all && regions.iter().all(is_absent) {
        let running = stack::running(system)?;
        if running != StackName::O2CB {
            bail!("the stack {running} has no such heartbeat");
        }
        let survey = Survey::gather(system, &[])?;
        if !survey.mode.is_global() {
            return Ok(false);
        }
        regions = survey.regions;
    }
    let mut beat = !regions.is_empty();
    for region in &regions {
        let seen = region.seen.as_ref().map_err(|why| eyre!("{why}"))?;
        beat &= matches!(seen.state, State::Beating(_));
    }
    Ok(beat)
}
