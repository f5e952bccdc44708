//! A node that beats: writes its slot on a volume's image again and again, as a kernel does.

use super::World;
use super::disk::{Disk, INTERVAL};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

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
        let disk = Disk::open(world, name);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            for sequence in 1_700_000_000u64.. {
                let generation = 0x1111 + sequence / 2 % machines;
                disk.write(
                    number,
                    &disk.block_of(number, sequence, generation, dead_ms),
                );
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                std::thread::sleep(INTERVAL);
            }
        });
        let thread = Some(thread);
        Self { stop, thread }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
