//! The place of a volume's heartbeat region on its device, in the terms of configfs.

use eyre::{Report, Result, bail, eyre};

use super::dinode::Extent;
use super::superblock::{Superblock, too_large_sector};

/// Blocks of a region, one per possible node number (`ocfs2_nodemanager.h`,
/// O2NM_MAX_NODES).
pub const HEARTBEAT_BLOCKS: u32 = 255;

/// The heartbeat region as configfs takes it (`block_bytes`, `start_block`, `blocks`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Size of one block: the device's logical sector, 512 to 4096 bytes.
    pub block_bytes: u32,
    /// First block, counted in `block_bytes` from the start of the device.
    pub start_block: u64,
    /// Number of blocks, always [`HEARTBEAT_BLOCKS`].
    pub blocks: u32,
}

message!(struct Geometry { block_bytes, start_block, blocks });

impl Geometry {
    /// Returns whether all of it is set; before that no heartbeat starts.
    pub fn is_set(&self) -> bool {
        self.block_bytes != 0 && self.start_block != 0 && self.blocks != 0
    }

    /// Returns the region in the one extent of the heartbeat file, on a device of `device` bytes
    /// with logical sectors of `sector` bytes.
    pub(super) fn new(
        superblock: &Superblock,
        extents: &[Extent],
        sector: u32,
        device: u64,
    ) -> Result<Self> {
        check_sector(superblock, sector)?;
        let extent = match extents {
            [extent] if extent.first == 0 => extent,
            [_] => return Err(invalid("it does not begin at its first cluster")),
            [] => return Err(invalid("it has no space")),
            _ => return Err(invalid("it is in several pieces")),
        };
        let room = u64::from(extent.clusters) << superblock.cluster_shift();
        if room < u64::from(HEARTBEAT_BLOCKS) {
            return Err(invalid(&format!(
                "it has room for {room} nodes, not {HEARTBEAT_BLOCKS}"
            )));
        }
        // The blocks up to the superblock never belong to a file.
        if extent.block <= 2 {
            return Err(invalid("it lies on top of the superblock"));
        }
        let start = extent
            .block
            .checked_mul(u64::from(superblock.block_bytes()));
        let end = start.and_then(|start| start.checked_add(u64::from(HEARTBEAT_BLOCKS * sector)));
        match (start, end) {
            (Some(start), Some(end)) if end <= superblock.bytes().min(device) => Ok(Self {
                block_bytes: sector,
                start_block: start / u64::from(sector),
                blocks: HEARTBEAT_BLOCKS,
            }),
            _ => Err(invalid("it lies beyond the end of the device")),
        }
    }
}

fn check_sector(superblock: &Superblock, sector: u32) -> Result<()> {
    if !sector.is_power_of_two() || !(512..=4096).contains(&sector) {
        bail!("no heartbeat is possible on a device with sectors of {sector} bytes");
    }
    if superblock.block_bytes() < sector {
        return Err(too_large_sector(superblock.block_bytes(), sector));
    }
    Ok(())
}

fn invalid(reason: &str) -> Report {
    eyre!("the heartbeat file is damaged: {reason} (run fsck.ocfs2)")
}
