//! The place of a volume's heartbeat region on its device, in the terms of configfs.

use super::Superblock;
use super::dinode::Dinode;

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

    /// Returns the region in the heartbeat file, on a device of `size` bytes with logical sectors of
    /// `sector` bytes, which are no larger than the volume's blocks.
    ///
    /// The kernel writes to it without asking the filesystem again, so the file has to be the one
    /// that mkfs made: flagged as heartbeat, and its only extent in the inode itself.
    pub(super) fn of(
        superblock: &Superblock,
        file: &Dinode,
        sector: u32,
        size: u64,
    ) -> Result<Self, String> {
        if !file.is_heartbeat_file() {
            return Err("the inode is not a heartbeat file's".to_owned());
        }
        let list = file.extents()?;
        let extent = match (list.depth, list.records.as_slice()) {
            (0, [extent]) if extent.first == 0 => extent,
            (0, [_]) => return Err("it does not begin at its first cluster".to_owned()),
            (0, []) => return Err("it has no space".to_owned()),
            _ => return Err("it is in several pieces".to_owned()),
        };
        let room = u64::from(extent.clusters) << superblock.cluster_shift();
        if room < u64::from(HEARTBEAT_BLOCKS) {
            return Err(format!(
                "it has room for {room} nodes, not {HEARTBEAT_BLOCKS}"
            ));
        }
        // The blocks up to the superblock never belong to a file.
        if extent.block <= 2 {
            return Err("it lies on top of the superblock".to_owned());
        }
        let start = (extent.block).checked_mul(u64::from(superblock.block_bytes()));
        let end = start.and_then(|start| start.checked_add(u64::from(HEARTBEAT_BLOCKS * sector)));
        match (start, end) {
            (Some(start), Some(end)) if end <= superblock.bytes().min(size) => Ok(Self {
                block_bytes: sector,
                start_block: start / u64::from(sector),
                blocks: HEARTBEAT_BLOCKS,
            }),
            _ => Err("it lies beyond the end of the device".to_owned()),
        }
    }
}
