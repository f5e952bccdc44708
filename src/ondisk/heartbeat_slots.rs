//! The heartbeat slots: each node rewrites one block of the region every two seconds
//! (fs/ocfs2/cluster/ocfs2_heartbeat.h, `o2hb_disk_heartbeat_block`). They can be read on any
//! device of any cluster. Only a difference between two readings shows that a node is alive.

use std::time::Duration;

use eyre::{Report, Result, WrapErr, eyre};

use super::blocks::read_exactly;
use super::bytes::Bytes;
use super::{Geometry, ReadBlocks, ReadError};
use crate::crc;

/// How often a node writes its slot (O2HB_REGION_TIMEOUT_MS).
pub const INTERVAL: Duration = Duration::from_secs(2);

/// The interval between two readings that show which nodes are alive: that of a heartbeat, and the
/// delay of a busy disk.
pub const APART: Duration = Duration::from_millis(2500);

/// Bytes of a block that are fields; the rest is zero.
const FIELDS: usize = 0x1C;
const CHECKSUM: usize = 0x0C;

/// The heartbeat that a node wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat {
    /// The writer's wall clock, in seconds since 1970. Clocks of nodes differ: only a change of it
    /// is significant.
    pub sequence: u64,
    /// The random number of this start of the writer's heartbeat; 0 when it left in good order.
    pub generation: u64,
    /// How long the writer may be silent before it is declared dead, in milliseconds; none from
    /// drivers of the 1.2 era.
    pub dead_ms: Option<u32>,
}

impl Beat {
    /// Returns the seconds from its writing to `now` (seconds since 1970), by the clocks of both
    /// nodes; none where the writer's is ahead.
    pub fn age(&self, now: u64) -> Option<u64> {
        now.checked_sub(self.sequence)
    }
}

/// One slot in one reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// All zero, as mkfs leaves it.
    Never,
    /// The checksum is not that of the block; the driver skips it.
    Damaged,
    /// A good block, but of a node of another number.
    Misplaced(u8),
    /// A good block of the slot's own node.
    Written(Beat),
}

impl Slot {
    /// Parses the slot of node `number`.
    fn parse(block: &[u8], number: u8) -> Result<Self, String> {
        if block.iter().all(|byte| *byte == 0) {
            return Ok(Self::Never);
        }
        let fields: [u8; FIELDS] = Bytes(block).array(0)?;
        let bytes = Bytes(&fields);
        let stored = bytes.u32(CHECKSUM)?;
        let parts = [
            Bytes(block).slice(0, CHECKSUM)?,
            &[0; 4],
            block.get(CHECKSUM + 4..).unwrap_or_default(),
        ];
        let checksum = parts.iter().fold(0, |sum, part| crc::update(sum, part));
        if checksum != stored {
            return Ok(Self::Damaged);
        }
        let writer = bytes.u8(0x08)?;
        if writer != number {
            return Ok(Self::Misplaced(writer));
        }
        Ok(Self::Written(Beat {
            sequence: bytes.u64(0x00)?,
            generation: bytes.u64(0x10)?,
            dead_ms: Some(bytes.u32(0x18)?).filter(|ms| *ms > 0),
        }))
    }

    /// Returns what the slot shows of its node, which is alive if the heartbeat has changed.
    pub(super) fn sign(self, has_changed: bool) -> Sign {
        match self {
            Self::Never => Sign::Never,
            Self::Damaged => Sign::Damaged,
            Self::Misplaced(writer) => Sign::Misplaced(writer),
            Self::Written(beat) if beat.generation == 0 => Sign::Left(beat),
            Self::Written(beat) if has_changed => Sign::Alive(beat),
            Self::Written(beat) => Sign::Stale(beat),
        }
    }
}

/// All slots in one reading, by node number, each with a sum of its whole block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beats(Vec<(Slot, u32)>);

/// What two readings show of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// No node ever wrote it.
    Never,
    /// A node wrote it between the two readings.
    Alive(Beat),
    /// Its node left in good order.
    Left(Beat),
    /// Its node stopped without leaving: it died, or cannot reach its disk.
    Stale(Beat),
    /// A block with a wrong checksum.
    Damaged,
    /// The block of a node of this number.
    Misplaced(u8),
}

impl Beats {
    /// Parses the slots of a whole region.
    pub(crate) fn parse(region: &[u8], block_bytes: u32) -> Result<Self> {
        let blocks = region.chunks_exact(block_bytes as usize);
        let slots = (0..=u8::MAX)
            .zip(blocks)
            .map(|(node, block)| Ok((Slot::parse(block, node)?, crc::update(!0, block))));
        let slots: Result<_, String> = slots.collect();
        slots.map(Self).map_err(invalid)
    }

    /// Returns every slot with its node's number.
    pub fn iter(&self) -> impl Iterator<Item = (u8, Slot)> + '_ {
        (0..=u8::MAX).zip(self.0.iter().map(|(slot, _)| *slot))
    }

    /// Compares every slot with `later`, a reading of the same region at least [`APART`] after this
    /// one. A node that only just started can be missed.
    pub fn compare<'a>(&'a self, later: &'a Self) -> impl Iterator<Item = (u8, Sign)> + 'a {
        let pairs = self.0.iter().zip(&later.0);
        (0..=u8::MAX).zip(pairs.map(|((before, _), (after, _))| after.sign(before != after)))
    }

    /// Returns the slots that were written between this reading and `later`, with any content: also
    /// blocks that are no heartbeat. Slots whose node reports that it leaves are not among them.
    pub fn rewritten<'a>(&'a self, later: &'a Self) -> impl Iterator<Item = (u8, Slot)> + 'a {
        let pairs = self.0.iter().zip(&later.0);
        (0..=u8::MAX)
            .zip(pairs)
            .filter(|(_, (before, after))| before.1 != after.1)
            .map(|(node, (_, after))| (node, after.0))
            .filter(|(_, slot)| !matches!(slot.sign(true), Sign::Left(_)))
    }
}

impl Geometry {
    /// Reads the slots as they are at this moment, in one read.
    pub fn beats(&self, source: &mut dyn ReadBlocks) -> Result<Beats> {
        Beats::parse(&self.region(source)?, self.block_bytes)
    }

    /// Reads the slot of one node, in one read.
    pub fn beat(&self, source: &mut dyn ReadBlocks, node: u8) -> Result<Slot> {
        Slot::parse(&self.read(source, u64::from(node), 1)?, node).map_err(invalid)
    }

    /// Reads all of the blocks as they are.
    pub(crate) fn region(&self, source: &mut dyn ReadBlocks) -> Result<Vec<u8>> {
        self.read(source, 0, self.blocks)
    }

    fn read(&self, source: &mut dyn ReadBlocks, first: u64, blocks: u32) -> Result<Vec<u8>> {
        let bytes = u64::from(self.block_bytes);
        let len = bytes * u64::from(blocks);
        // The geometry in configfs need not fit this device.
        let offset = (self.start_block.checked_add(first))
            .and_then(|block| block.checked_mul(bytes))
            .filter(|at| at.checked_add(len).is_some_and(|end| end <= source.size()))
            .ok_or_else(|| eyre!("its heartbeat lies beyond the end of the device"))?;
        let len = usize::try_from(len)?;
        read_exactly(source, offset, len)
            .map_err(ReadError)
            .wrap_err("cannot read the heartbeat slots")
    }
}

fn invalid(reason: String) -> Report {
    eyre!("a heartbeat block: {reason}")
}

#[cfg(test)]
mod tests;
