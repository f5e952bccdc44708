//! A node that beats: writes its slot on a volume's image again and again, as a kernel does.

use super::World;
use ocfs2box::crc;
use ocfs2box::volume::{Device, Geometry, Volume};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Quicker than a kernel, so that no test waits for it.
const INTERVAL: Duration = Duration::from_millis(100);

/// Beats until it is dropped.
pub struct Writer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// The node `number` of a threshold of `dead_ms`, on the device `name`.
    pub fn start(world: &World, name: &str, number: u8, dead_ms: u32) -> Self {
        Self::of_machines(world, name, number, 1, dead_ms)
    }

    /// Several machines that all take themselves for the node `number`, in turn.
    pub fn of_machines(world: &World, name: &str, number: u8, machines: u64, dead_ms: u32) -> Self {
        let (image, geometry) = place(world, name);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            for sequence in 1_700_000_000u64.. {
                let mut block = [0; 512];
                block[0x00..0x08].copy_from_slice(&sequence.to_le_bytes());
                block[0x08] = number;
                let generation = 0x1111 + sequence / 2 % machines;
                block[0x10..0x18].copy_from_slice(&generation.to_le_bytes());
                block[0x18..0x1C].copy_from_slice(&dead_ms.to_le_bytes());
                let checksum = crc::update(0, &block);
                block[0x0C..0x10].copy_from_slice(&checksum.to_le_bytes());
                write(&image, &geometry, number, &block);
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                std::thread::sleep(INTERVAL);
            }
        });
        let thread = Some(thread);
        Self { stop, thread }
    }

    /// Something else than a node has written into a slot.
    pub fn scribble(world: &World, name: &str, number: u8) {
        let (image, geometry) = place(world, name);
        write(&image, &geometry, number, &[0xA5; 512]);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn place(world: &World, name: &str) -> (File, Geometry) {
    let path = world.path("/dev").join(name);
    let mut device = Device::open(&path).unwrap();
    let volume = Volume::read(&mut device).unwrap();
    let geometry = volume.heartbeat(&mut device).unwrap();
    let image = File::options().write(true).open(path).unwrap();
    (image, geometry)
}

fn write(image: &File, geometry: &Geometry, number: u8, block: &[u8; 512]) {
    assert_eq!(geometry.block_bytes, 512);
    let at = (geometry.start_block + u64::from(number)) * 512;
    image.write_all_at(block, at).unwrap();
}
