//! A volume's disk as other nodes write to it.

use super::{World, run};
use ocfs2box::crc;
use ocfs2box::disk::Device;
use ocfs2box::ondisk::{Geometry, Incompat, Superblock};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Quicker than a kernel, so that no test waits for it.
pub const INTERVAL: Duration = Duration::from_millis(100);
/// The kernel's own threshold, in milliseconds.
pub const DEAD_MS: u32 = 62_000;

/// The first block of the slot map, as debugfs.ocfs2 shows it.
fn slot_map(device: &Path) -> u64 {
    let mut debugfs = Command::new("debugfs.ocfs2");
    debugfs.env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin");
    debugfs.args(["-R", "stat //slot_map"]).arg(device);
    let shown = run::spawn(debugfs.stdout(Stdio::piped())).unwrap();
    let shown = String::from_utf8(shown.wait_with_output().unwrap().stdout).unwrap();
    let (_, extents) = shown.split_once("## Offset").unwrap();
    let first = extents.lines().nth(1).unwrap();
    first.split_whitespace().nth(3).unwrap().parse().unwrap()
}

pub struct Disk {
    file: File,
    geometry: Geometry,
    map: u64,
    extended: bool,
}

impl Disk {
    /// That of the volume on the device `name`.
    pub fn open(world: &World, name: &str) -> Self {
        let path = world.path("/dev").join(name);
        let mut device = Device::open(&path).unwrap();
        let volume = Superblock::read(&mut device).unwrap();
        Self {
            file: File::options().write(true).open(&path).unwrap(),
            geometry: volume.heartbeat(&mut device).unwrap().unwrap(),
            map: slot_map(&path) << volume.block_bits,
            extended: volume.incompat.has(Incompat::EXTENDED_SLOT_MAP),
        }
    }

    /// What a node of this number writes: at `second` of its clock, with 0 as `generation` when
    /// it leaves.
    pub fn block(&self, node: u8, second: u64, generation: u64) -> Vec<u8> {
        self.block_of(node, second, generation, DEAD_MS)
    }

    /// The same of a node that is dead after `dead_ms`.
    pub fn block_of(&self, node: u8, second: u64, generation: u64, dead_ms: u32) -> Vec<u8> {
        let mut block = vec![0; self.geometry.block_bytes as usize];
        block[..8].copy_from_slice(&second.to_le_bytes());
        block[8] = node;
        block[0x10..0x18].copy_from_slice(&generation.to_le_bytes());
        block[0x18..0x1C].copy_from_slice(&dead_ms.to_le_bytes());
        let sum = crc::update(0, &block);
        block[0x0C..0x10].copy_from_slice(&sum.to_le_bytes());
        block
    }

    /// Writes a heartbeat slot.
    pub fn write(&self, slot: u8, block: &[u8]) {
        let bytes = u64::from(self.geometry.block_bytes);
        let at = (self.geometry.start_block + u64::from(slot)) * bytes;
        self.file.write_all_at(block, at).unwrap();
    }

    /// These nodes have the first slots of the volume's slot map.
    pub fn mounted_by(&self, nodes: &[u16]) {
        let entry = |node: &u16| match self.extended {
            true => [&[1, 0, 0, 0][..], &u32::from(*node).to_le_bytes()].concat(),
            false => node.to_le_bytes().to_vec(),
        };
        let map: Vec<_> = nodes.iter().flat_map(entry).collect();
        self.file.write_all_at(&map, self.map).unwrap();
    }

    /// Writes blocks into slots again and again while `work` is done; `blocks` gets how often.
    pub fn written_while<T>(
        &self,
        blocks: impl Fn(u64) -> Vec<(u8, Vec<u8>)> + Sync,
        work: impl FnOnce() -> T,
    ) -> T {
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                for second in (1..).take_while(|_| !done.load(Ordering::Relaxed)) {
                    for (slot, block) in blocks(second) {
                        self.write(slot, &block);
                    }
                    thread::sleep(INTERVAL);
                }
            });
            let result = work();
            done.store(true, Ordering::Relaxed);
            result
        })
    }

    /// These nodes beat while `work` is done.
    pub fn beaten_while<T>(&self, nodes: &[u8], work: impl FnOnce() -> T) -> T {
        let beats = |second| {
            let nodes = nodes.iter();
            nodes
                .map(|node| (*node, self.block(*node, second, 7)))
                .collect()
        };
        self.written_while(beats, work)
    }
}
