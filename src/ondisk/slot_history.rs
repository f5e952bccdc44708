//! What becomes of heartbeat slots over several readings.

use super::heartbeat_slots::{APART, Beats, Sign, Slot};
use std::time::{Duration, Instant};

/// One round in a slot's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    /// No node has ever written it.
    Empty,
    /// It was written since the last round.
    Beat,
    /// It was not written, nor was it due: the last heartbeat is not an interval old.
    NotDue,
    /// A heartbeat is missing.
    Missed,
    /// Its node has left.
    Left,
    /// It holds no heartbeat of its node.
    Bad,
    /// The device was not read.
    Blind,
}

/// The slots of one region since the first reading.
#[derive(Debug, Clone)]
pub struct Track {
    slots: Vec<Tracked>,
    rounds: usize,
    /// The time of the last reading; none before the first.
    now: Option<Instant>,
}

#[derive(Debug, Clone)]
struct Tracked {
    slot: Slot,
    /// The last state that was a valid heartbeat.
    good: Slot,
    /// When that was last seen to have changed; at first, none.
    changed: Option<Instant>,
    since: Instant,
    history: Vec<Round>,
}

impl Track {
    /// Makes a history of so many rounds for each slot.
    pub fn new(rounds: usize) -> Self {
        Self {
            slots: Vec::new(),
            rounds,
            now: None,
        }
    }

    /// Adds one reading, made at `now`.
    pub fn add(&mut self, beats: &Beats, now: Instant) {
        let first = self.now.replace(now).is_none();
        for (number, slot) in beats.iter() {
            if first {
                self.slots.push(Tracked {
                    slot,
                    good: slot,
                    changed: None,
                    since: now,
                    history: Vec::new(),
                });
            }
            if let Some(tracked) = self.slots.get_mut(usize::from(number)) {
                if matches!(slot, Slot::Written(_)) && tracked.good != slot {
                    tracked.good = slot;
                    tracked.changed = Some(now);
                }
                let beat = tracked.changed == Some(now);
                tracked.slot = slot;
                let round = match tracked.sign(now) {
                    Sign::Never => Round::Empty,
                    Sign::Left(_) => Round::Left,
                    Sign::Damaged | Sign::Misplaced(_) => Round::Bad,
                    Sign::Alive(_) if beat => Round::Beat,
                    // There is no earlier reading to compare the first with.
                    _ if now.duration_since(tracked.last()) <= APART => Round::NotDue,
                    _ => Round::Missed,
                };
                if !first {
                    tracked.note(round, self.rounds);
                }
            }
        }
    }

    /// Adds a round in which the device was not read.
    pub fn miss(&mut self) {
        for tracked in &mut self.slots {
            tracked.note(Round::Blind, self.rounds);
        }
    }

    /// Returns whether there has been no reading.
    pub fn is_empty(&self) -> bool {
        self.now.is_none()
    }

    /// Returns the sign of each slot at the last reading, by node number. At the first, no node is
    /// alive.
    pub fn signs(&self) -> impl Iterator<Item = (u8, Sign)> + '_ {
        let now = self.now;
        (0..=u8::MAX)
            .zip((self.slots.iter()).filter_map(move |tracked| now.map(|now| tracked.sign(now))))
    }

    /// Returns how long, at the last reading, the slot had not been seen to change.
    pub fn silence(&self, number: u8) -> Duration {
        let tracked = self.slots.get(usize::from(number));
        match (self.now, tracked) {
            (Some(now), Some(tracked)) => now.duration_since(tracked.last()),
            _ => Duration::ZERO,
        }
    }

    /// Returns the last rounds of a slot, the newest last.
    pub fn history(&self, number: u8) -> &[Round] {
        let tracked = self.slots.get(usize::from(number));
        tracked.map_or(&[], |tracked| &tracked.history)
    }

    /// Returns whether a node that seems silent may only write late: by its own dead time it is not
    /// dead yet. `wall` is this node's clock in seconds since 1970.
    pub fn is_doubtful(&self, wall: u64) -> bool {
        self.signs().any(|(_, sign)| match sign {
            Sign::Stale(beat) => {
                let dead = u64::from(beat.dead_ms.unwrap_or(60_000)) / 1000;
                beat.sequence.abs_diff(wall) < dead
            }
            _ => false,
        })
    }
}

impl Tracked {
    fn last(&self) -> Instant {
        self.changed.unwrap_or(self.since)
    }

    fn sign(&self, now: Instant) -> Sign {
        let is_young = |changed| now.duration_since(changed) <= APART;
        self.slot.sign(self.changed.is_some_and(is_young))
    }

    fn note(&mut self, round: Round, rounds: usize) {
        if self.history.len() >= rounds.max(1) {
            self.history.remove(0);
        }
        self.history.push(round);
    }
}

#[cfg(test)]
mod tests;
