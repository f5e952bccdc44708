//! The node slots: a node that mounts a volume takes one, and its journal with it
//! (`ocfs2_fs.h`, `ocfs2_slot_map` and `ocfs2_slot_map_extended`).

use super::blocks::{Fault, Reader, at};
use super::bytes::Bytes;
use super::dinode::Dinode;
use super::features::Incompat;
use super::{ReadBlocks, Superblock};
use eyre::Result;

/// A slot that no node has, in a map of 16-bit node numbers.
const EMPTY: u16 = u16::MAX;

/// One node slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Block of its journal's inode.
    pub journal: u64,
    /// That inode's generation. Both are in the name of the lock that a node holds on the journal
    /// for as long as it has the volume mounted.
    pub generation: u32,
    /// The number of the node that took the slot; possibly stale, if that died.
    pub node: Option<u32>,
}

impl Superblock {
    /// Returns all slots, by number, in some three reads for each.
    pub fn slots(&self, source: &mut dyn ReadBlocks) -> Result<Vec<Slot>> {
        let nodes = self.slot_map(source)?.into_iter().enumerate();
        let slots = nodes.map(|(number, node)| {
            let journal = format!("journal:{number:04}");
            let journal = Reader::new(source, self).system_file(&journal)?;
            Ok(Slot {
                journal: journal.number,
                generation: journal.generation,
                node,
            })
        });
        slots.collect()
    }

    /// Returns the number of the node in each slot, in some four reads for all.
    pub fn slot_map(&self, source: &mut dyn ReadBlocks) -> Result<Vec<Option<u32>>> {
        let mut reader = Reader::new(source, self);
        let inode = reader.system_file("slot_map")?;
        let extended = self.incompat.has(Incompat::EXTENDED_SLOT_MAP);
        let slots = usize::from(self.max_slots);
        let bytes = slots * if extended { 8 } else { 2 };
        data(&mut reader, &inode, bytes)
            .and_then(|map| parse(&map, slots, extended).map_err(at(inode.number)))
            .map_err(|fault| fault.of("the slot map"))
    }
}

/// Reads the first `len` bytes of a file.
fn data(reader: &mut Reader<'_>, inode: &Dinode, len: usize) -> Result<Vec<u8>, Fault> {
    let damaged = at(inode.number);
    if let Some(bytes) = inode.inline_data().map_err(&damaged)? {
        return Ok(bytes.to_vec());
    }
    let mut bytes = Vec::new();
    for extent in reader.extents(inode)? {
        let blocks = u64::from(extent.clusters) << reader.superblock.cluster_shift();
        let left = len.saturating_sub(bytes.len()) as u64;
        let wanted = left.div_ceil(1 << reader.superblock.block_bits);
        if wanted == 0 {
            break;
        }
        bytes.extend(reader.read(inode.number, extent.block, wanted.min(blocks))?);
    }
    Ok(bytes)
}

fn parse(map: &[u8], slots: usize, extended: bool) -> Result<Vec<Option<u32>>, String> {
    let map = Bytes(map);
    let slot = |number: usize| match extended {
        true => {
            let taken = map.u8(number * 8)? != 0;
            Ok(taken.then_some(map.u32(number * 8 + 4)?))
        }
        false => {
            let node = map.u16(number * 2)?;
            Ok((node != EMPTY).then_some(u32::from(node)))
        }
    };
    (0..slots).map(slot).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_are_read() {
        let old = [3, 0, 0xFF, 0xFF, 0, 1];
        assert_eq!(parse(&old, 3, false), Ok(vec![Some(3), None, Some(256)]));
        let new = [1, 9, 9, 9, 3, 0, 0, 0, 0, 9, 9, 9, 3, 0, 0, 0];
        assert_eq!(parse(&new, 2, true), Ok(vec![Some(3), None]));
    }

    #[test]
    fn a_short_map_is_refused() {
        assert!(parse(&[0; 5], 3, false).is_err());
        assert!(parse(&[0; 23], 3, true).is_err());
    }
}
