//! Random choices that a seed repeats.

use std::time::Duration;

/// A sequence of its own for each worker of each node (splitmix64).
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64, node: &str, worker: usize) -> Self {
        let name = node.bytes().fold(seed, |hash, byte| {
            hash.wrapping_mul(31).wrapping_add(u64::from(byte))
        });
        let mut chance = Self(name.wrapping_mul(1000).wrapping_add(worker as u64));
        chance.next();
        chance
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Less than `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A time from 1 ms up to `limit`: each power of two is as likely as any other, since some
    /// tools take 20 ms and a first mount 8 s.
    pub fn moment(&mut self, limit: Duration) -> Duration {
        let powers = limit.as_millis().max(2).ilog2() as usize;
        let power = self.below(powers);
        Duration::from_micros(1000 << power)
            + Duration::from_micros(self.below(1000 << power) as u64)
    }
}
