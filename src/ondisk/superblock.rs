//! The superblock (`ocfs2_fs.h`, `ocfs2_super_block` inside an `ocfs2_dinode`). Pure: converts
//! bytes to a value whose fields hold what their types promise.

mod membership;

pub use membership::Membership;

use eyre::{Result, bail};

use super::bytes::Bytes;
use super::features::Incompat;
use super::signatures;
use super::{check, dinode};
use crate::ids::Uuid;

/// Bytes from the start of the device that hold the superblock at every block size.
pub const HEAD_BYTES: usize = 16 * 1024;

/// The block of the superblock, whatever the block size (OCFS2_SUPER_BLOCK_BLKNO).
const SUPER_BLOCK: u64 = 2;
const SIGNATURE: &[u8] = b"OCFSV2";
const BLOCK_BITS: std::ops::RangeInclusive<u32> = 9..=12;
const CLUSTER_BITS: std::ops::RangeInclusive<u32> = 12..=20;
/// OCFS2_MAX_SLOTS.
const MAX_SLOTS: u16 = 255;

/// A valid superblock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Superblock {
    /// log2 of the block size in bytes, 9 to 12.
    pub block_bits: u32,
    /// log2 of the cluster (allocation unit) size in bytes, 12 to 20.
    pub cluster_bits: u32,
    /// Size of the volume in clusters.
    pub clusters: u32,
    /// Nodes that can mount at the same time: 1 to 255, 0 on a heartbeat device.
    pub max_slots: u16,
    /// Block of the root directory's inode.
    pub root_block: u64,
    /// Block of the system directory's inode.
    pub system_dir_block: u64,
    /// The random number of this mkfs; every inode in use carries it.
    pub generation: u32,
    /// The volume's UUID.
    pub uuid: Uuid,
    /// The volume's label: up to 64 bytes in no defined encoding.
    pub label: Vec<u8>,
    /// Features a driver has to know; [`Superblock::parse`] lets no unknown bit through.
    pub incompat: Incompat,
    /// Who coordinates the nodes.
    pub membership: Membership,
}

impl Superblock {
    /// Finds and checks the superblock in the first [`HEAD_BYTES`] of a device with
    /// logical sectors of `sector` bytes.
    ///
    /// # Errors
    ///
    /// There is no OCFS2 volume, or one that is damaged, or too new, or on a device with too large
    /// sectors.
    pub fn parse(head: &[u8], sector: u32) -> Result<Self> {
        if signatures::is_ocfs1(head) {
            bail!("is an OCFS version 1 volume (this driver reads version 2 only)");
        }
        let (bits, block) = find(head, sector)?;
        let mut block = block.to_vec();
        verify(&mut block).map_err(Unusable::from)?;
        let superblock = Self::decode(Bytes(&block))?;
        superblock.validate(bits).map_err(Unusable::from)?;
        Ok(superblock)
    }

    fn decode(block: Bytes<'_>) -> Result<Self, Unusable> {
        let incompat = Incompat(block.u32(0xE0)?);
        if incompat.unknown() != 0 {
            return Err(Unusable(format!(
                "uses features unknown to this version: incompat {:#x}",
                incompat.unknown()
            )));
        }
        let own = block.u64(0x50)?;
        if own != SUPER_BLOCK {
            return Err(format!("it says that it is block {own}").into());
        }
        Ok(Self {
            block_bits: block.u32(0xF8)?,
            cluster_bits: block.u32(0xFC)?,
            clusters: block.u32(0x14)?,
            max_slots: block.u16(0x100)?,
            root_block: block.u64(0xE8)?,
            system_dir_block: block.u64(0xF0)?,
            generation: block.u32(0x60)?,
            uuid: Uuid::from_bytes(block.array(0x150)?),
            label: until_nul(block.slice(0x110, 64)?).to_vec(),
            incompat,
            membership: membership::read(block, incompat)?,
        })
    }

    fn validate(&self, probed_bits: u32) -> Result<(), String> {
        if self.block_bits != probed_bits {
            return Err(format!(
                "it was found at block size {} but says 2^{}",
                1 << probed_bits,
                self.block_bits
            ));
        }
        if !CLUSTER_BITS.contains(&self.cluster_bits) {
            return Err(format!("impossible cluster size 2^{}", self.cluster_bits));
        }
        if self.root_block == 0 || self.system_dir_block == 0 {
            return Err("no root or no system directory".to_owned());
        }
        // No driver mounts a volume without slots; a heartbeat device is never mounted.
        if self.max_slots > MAX_SLOTS || (self.max_slots == 0 && !self.is_heartbeat_device()) {
            return Err(format!(
                "impossible number of node slots {}",
                self.max_slots
            ));
        }
        if self.clusters == 0 {
            return Err("its size is 0 clusters".to_owned());
        }
        Ok(())
    }

    /// Returns the block size in bytes.
    pub fn block_bytes(&self) -> u32 {
        1 << self.block_bits
    }

    /// Returns the blocks per cluster, as a shift.
    pub(super) fn cluster_shift(&self) -> u32 {
        self.cluster_bits.saturating_sub(self.block_bits)
    }

    /// Returns the size of the volume in bytes, at most 2^52.
    pub fn bytes(&self) -> u64 {
        u64::from(self.clusters) << self.cluster_bits
    }

    /// Returns whether `mkfs.ocfs2 -H` made the volume: it holds a heartbeat region and cannot be
    /// mounted.
    pub fn is_heartbeat_device(&self) -> bool {
        self.incompat.has(Incompat::HEARTBEAT_DEV)
    }

    /// Returns whether metadata blocks carry checksums.
    pub(super) fn has_checksums(&self) -> bool {
        self.incompat.has(Incompat::META_ECC)
    }
}

/// Finds the first superblock at a block size that the device can address: the kernel never reads
/// smaller ones.
fn find(head: &[u8], sector: u32) -> Result<(u32, &[u8])> {
    let found: Vec<_> = BLOCK_BITS.filter_map(|bits| probe(head, bits)).collect();
    let fits = |(bits, _): &&(u32, &[u8])| 1 << bits >= sector;
    match (found.iter().find(fits), found.first()) {
        (Some(found), _) => Ok(*found),
        (None, Some((bits, _))) => bail!(
            "its block size ({} bytes) is smaller than the sector size of the device ({sector} \
             bytes)",
            1 << bits
        ),
        (None, None) => bail!("not an OCFS2 volume ({})", signatures::recognise(head)),
    }
}

/// Returns the block that would be the superblock at this block size, if it is one.
fn probe(head: &[u8], bits: u32) -> Option<(u32, &[u8])> {
    let size = 1usize << bits;
    let block = head.get(2 * size..3 * size)?;
    block.starts_with(SIGNATURE).then_some((bits, block))
}

/// Verifies the block's checksum, if the block itself shows that it carries one.
fn verify(block: &mut [u8]) -> Result<(), String> {
    let incompat = Incompat(Bytes(block).u32(0xE0)?);
    if incompat.has(Incompat::META_ECC) {
        return check::verify(block, dinode::CHECK);
    }
    Ok(())
}

/// Cuts OCFS2_CLUSTER_NAME_LEN or the label at the first NUL: they are padded with NUL, and have
/// none when full.
fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// The reason why a superblock that is there cannot be used.
#[derive(Debug)]
struct Unusable(String);

sentence!(Unusable(it) => "{}", it.0);

impl From<String> for Unusable {
    fn from(damage: String) -> Self {
        Self(format!(
            "the superblock is damaged: {damage} (run fsck.ocfs2)"
        ))
    }
}

#[cfg(test)]
mod tests;
