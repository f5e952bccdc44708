//! What ocfs2_hb_ctl -I shows on real kernels.

mod nodes;
mod screen;

use crate::rig::Disk;
use ocfs2box::crc;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::{SystemTime, UNIX_EPOCH};

/// The heartbeat of a disk, written from outside of all nodes, as another machine would.
struct Stranger<'d> {
    disk: &'d Disk,
    /// Of block 0, in bytes.
    start: u64,
}

impl<'d> Stranger<'d> {
    /// `json` is what `-I --json` says of the disk.
    fn on(disk: &'d Disk, json: &str) -> Self {
        let number = |name: &str| -> u64 {
            let (_, rest) = json.split_once(&format!("\"{name}\": ")).expect(name);
            let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
            digits.unwrap().parse().expect(name)
        };
        assert_eq!(number("block_bytes"), 512);
        let start = number("start_block") * 512;
        Self { disk, start }
    }

    fn write(&self, slot: u8, block: &[u8]) {
        let image = File::options().write(true).open(self.disk.image()).unwrap();
        let at = self.start + 512 * u64::from(slot);
        image.write_all_at(block, at).unwrap();
    }

    /// What a node of this number writes now.
    fn beat(&self, node: u8) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let mut block = [0; 512];
        block[..8].copy_from_slice(&now.as_secs().to_le_bytes());
        block[8] = node;
        block[0x10..0x18].copy_from_slice(&0x5eed_u64.to_le_bytes());
        block[0x18..0x1C].copy_from_slice(&62_000u32.to_le_bytes());
        let sum = crc::update(0, &block);
        block[0x0C..0x10].copy_from_slice(&sum.to_le_bytes());
        self.write(node, &block);
    }
}
