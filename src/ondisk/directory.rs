//! Names in a directory (`ocfs2_fs.h`, `ocfs2_dir_entry`, `ocfs2_dir_block_trailer`).
//! Indexed directories keep all names in their ordinary blocks as well, so a scan of
//! these finds every name.

use super::blocks::{Fault, Reader, at};
use super::bytes::Bytes;
use super::dinode::Dinode;
use super::features::Incompat;
use eyre::{Result, eyre};

/// Fields of an entry before its name.
const ENTRY_HEAD: usize = 12;
const TRAILER: usize = 64;
/// Position of the check field in the trailer.
const TRAILER_CHECK: usize = 0x38;
/// The bytes of a directory per read: the whole of most system directories.
const CHUNK_BYTES: u64 = 16 * 1024;

impl Reader<'_> {
    /// Returns the inode of a file of the system directory (`slot_map`, `journal:0000`, ...).
    pub fn system_file(&mut self, name: &str) -> Result<Dinode> {
        let in_directory = |fault: Fault| fault.of("the system directory");
        // The superblock, as the origin of the number.
        let directory = (self.inode(2, self.superblock.system_dir_block)).map_err(in_directory)?;
        let number = (self.look_up(&directory, name.as_bytes())).map_err(in_directory)?;
        let number =
            number.ok_or_else(|| eyre!("the volume has no system file {name} (run fsck.ocfs2)"))?;
        self.inode(directory.number, number)
            .map_err(|fault| fault.of(&format!("the system file {name}")))
    }

    /// Returns the inode number that `name` has in `directory`.
    fn look_up(&mut self, directory: &Dinode, name: &[u8]) -> Result<Option<u64>, Fault> {
        let damaged = at(directory.number);
        if !directory.is_directory() {
            return Err(damaged("the inode is not a directory".to_owned()));
        }
        if let Some(entries) = directory.inline_data().map_err(&damaged)? {
            return find(entries, name).map_err(damaged);
        }
        let bits = self.superblock.block_bits;
        let mut blocks_left = directory.size >> bits;
        let mut next = 0;
        for extent in self.extents(directory)? {
            if extent.first != next {
                return Err(damaged("the directory has a hole".to_owned()));
            }
            next = extent.first.saturating_add(extent.clusters);
            let blocks = u64::from(extent.clusters) << self.superblock.cluster_shift();
            let used = blocks.min(blocks_left);
            blocks_left -= used;
            if let Some(found) = self.scan_run(directory, extent.block, used, name)? {
                return Ok(Some(found));
            }
        }
        match blocks_left {
            0 => Ok(None),
            _ => Err(damaged(
                "the directory is longer than its extents".to_owned(),
            )),
        }
    }

    /// Searches `count` adjacent blocks.
    fn scan_run(
        &mut self,
        directory: &Dinode,
        first: u64,
        count: u64,
        name: &[u8],
    ) -> Result<Option<u64>, Fault> {
        let bits = self.superblock.block_bits;
        let chunk = CHUNK_BYTES >> bits;
        let end = first.saturating_add(count);
        for block in (first..end).step_by(chunk as usize) {
            let mut bytes = self.read(directory.number, block, chunk.min(end - block))?;
            for (number, bytes) in (block..).zip(bytes.chunks_exact_mut(1 << bits)) {
                let entries = self.entries(directory, number, bytes)?;
                if let Some(found) = find(entries, name).map_err(at(number))? {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    /// Returns the part of a directory block that holds entries, after a check of its trailer.
    fn entries<'b>(
        &self,
        directory: &Dinode,
        number: u64,
        block: &'b mut [u8],
    ) -> Result<&'b [u8], Fault> {
        let indexed =
            self.superblock.incompat.has(Incompat::INDEXED_DIRS) && directory.is_indexed();
        if !indexed && !self.superblock.has_checksums() {
            return Ok(block);
        }
        let end = block.len().saturating_sub(TRAILER);
        self.verify(number, block, end.saturating_add(TRAILER_CHECK))?;
        let (entries, trailer) = block.split_at_checked(end).unwrap_or_default();
        check_trailer(Bytes(trailer), number, directory.number).map_err(at(number))?;
        Ok(entries)
    }
}

/// Checks a trailer at its real positions: the comments in the C header are off by 8 from here on.
fn check_trailer(trailer: Bytes<'_>, block: u64, directory: u64) -> Result<(), String> {
    trailer.expect(0x10, b"DIRTRL1\0", "a directory block")?;
    if trailer.u64(0x28)? != block || trailer.u64(0x30)? != directory {
        return Err("it belongs to another place or directory".to_owned());
    }
    Ok(())
}

/// Walks the entries; each must lie inside the area and have room for its own name.
fn find(mut area: &[u8], name: &[u8]) -> Result<Option<u64>, String> {
    while !area.is_empty() {
        let entry = Bytes(area);
        let inode = entry.u64(0)?;
        let length = usize::from(entry.u16(8)?);
        let name_length = usize::from(entry.u8(10)?);
        let rest = area.get(length..);
        let (true, Some(rest)) = (length % 4 == 0 && length >= ENTRY_HEAD + name_length, rest)
        else {
            return Err(format!("an entry of {length} bytes does not fit"));
        };
        if inode != 0 && entry.slice(ENTRY_HEAD, name_length)? == name {
            return Ok(Some(inode));
        }
        area = rest;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(inode: u64, length: u16, name: &[u8]) -> Vec<u8> {
        let mut entry = inode.to_le_bytes().to_vec();
        entry.extend(length.to_le_bytes());
        entry.extend([name.len() as u8, 1]);
        entry.extend(name);
        entry.resize(usize::from(length).max(entry.len()), 0);
        entry
    }

    #[test]
    fn finds_whole_names_in_use() {
        let area = [
            entry(0, 16, b"b"),
            entry(7, 16, b"bb"),
            entry(8, 16, b"b"),
            entry(9, 24, b"last"),
        ]
        .concat();
        assert_eq!(find(&area, b"b"), Ok(Some(8)));
        assert_eq!(find(&area, b"last"), Ok(Some(9)));
        assert_eq!(find(&area, b"la"), Ok(None));
        assert_eq!(find(&[], b"b"), Ok(None));
    }

    #[test]
    fn forged_lengths_are_refused() {
        for length in [0, 4, 11, 12, 13, 18, 20, 0xFFFC] {
            let mut area = entry(0, 16, b"abcd");
            area[8..10].copy_from_slice(&u16::to_le_bytes(length));
            assert!(find(&area, b"x").is_err(), "{length}");
        }
        assert!(find(&[0; 11], b"x").is_err());
    }
}
