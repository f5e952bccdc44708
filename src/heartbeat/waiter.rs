//! The process that waits for a superblock which outlives its last visible mount: after a
//! lazy unmount, or while another mount namespace has it.
//!
//! It holds nothing that could keep the superblock, or anything of its caller's, alive. Killed,
//! it is made up for by the next call that touches regions.

use super::{Asker, Ending, Heartbeat, Left};
use crate::cluster::live::Live;
use crate::sys::{fork, signal};
use crate::system::{control_group, namespace};
use eyre::{Result, WrapErr};
use std::time::Duration;

/// Between the first looks, and between later ones.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(10);

/// Starts it.
pub fn start(heartbeat: &Heartbeat, ending: Ending) -> Result<()> {
    // Opened here, where somebody can be told.
    let first = namespace::first()?;
    fork::in_child(|| {
        // In the caller's, the wait would keep the caller's mounts alive.
        if namespace::enter(&first).is_err() {
            return;
        }
        fork::close_inherited_files();
        // A machine that shuts down must not wait for this.
        let _ = signal::allow_termination();
        control_group::leave(heartbeat.system);
        wait(heartbeat, ending);
    })
    .map(drop)
    .wrap_err("starting a process that waits for the volume's end")
}

fn wait(heartbeat: &Heartbeat, ending: Ending) {
    let system = heartbeat.system;
    let mut pause = SHORTEST;
    loop {
        fork::shed_code();
        std::thread::sleep(pause);
        pause = (pause * 2).min(LONGEST);
        // configfs may be seen elsewhere in this namespace.
        let Ok(Some(live)) = Live::find(system) else {
            return;
        };
        let there = Heartbeat::new(system, live.path(), heartbeat.region.name());
        // An error may pass, such as a lock that was not to be had.
        match there.leave_superblock(Asker::Tool, ending) {
            Ok(Left::StillAlive) | Err(_) => {}
            Ok(_) => return,
        }
    }
}
