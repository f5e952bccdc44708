//! Reads metadata: every block is inside the volume and checked. A bound on the number of reads
//! keeps forged links from leading astray or in circles.

use std::{fmt, io};

use eyre::{Report, eyre};

use super::bytes::Bytes;
use super::dinode::{self, Dinode, Extent, ExtentList};
use super::{ReadBlocks, Superblock, check};

/// The most reads of one search. The system directory of 255 slots needs about 20, even in pieces
/// of one cluster each.
const MAX_READS: u32 = 64;
/// The most levels of a tree: OCFS2_MAX_PATH_DEPTH of the kernel, more than any real tree has.
const MAX_DEPTH: u16 = 5;

/// The error that a block could not be read, or is wrong.
#[derive(Debug)]
pub(super) enum Fault {
    Read { block: u64, error: io::Error },
    Damaged { block: u64, reason: String },
}

impl Fault {
    /// Returns the error for the user, who knows `what` and not the block.
    pub fn of(self, what: &str) -> Report {
        match self {
            Self::Read { block, error } => Report::new(ReadError(error))
                .wrap_err(format!("block {block}"))
                .wrap_err(format!("cannot read {what}")),
            Self::Damaged { block, reason } => {
                eyre!("{what} is damaged: block {block}: {reason} (run fsck.ocfs2)")
            }
        }
    }
}

/// An error of the device, in words that fit a disk.
#[derive(Debug)]
pub struct ReadError(pub io::Error);

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use rustix::io::Errno;
        let cause = match Errno::from_io_error(&self.0) {
            Some(Errno::IO) => "I/O error of the device (the kernel log says more)",
            Some(Errno::TIMEDOUT) => "the device does not answer",
            Some(Errno::NXIO | Errno::NODEV) => "the device is gone",
            Some(Errno::NOMEDIUM) => "the drive holds no medium",
            Some(Errno::NOLINK) => "the path to the device is lost",
            _ if self.0.kind() == io::ErrorKind::TimedOut => "the device does not answer",
            _ if self.0.kind() == io::ErrorKind::UnexpectedEof => "the device ends before it",
            _ => return self.0.fmt(f),
        };
        f.write_str(cause)
    }
}

impl std::error::Error for ReadError {}

/// A source of blocks, with the volume on it and the reads that are left.
pub(super) struct Reader<'a> {
    source: &'a mut dyn ReadBlocks,
    pub superblock: &'a Superblock,
    /// The end of the blocks that belong to the volume and to the device.
    end: u64,
    reads_left: u32,
}

impl<'a> Reader<'a> {
    pub fn new(source: &'a mut dyn ReadBlocks, superblock: &'a Superblock) -> Self {
        let end = superblock.bytes().min(source.size()) >> superblock.block_bits;
        Self {
            source,
            superblock,
            end,
            reads_left: MAX_READS,
        }
    }

    /// Reads `count` blocks in one read; `cause` is the block that pointed here.
    pub fn read(&mut self, cause: u64, block: u64, count: u64) -> Result<Vec<u8>, Fault> {
        let damaged = at(cause);
        if block.checked_add(count).is_none_or(|end| end > self.end) {
            return Err(damaged(format!("it points past the end, to block {block}")));
        }
        self.reads_left = (self.reads_left.checked_sub(1))
            .ok_or_else(|| damaged("it leads to too many blocks".to_owned()))?;
        // All of it is inside the device, so neither can overflow.
        let bits = self.superblock.block_bits;
        let (offset, len) = (block << bits, count << bits);
        let len = usize::try_from(len).map_err(|_| damaged("it asks for too much".to_owned()))?;
        read_exactly(self.source, offset, len).map_err(|error| Fault::Read { block, error })
    }

    pub fn inode(&mut self, cause: u64, number: u64) -> Result<Dinode, Fault> {
        let block = self.read_checked(cause, number, dinode::CHECK)?;
        Dinode::parse(number, self.superblock.generation, block).map_err(at(number))
    }

    fn extent_block(&mut self, cause: u64, number: u64, depth: u16) -> Result<ExtentList, Fault> {
        let block = self.read_checked(cause, number, 0x08)?;
        let parse = |bytes: Bytes<'_>| {
            bytes.expect(0, b"EXBLK01\0", "an extent block")?;
            if bytes.u64(0x18)? != number {
                return Err(format!("it says that it is block {}", bytes.u64(0x18)?));
            }
            let list = ExtentList::parse(bytes, 0x30)?;
            if list.depth != depth {
                return Err(format!("its depth is {}, not {depth}", list.depth));
            }
            Ok(list)
        };
        parse(Bytes(&block)).map_err(at(number))
    }

    fn read_checked(&mut self, cause: u64, number: u64, check: usize) -> Result<Vec<u8>, Fault> {
        let mut block = self.read(cause, number, 1)?;
        self.verify(number, &mut block, check)?;
        Ok(block)
    }

    /// Verifies the checksum of a block, where the volume has checksums.
    pub fn verify(&self, number: u64, block: &mut [u8], check: usize) -> Result<(), Fault> {
        if self.superblock.has_checksums() {
            check::verify(block, check).map_err(at(number))?;
        }
        Ok(())
    }

    /// Returns all extents of a file in the order of the file, each inside the volume.
    pub fn extents(&mut self, inode: &Dinode) -> Result<Vec<Extent>, Fault> {
        let root = inode.extents().map_err(at(inode.number))?;
        if root.depth > MAX_DEPTH {
            return Err(at(inode.number)(format!(
                "its extent tree is {} levels deep",
                root.depth
            )));
        }
        let mut leaves: Vec<Extent> = Vec::new();
        let mut lists = vec![(inode.number, root)];
        while let Some((block, list)) = lists.pop() {
            if let Some(depth) = list.depth.checked_sub(1) {
                // The first child has to leave the stack first.
                for child in list.records.iter().rev() {
                    lists.push((child.block, self.extent_block(block, child.block, depth)?));
                }
                continue;
            }
            for leaf in list.records.into_iter().filter(|leaf| leaf.clusters > 0) {
                self.check_extent(&leaf, leaves.last()).map_err(at(block))?;
                leaves.push(leaf);
            }
        }
        Ok(leaves)
    }

    fn check_extent(&self, extent: &Extent, before: Option<&Extent>) -> Result<(), String> {
        let blocks = u64::from(extent.clusters) << self.superblock.cluster_shift();
        let end = extent.block.checked_add(blocks);
        if extent.block == 0 || end.is_none_or(|end| end > self.end) {
            return Err(format!(
                "an extent reaches from block {} past the end",
                extent.block
            ));
        }
        if extent.first.checked_add(extent.clusters).is_none() {
            return Err("an extent reaches past the largest file".to_owned());
        }
        match before {
            Some(before) if extent.first < before.first.saturating_add(before.clusters) => {
                Err("its extents overlap".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// Turns the reason into the fault of a block.
pub(super) fn at(block: u64) -> impl Fn(String) -> Fault {
    move |reason| Fault::Damaged { block, reason }
}

/// Refuses bytes of another length than was requested: their source cannot be trusted.
pub(super) fn read_exactly(
    source: &mut dyn ReadBlocks,
    offset: u64,
    len: usize,
) -> io::Result<Vec<u8>> {
    let bytes = source.read_at(offset, len)?;
    match bytes.len() == len {
        true => Ok(bytes),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
