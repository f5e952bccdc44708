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
    /// None before the first reading.
    slots: Vec<Tracked>,
    rounds: usize,
    /// The time of the last reading.
    now: Instant,
}

#[derive(Debug, Clone)]
struct Tracked {
    slot: Slot,
    /// The last state that was a valid heartbeat.
    good: Slot,
    /// When that was last seen to have changed, or, if never, when it was first read.
    last: Instant,
    has_changed: bool,
    history: Vec<Round>,
}

impl Track {
    /// Makes a history of so many rounds for each slot.
    pub fn new(rounds: usize) -> Self {
        Self {
            slots: Vec::new(),
            rounds,
            now: Instant::now(),
        }
    }

    /// Adds one reading, made at `now`.
    pub fn add(&mut self, beats: &Beats, now: Instant) {
        self.now = now;
        if self.slots.is_empty() {
            // There is no earlier reading to compare the first with.
            let slots = beats.iter().map(|(_, slot)| Tracked {
                slot,
                good: slot,
                last: now,
                has_changed: false,
                history: Vec::new(),
            });
            self.slots = slots.collect();
            return;
        }
        for (tracked, (_, slot)) in self.slots.iter_mut().zip(beats.iter()) {
            let round = tracked.round(slot, now);
            tracked.note(round, self.rounds);
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
        self.slots.is_empty()
    }

    /// Returns the sign of each slot at the last reading, by node number. At the first, no node is
    /// alive.
    pub fn signs(&self) -> impl Iterator<Item = (u8, Sign)> + '_ {
        let now = self.now;
        (0..=u8::MAX).zip(self.slots.iter().map(move |tracked| tracked.sign(now)))
    }

    /// Returns how long, at the last reading, the slot had not been seen to change.
    pub fn silence(&self, number: u8) -> Duration {
        let tracked = self.slots.get(usize::from(number));
        tracked.map_or(Duration::ZERO, |tracked| {
            self.now.duration_since(tracked.last)
        })
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
    /// Takes the slot as it is read at `now`.
    fn round(&mut self, slot: Slot, now: Instant) -> Round {
        if matches!(slot, Slot::Written(_)) && self.good != slot {
            self.good = slot;
            self.last = now;
            self.has_changed = true;
        }
        self.slot = slot;
        match self.sign(now) {
            Sign::Never => Round::Empty,
            Sign::Left(_) => Round::Left,
            Sign::Damaged | Sign::Misplaced(_) => Round::Bad,
            Sign::Alive(_) if self.last == now => Round::Beat,
            _ if now.duration_since(self.last) <= APART => Round::NotDue,
            _ => Round::Missed,
        }
    }

    fn sign(&self, now: Instant) -> Sign {
        let is_young = now.duration_since(self.last) <= APART;
        self.slot.sign(self.has_changed && is_young)
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
