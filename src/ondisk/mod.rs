//! The format of an OCFS2 volume: its superblock, its system files, its heartbeat region and the
//! slots in that. All are functions of bytes: they only read, and know no devices or clusters.
//!
//! All data may be forged or torn. It is checked before use, every position is inside the volume
//! and the number of reads is bounded, so that the answer is a value or an error. Errors are
//! clauses that go after the device's name and a colon.

use std::io;

use eyre::{Result, WrapErr, bail, eyre};

mod blocks;
pub(crate) mod bytes;
pub mod check;
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
pub(crate) use blocks::exactly;
pub use dinode::Extent;
pub use features::Incompat;
pub use geometry::{Geometry, HEARTBEAT_BLOCKS};
pub use slots::Slot;
pub use superblock::{HEAD_BYTES, Membership, Superblock};

use blocks::{Fault, Reader, at, read_exactly};
use dinode::Dinode;

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

/// An OCFS2 volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its superblock.
    pub superblock: Superblock,
}

/// A file of the system directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemFile {
    /// Block of its inode.
    pub inode: u64,
    /// Length in bytes.
    pub size: u64,
    /// Its space, in order; none where the inode itself holds the data, and for bitmaps.
    pub extents: Vec<Extent>,
}

impl Volume {
    /// Reads the superblock, in one read.
    ///
    /// # Errors
    ///
    /// [`ReadError`] in the report's chain where the device cannot be read, else it holds no OCFS2
    /// volume, or one that is damaged or too new.
    pub fn read(source: &mut dyn ReadBlocks) -> Result<Self> {
        if source.size() < HEAD_BYTES as u64 {
            let size = source.size();
            bail!("too small to be an OCFS2 volume ({size} bytes)");
        }
        let head = read_exactly(source, 0, HEAD_BYTES)
            .map_err(ReadError)
            .wrap_err("cannot read the superblock")?;
        let superblock = Superblock::parse(&head, source.sector())?;
        Ok(Self { superblock })
    }

    /// Returns where the volume's heartbeat region is, in two or three reads.
    pub fn heartbeat(&self, source: &mut dyn ReadBlocks) -> Result<Geometry> {
        let (sector, size) = (source.sector(), source.size());
        let mut reader = Reader::new(source, &self.superblock);
        let what = "the heartbeat file";
        let inode = self
            .find(&mut reader, "heartbeat")?
            .ok_or_else(|| eyre!("the volume has no heartbeat file (run fsck.ocfs2)"))?;
        let extents = heartbeat_extents(&inode).map_err(|fault| fault.of(what))?;
        Geometry::new(&self.superblock, &extents, sector, size)
    }

    /// Returns a system file by name (`slot_map`, `journal:0000`, ...); none if there is no such
    /// name. Heartbeat devices have few of them.
    pub fn system_file(
        &self,
        source: &mut dyn ReadBlocks,
        name: &str,
    ) -> Result<Option<SystemFile>> {
        let mut reader = Reader::new(source, &self.superblock);
        let Some(inode) = self.find(&mut reader, name)? else {
            return Ok(None);
        };
        let extents = match inode.has_extents() {
            true => reader.extents(&inode),
            false => Ok(Vec::new()),
        };
        Ok(Some(SystemFile {
            inode: inode.number,
            size: inode.size,
            extents: extents.map_err(|fault| fault.of(&format!("the system file {name}")))?,
        }))
    }

    fn find(&self, reader: &mut Reader<'_>, name: &str) -> Result<Option<Dinode>> {
        let in_directory = |fault: Fault| fault.of("the system directory");
        // The superblock, as the origin of the number.
        let directory =
            (reader.inode(2, self.superblock.system_dir_block)).map_err(in_directory)?;
        let number = (reader.look_up(&directory, name.as_bytes())).map_err(in_directory)?;
        number
            .map(|number| reader.inode(directory.number, number))
            .transpose()
            .map_err(|fault| fault.of(&format!("the system file {name}")))
    }
}

/// Returns the extents of the heartbeat file. The kernel writes to them without asking the
/// filesystem again, so the file has to be the one that mkfs made: flagged as heartbeat, and its
/// extents in the inode itself.
fn heartbeat_extents(inode: &Dinode) -> Result<Vec<Extent>, Fault> {
    let damaged = at(inode.number);
    if !inode.is_file() || !inode.is_heartbeat() {
        return Err(damaged("the inode is not a heartbeat file's".to_owned()));
    }
    let list = inode.extents().map_err(&damaged)?;
    match list.depth {
        0 => Ok(list.records),
        _ => Err(damaged("it is in several pieces".to_owned())),
    }
}
