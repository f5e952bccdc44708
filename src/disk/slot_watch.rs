//! Watches heartbeat slots for some seconds, to find the nodes that are alive as far as disks show.

use super::{ChildDevice, VolumeInfo};
use crate::host::System;
use crate::ondisk::Geometry;
use crate::ondisk::heartbeat_slots::{APART, Beats, Sign, Slot};
use crate::wait::sleep_until;
use eyre::{Result, eyre};
use std::time::{Duration, Instant};

/// A node counts as silent only after so many readings, as it may be slow. Together they take as
/// long as the start of a heartbeat.
const READINGS: u32 = 5;
/// Timeout of each answer of a device.
const TIMEOUT: Duration = Duration::from_secs(20);

/// What became of the slots of one volume.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Slots that a node writes.
    pub written: Vec<(u8, Slot)>,
    /// Nodes that stopped without leaving.
    pub silent: Vec<u8>,
}

/// Watches the slots of all `volumes` at once, until each is decided or cannot be read. `tick` is
/// called some ten times a second; its error ends the watch.
pub fn keep(
    system: &System,
    volumes: &[&VolumeInfo],
    tick: &mut dyn FnMut(Duration) -> Result<()>,
) -> Result<Vec<Result<Seen>>> {
    let volumes = volumes.iter();
    let mut watched: Vec<_> = volumes.map(|one| Watched::open(system, one)).collect();
    let began = Instant::now();
    for reading in 1..READINGS {
        let next = began + system.pause(APART) * reading;
        sleep_until(next, &mut || tick(began.elapsed()))?;
        let looked = watched.into_iter().map(|one| one.and_then(Watched::look));
        watched = looked.collect();
        // Another reading would add nothing that matters.
        let is_plain = |seen: &Seen| seen.silent.is_empty() || !seen.written.is_empty();
        if watched.iter().flatten().all(|one| is_plain(&one.seen)) {
            break;
        }
    }
    let watched = watched.into_iter();
    Ok(watched.map(|one| one.map(|one| one.seen)).collect())
}

/// An open volume, its slots in the first reading, and what became of them.
struct Watched {
    remote: ChildDevice,
    geometry: Geometry,
    before: Beats,
    seen: Seen,
}

impl Watched {
    fn open(system: &System, volume: &VolumeInfo) -> Result<Self> {
        let geometry = volume.geometry;
        let geometry = geometry.ok_or_else(|| eyre!("a local volume has no heartbeat"))?;
        let (mut remote, _) = volume.reopen(system, TIMEOUT)?;
        let before = geometry.beats(&mut remote)?;
        Ok(Self {
            remote,
            geometry,
            before,
            seen: Seen::default(),
        })
    }

    fn look(mut self) -> Result<Self> {
        let now = self.geometry.beats(&mut self.remote)?;
        let signs = self.before.compare(&now);
        let silent = signs.filter(|(_, sign)| matches!(sign, Sign::Stale(_)));
        self.seen = Seen {
            written: self.before.rewritten(&now).collect(),
            silent: silent.map(|(node, _)| node).collect(),
        };
        Ok(self)
    }
}
