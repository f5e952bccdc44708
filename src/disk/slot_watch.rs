//! Watches heartbeat slots for some seconds, to find the nodes that are alive as far as disks show.

use super::{ChildDevice, VolumeInfo};
use crate::host::System;
use crate::ondisk::Geometry;
use crate::ondisk::heartbeat_slots::{self, Beats, Sign, Slot};
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
    let mut watched: Vec<Result<Watched>> = volumes
        .iter()
        .map(|volume| Watched::open(system, volume))
        .collect();
    let began = Instant::now();
    for reading in 1..READINGS {
        let next = began + system.pause(heartbeat_slots::APART) * reading;
        sleep_until(next, &mut || tick(began.elapsed()))?;
        for place in &mut watched {
            if let Ok(watched) = place
                && let Err(report) = watched.look()
            {
                *place = Err(report);
            }
        }
        if watched
            .iter()
            .flatten()
            .all(|watched| watched.seen.is_plain())
        {
            break;
        }
    }
    let seen = watched.into_iter();
    Ok(seen.map(|watched| Ok(watched?.seen)).collect())
}

impl Seen {
    /// Returns whether another reading would add nothing that matters.
    fn is_plain(&self) -> bool {
        self.silent.is_empty() || !self.written.is_empty()
    }
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

    fn look(&mut self) -> Result<()> {
        let now = self.geometry.beats(&mut self.remote)?;
        let signs = self.before.compare(&now);
        self.seen = Seen {
            written: self.before.rewritten(&now).collect(),
            silent: signs
                .filter(|(_, sign)| matches!(sign, Sign::Stale(_)))
                .map(|(node, _)| node)
                .collect(),
        };
        Ok(())
    }
}
