//! A process that waits in the background, such as for a superblock which outlives its last
//! visible mount: after a lazy unmount, or while another mount namespace has it.
//!
//! It holds nothing that could keep the superblock, or anything of its caller's, alive. If it is
//! killed, the next call that uses what it waits for does its work.

use super::{System, detached, namespace};
use crate::syscall::{fork, signal};
use eyre::{Result, WrapErr};
use std::time::Duration;

/// The interval between the first checks, and between later ones.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(10);

/// Starts the process. `is_over` checks and acts, repeatedly until it returns true, in the first
/// mount namespace; it must use no file that was open before.
pub fn start(system: &System, is_over: &mut dyn FnMut() -> bool) -> Result<()> {
    // Opened here, where an error can be reported.
    let first = namespace::first()?;
    fork::in_child(|| {
        // In the caller's, the wait would keep the caller's mounts alive.
        if namespace::enter(&first).is_err() {
            return;
        }
        fork::close_inherited_files(None);
        // A machine that shuts down must not wait for this.
        let _ = signal::allow_termination();
        detached::leave_control_group(system);
        let mut pause = SHORTEST;
        loop {
            fork::shed_code();
            std::thread::sleep(pause);
            if is_over() {
                return;
            }
            pause = (pause * 2).min(LONGEST);
        }
    })
    .map(drop)
    .wrap_err("starting a process that waits for the volume's end")
}
