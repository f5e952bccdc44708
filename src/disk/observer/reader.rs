//! The child process that reads a device, and its messages.

use crate::disk::Device;
use crate::host::System;
use crate::host::mounts::DeviceNumber;
use crate::ondisk::{Geometry, HEAD_BYTES, Membership, ReadBlocks, Volume, exactly};
use crate::syscall::channel::Channel;
use crate::syscall::fork;
use eyre::{Result, WrapErr, eyre};
use std::io;
use std::path::Path;

/// A message of the child. After an error before the first `Volume`, the child ends.
pub(super) type Answer = Result<Found, String>;

/// What the child has read.
pub(super) enum Found {
    /// The device's sector size, its heartbeat region, its number, and the superblock's bytes.
    Volume(u32, Option<Geometry>, Option<DeviceNumber>, Vec<u8>),
    /// The slots, which the caller has asked for by an empty message.
    Slots(Vec<u8>),
}

message!(enum Found { 0 = Volume(sector, geometry, number, head), 1 = Slots(region) });

/// Starts the child, which sends the first message.
pub(super) fn start(system: &System, device: &Path) -> Result<(Channel, fork::Child)> {
    // The child starts with `/` as its directory.
    let device = std::path::absolute(device).wrap_err("making the path absolute")?;
    let (child, ours) = fork::in_child_on_channel(|theirs| {
        // The end of the parent's channel ends this; no process receives an error.
        let _ = serve(system, &device, theirs);
    })
    .wrap_err("starting a process to read the device")?;
    ours.set_nonblocking(true).wrap_err("setting up a socket")?;
    Ok((ours, child))
}

/// Serves the requests in the child.
fn serve(system: &System, path: &Path, mut parent: Channel) -> io::Result<()> {
    let plain = |report| format!("{report:#}");
    let (mut device, geometry, found) = match open(system, path) {
        Ok(opened) => opened,
        Err(report) => return parent.send(&Answer::Err(plain(report))),
    };
    parent.send(&Answer::Ok(found))?;
    let local = || eyre!("a volume for one node alone (local) has no heartbeat");
    loop {
        let () = parent.receive()?;
        let region = geometry.ok_or_else(local);
        let region = region.and_then(|geometry| geometry.region(&mut device));
        parent.send(&region.map(Found::Slots).map_err(plain))?;
    }
}

fn open(system: &System, path: &Path) -> Result<(Device, Option<Geometry>, Found)> {
    let mut device = Device::open(path)?;
    let head = device
        .read_at(0, HEAD_BYTES)
        .and_then(|head| exactly(head, HEAD_BYTES))
        .unwrap_or_default();
    let volume = Volume::read(&mut device)?;
    let geometry = match volume.superblock.membership {
        Membership::Local => None,
        _ => Some(volume.heartbeat(&mut device)?),
    };
    let number = system.kernel().block_device(path, device.number());
    let found = Found::Volume(device.sector(), geometry, number, head);
    Ok((device, geometry, found))
}
