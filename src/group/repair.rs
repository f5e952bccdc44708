//! Mends what killed programs, pulled disks and leaks have left of heartbeats.

use crate::cluster::live::Live;
use crate::heartbeat::survey::Survey;
use crate::heartbeat::{Heartbeat, Mended, Mode, Outcome};
use crate::ids::Uuid;
use crate::sys::{fork, is_pause};
use crate::system::System;
use eyre::{Result, WrapErr, eyre};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// For one region: the wait for whoever works on it, and the kernel's own for the disk.
const PATIENCE: Duration = Duration::from_secs(60);
/// A line and an error are never longer.
const TEXT_MAX: u64 = 4096;

/// Mends the heartbeat of `volume`, or all of this node, and tells of each. One that cannot be
/// told holds up no other.
///
/// Sets of semaphores without a region are found for `volume`, and for volumes that udev(7) shows:
/// a set does not tell its name.
///
/// # Errors
/// The regions cannot be listed.
pub fn repair(
    system: &System,
    volume: Option<Uuid>,
    mode: Mode,
    tell: &mut dyn FnMut(Uuid, Result<Mended>) -> Result<()>,
) -> Result<()> {
    let live = Live::if_loaded(system)?;
    let global = match &live {
        Some(live) => live.global_heartbeat()?,
        None => false,
    };
    let names = match volume {
        Some(name) => vec![name],
        None => {
            let survey = Survey::gather(system, &[])?;
            let regions = survey.regions.iter().map(|region| region.uuid);
            regions
                .chain(survey.left.iter().map(|(name, _)| *name))
                .collect()
        }
    };
    // Without a cluster there is no region, but there may be semaphores.
    let none = system.path("/sys/kernel/config/cluster");
    let cluster = live.as_ref().map_or(none.as_path(), Live::path);
    for name in names {
        let heartbeat = Heartbeat::new(system, cluster, name);
        let mended = match mode {
            Mode::DryRun => heartbeat.mend(mode, global),
            // Here, or nobody would hear the warning.
            Mode::Mend => heartbeat
                .evict_stranger()
                .and_then(|()| in_a_child(&|| heartbeat.mend(mode, global))),
        };
        tell(name, mended)?;
    }
    Ok(())
}

/// Neither the kernel's wait for a disk nor a kill of this process cuts it off.
fn in_a_child(mend: &dyn Fn() -> Result<Mended>) -> Result<Mended> {
    let (mut ours, mut theirs) = UnixStream::pair().wrap_err("making a socket")?;
    fork::in_child(|| {
        fork::close_inherited_files(Some(theirs.as_fd()));
        let mended = mend();
        // The parent may have given up.
        let _ = match mended {
            Ok(Mended { outcome, text }) => theirs
                .write_all(&[outcome as u8])
                .and_then(|()| theirs.write_all(text.as_bytes())),
            Err(report) => theirs
                .write_all(b"E")
                .map(|()| fork::send_error(&mut theirs, &report)),
        };
    })
    .wrap_err("starting a process to mend it")?;
    drop(theirs);
    ours.set_read_timeout(Some(PATIENCE))
        .wrap_err("setting up a socket")?;
    let mut tag = [0];
    ours.read_exact(&mut tag)
        .map_err(|error| match is_pause(&error) {
            true => eyre!(
                "mending it has not ended within {} s, and goes on (its disk does not answer)",
                PATIENCE.as_secs()
            ),
            false => eyre!("the process that mends it was killed (try again)"),
        })?;
    let outcomes = [Outcome::Sound, Outcome::Mended, Outcome::Left];
    let Some(outcome) = outcomes.into_iter().find(|outcome| [*outcome as u8] == tag) else {
        return Err(fork::receive_error(&mut ours));
    };
    let mut text = String::new();
    ours.take(TEXT_MAX)
        .read_to_string(&mut text)
        .wrap_err("hearing what was mended")?;
    Ok(Mended { outcome, text })
}
