//! The child process that reads a device, and its first message.

use super::About;
use crate::disk::Device;
use crate::host::System;
use crate::host::mounts::DeviceNumber;
use crate::ondisk::{
    Geometry, HEAD_BYTES, Membership, ReadBlocks, Superblock, Volume, bytes::Bytes, exactly,
};
use crate::syscall::fork;
use eyre::{Result, WrapErr, eyre};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Starts the child, which sends the first message.
pub(super) fn start(system: &System, device: &Path) -> Result<(UnixStream, fork::Child)> {
    // The child starts with `/` as its directory.
    let device = std::path::absolute(device).wrap_err("making the path absolute")?;
    let (child, ours) = fork::in_child_on_socket(|theirs| {
        // The end of the parent's socket ends this; no process receives an error.
        let _ = serve(system, &device, theirs);
    })
    .wrap_err("starting a process to read the device")?;
    ours.set_nonblocking(true).wrap_err("setting up a socket")?;
    Ok((ours, child))
}

/// Serves the requests in the child.
fn serve(system: &System, path: &Path, mut parent: UnixStream) -> io::Result<()> {
    let (mut device, geometry) = match open(system, path, &mut parent) {
        Ok(opened) => opened,
        Err(report) => return send(&mut parent, b'E', format!("{report:#}").as_bytes()),
    };
    loop {
        parent.read_exact(&mut [0])?;
        let region = match &geometry {
            None => Err(eyre!(
                "a volume for one node alone (local) has no heartbeat"
            )),
            Some(geometry) => geometry.region(&mut device),
        };
        match region {
            Ok(region) => send(&mut parent, b'B', &region)?,
            Err(report) => send(&mut parent, b'E', format!("{report:#}").as_bytes())?,
        }
    }
}

fn open(
    system: &System,
    path: &Path,
    parent: &mut UnixStream,
) -> Result<(Device, Option<Geometry>)> {
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
    let number = device
        .number()
        .map(|(major, minor)| DeviceNumber { major, minor });
    let number = system.kernel().block_device(path, number);
    send(
        parent,
        b'V',
        &About::message(device.sector(), geometry, number, &head),
    )?;
    Ok((device, geometry))
}

fn send(parent: &mut UnixStream, tag: u8, message: &[u8]) -> io::Result<()> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    parent.write_all(&[&[tag][..], &length.to_le_bytes()].concat())?;
    parent.write_all(message)
}

/// Sector, block size, first block, blocks, the halves of the device number.
const FACTS: usize = 28;

impl About {
    /// A heartbeat region or device number that is absent is all 0, which no real one is.
    fn message(
        sector: u32,
        geometry: Option<Geometry>,
        number: Option<DeviceNumber>,
        head: &[u8],
    ) -> Vec<u8> {
        let geometry = geometry.unwrap_or(Geometry::NONE);
        let number = number.unwrap_or(DeviceNumber::NONE);
        let mut message = Vec::with_capacity(FACTS + head.len());
        message.extend(sector.to_le_bytes());
        message.extend(geometry.block_bytes.to_le_bytes());
        message.extend(geometry.start_block.to_le_bytes());
        message.extend(geometry.blocks.to_le_bytes());
        message.extend(number.major.to_le_bytes());
        message.extend(number.minor.to_le_bytes());
        message.extend_from_slice(head);
        message
    }

    pub(super) fn receive(message: &[u8]) -> Result<Self> {
        let (facts, head) = message
            .split_at_checked(FACTS)
            .ok_or_else(|| eyre!("the process that reads the device talks rubbish"))?;
        let facts = Bytes(facts);
        let facts = || -> Result<_, String> {
            let number = DeviceNumber {
                major: facts.u32(20)?,
                minor: facts.u32(24)?,
            };
            let geometry = Geometry {
                block_bytes: facts.u32(4)?,
                start_block: facts.u64(8)?,
                blocks: facts.u32(16)?,
            };
            Ok((facts.u32(0)?, geometry, number))
        };
        let (sector, geometry, number) = facts().map_err(|reason| eyre!(reason))?;
        Ok(Self {
            superblock: Superblock::parse(head, sector)?,
            geometry: (geometry != Geometry::NONE).then_some(geometry),
            number: (number != DeviceNumber::NONE).then_some(number),
        })
    }
}
