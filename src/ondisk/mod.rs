//! The format of an OCFS2 volume: its superblock, its system files, its heartbeat region and the
//! slots in that. All are functions of bytes: they only read, and know no devices or clusters.
//!
//! All data may be forged or torn. It is checked before use, every position is inside the volume
//! and the number of reads is bounded, so that the answer is a value or an error. Errors are
//! clauses that go after the device's name and a colon.

use std::io;

use eyre::{Result, WrapErr, bail};

mod blocks;
pub(crate) mod bytes;
mod check;
mod dinode;
mod directory;
mod features;
mod geometry;
pub mod heartbeat_slots;
mod signatures;
pub mod slot_history;
mod slots;
mod superblock;

pub use blocks::ReadError;
pub use features::Incompat;
pub use geometry::{Geometry, HEARTBEAT_BLOCKS};
pub use slots::Slot;
pub use superblock::{HEAD_BYTES, Membership, Superblock};

use blocks::{Reader, at, read_exactly};

/// Where blocks come from: a [`Device`](crate::disk::Device), or something that bounds its time.
pub trait ReadBlocks {
    /// Reads exactly `len` bytes from byte `offset` of the device. The volume requests only whole
    /// blocks before [`size`](Self::size).
    fn read_at(&mut self, offset: u64, len: usize) -> io::Result<Vec<u8>>;

    /// Returns the logical sector size in bytes.
    fn sector(&self) -> u32;

    /// Returns the size in bytes.
    fn size(&self) -> u64;
}

/// Reads the part of the device that holds the superblock.
pub(crate) fn read_head(source: &mut dyn ReadBlocks) -> Result<Vec<u8>> {
    let size = source.size();
    if size < HEAD_BYTES as u64 {
        bail!("too small to be an OCFS2 volume ({size} bytes)");
    }
    read_exactly(source, 0, HEAD_BYTES)
        .map_err(ReadError)
        .wrap_err("cannot read the superblock")
}

impl Superblock {
    /// Reads the superblock, in one read.
    ///
    /// # Errors
    ///
    /// [`ReadError`] in the report's chain where the device cannot be read, else it holds no OCFS2
    /// volume, or one that is damaged or too new.
    pub fn read(source: &mut dyn ReadBlocks) -> Result<Self> {
        Self::parse(&read_head(source)?, source.sector())
    }

    /// Returns where the volume's heartbeat region is, in two or three reads; none for a local
    /// volume, whose region is inactive.
    pub fn heartbeat(&self, source: &mut dyn ReadBlocks) -> Result<Option<Geometry>> {
        if self.membership == Membership::Local {
            return Ok(None);
        }
        let (sector, size) = (source.sector(), source.size());
        if !sector.is_power_of_two() || !(512..=4096).contains(&sector) {
            bail!("no heartbeat is possible on a device with sectors of {sector} bytes");
        }
        let inode = Reader::new(source, self).system_file("heartbeat")?;
        Geometry::of(self, &inode, sector, size)
            .map_err(|reason| at(inode.number)(reason).of("the heartbeat file"))
            .map(Some)
    }
}
