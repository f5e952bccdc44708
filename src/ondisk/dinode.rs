//! Inodes and extent lists (`ocfs2_fs.h`, `ocfs2_dinode`, `ocfs2_extent_list`). Pure.

use super::bytes::Bytes;

/// Position of the check field.
pub(super) const CHECK: usize = 0x80;
/// Position of the part that depends on the kind of inode.
const BODY: usize = 0xC0;
/// Position of inline data, after its 8 byte header.
const INLINE: usize = 0xC8;

const VALID: u32 = 0x1;
const HEARTBEAT: u32 = 0x200;
/// Flags of inodes that hold something else where others have extents: the superblock, bitmaps
/// (LOCAL_ALLOC, CHAIN) and truncate logs (DEALLOC).
const WITHOUT_EXTENTS: u32 = 0x20 | 0x40 | 0x400 | 0x800;
const INLINE_DATA: u16 = 0x1;
const INDEXED_DIR: u16 = 0x8;

/// An inode that is in use.
pub(super) struct Dinode {
    pub number: u64,
    /// The random number of the inode's creation, a part of its locks' names.
    pub generation: u32,
    /// Length of the file in bytes.
    pub size: u64,
    mode: u16,
    flags: u32,
    dynamic: u16,
    block: Vec<u8>,
}

impl Dinode {
    pub fn parse(number: u64, generation: u32, block: Vec<u8>) -> Result<Self, String> {
        let bytes = Bytes(&block);
        bytes.expect(0, b"INODE01\0", "an inode")?;
        if bytes.u64(0x50)? != number {
            return Err(format!("it says that it is block {}", bytes.u64(0x50)?));
        }
        let flags = bytes.u32(0x2C)?;
        if flags & VALID == 0 {
            return Err("the inode is not in use".to_owned());
        }
        if bytes.u32(0x60)? != generation {
            return Err("the inode is left over from an earlier mkfs".to_owned());
        }
        Ok(Self {
            number,
            generation: bytes.u32(0x08)?,
            size: bytes.u64(0x20)?,
            mode: bytes.u16(0x28)?,
            flags,
            dynamic: bytes.u16(0x76)?,
            block,
        })
    }

    pub fn is_directory(&self) -> bool {
        self.mode & 0xF000 == 0x4000
    }

    pub fn is_heartbeat_file(&self) -> bool {
        self.mode & 0xF000 == 0x8000 && self.flags & HEARTBEAT != 0
    }

    pub fn is_indexed(&self) -> bool {
        self.dynamic & INDEXED_DIR != 0
    }

    /// Returns the file's data, where it is small enough to be in the inode.
    pub fn inline_data(&self) -> Result<Option<&[u8]>, String> {
        if self.dynamic & INLINE_DATA == 0 {
            return Ok(None);
        }
        let bytes = Bytes(&self.block);
        let room = bytes.slice(INLINE, usize::from(bytes.u16(BODY)?))?;
        usize::try_from(self.size)
            .ok()
            .and_then(|size| room.get(..size))
            .map(Some)
            .ok_or_else(|| format!("{} bytes cannot live in the inode", self.size))
    }

    /// Returns the root of the file's extent tree.
    pub fn extents(&self) -> Result<ExtentList, String> {
        if self.dynamic & INLINE_DATA != 0 || self.flags & WITHOUT_EXTENTS != 0 {
            return Err("the inode has no extents".to_owned());
        }
        ExtentList::parse(Bytes(&self.block), BODY)
    }
}

/// A run of clusters of a file, or, above the leaves, the extent block that lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// First cluster within the file.
    pub first: u32,
    /// Number of clusters.
    pub clusters: u32,
    /// First block on the volume.
    pub block: u64,
}

/// The used records of one node of an extent tree.
pub(super) struct ExtentList {
    /// Levels below this node; 0 for leaves.
    pub depth: u16,
    pub records: Vec<Extent>,
}

impl ExtentList {
    /// Parses the list whose header is at byte `at` and which may reach the end of the block.
    pub fn parse(block: Bytes<'_>, at: usize) -> Result<Self, String> {
        let list = Bytes(block.0.get(at..).unwrap_or_default());
        let depth = list.u16(0)?;
        let (count, used) = (list.u16(2)?, list.u16(4)?);
        if used > count {
            return Err(format!("{used} of {count} extent records are in use"));
        }
        let records = list.slice(16, usize::from(count) * 16)?.chunks_exact(16);
        let records = records
            .take(usize::from(used))
            .map(|record| Self::record(Bytes(record), depth))
            .collect::<Result<_, _>>()?;
        Ok(Self { depth, records })
    }

    fn record(record: Bytes<'_>, depth: u16) -> Result<Extent, String> {
        Ok(Extent {
            first: record.u32(0)?,
            // The leaves keep flags in the upper half.
            clusters: match depth {
                0 => u32::from(record.u16(4)?),
                _ => record.u32(4)?,
            },
            block: record.u64(8)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(depth: u16, count: u16, used: u16) -> Vec<u8> {
        let mut block = vec![0; 512];
        block[0x30..0x32].copy_from_slice(&depth.to_le_bytes());
        block[0x32..0x34].copy_from_slice(&count.to_le_bytes());
        block[0x34..0x36].copy_from_slice(&used.to_le_bytes());
        block[0x44..0x48].copy_from_slice(&[3, 0, 0, 1]);
        block
    }

    #[test]
    fn counts_stay_inside_the_block() {
        for (count, used, good) in [(28, 28, true), (29, 0, false), (2, 3, false), (0, 0, true)] {
            let block = list(0, count, used);
            assert_eq!(ExtentList::parse(Bytes(&block), 0x30).is_ok(), good);
        }
        assert!(ExtentList::parse(Bytes(&[0; 512]), 600).is_err());
    }

    #[test]
    fn only_leaves_have_flags() {
        let clusters = |depth| {
            let block = list(depth, 1, 1);
            ExtentList::parse(Bytes(&block), 0x30).unwrap().records[0].clusters
        };
        assert_eq!(clusters(0), 3);
        assert_eq!(clusters(1), 0x0100_0003);
    }
}
