//! A device read by a child process, so that a device that hangs costs a bounded time.
//!
//! A read that the device never answers cannot be interrupted, not even by SIGKILL. The child stays
//! in it, and the caller goes on.

use super::Device;
use crate::host::mounts::DeviceNumber;
use crate::ondisk::ReadBlocks;
use crate::syscall::fork;
use eyre::{Report, Result, WrapErr, bail};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// More than one read of a volume asks for.
const READ_MAX: usize = 1 << 20;

/// The caller may not read the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotPermitted;

sentence!(NotPermitted => "permission denied (only root can do this)");

/// An open device at the other end of a socket.
pub struct ChildDevice {
    child: UnixStream,
    facts: Facts,
}

/// The facts of an open device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Facts {
    sector: u32,
    size: u64,
    number: Option<DeviceNumber>,
    read_only: bool,
}

impl ChildDevice {
    /// Opens the device; each of its answers may take `timeout`.
    pub fn open(path: &Path, sysfs: &Path, timeout: Duration) -> Result<Self> {
        // The child starts with `/` as its directory.
        let path = std::path::absolute(path).wrap_err("making the path absolute")?;
        let (_, child) = fork::in_child_on_socket(|theirs| {
            // The end of the parent's socket ends this; no process receives an error.
            let _ = serve(&path, sysfs, theirs);
        })
        .wrap_err("starting a process to read the device")?;
        child
            .set_read_timeout(Some(timeout))
            .wrap_err("setting up a socket")?;
        let facts = Facts::receive(&child)?;
        Ok(Self { child, facts })
    }

    /// Returns the block device's number; none for a file.
    pub fn number(&self) -> Option<DeviceNumber> {
        self.facts.number
    }

    /// Returns whether the whole device refuses writes.
    pub fn read_only(&self) -> bool {
        self.facts.read_only
    }
}

impl ReadBlocks for ChildDevice {
    fn read_at(&mut self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let wanted = u32::try_from(len).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.child
            .write_all(&offset.to_le_bytes())
            .and_then(|()| self.child.write_all(&wanted.to_le_bytes()))
            .map_err(silence)?;
        let errno = i32::from_le_bytes(receive(&self.child)?);
        if errno != 0 {
            return Err(io::Error::from_raw_os_error(errno));
        }
        let mut block = vec![0; len];
        self.child.read_exact(&mut block).map_err(silence)?;
        Ok(block)
    }

    fn sector(&self) -> u32 {
        self.facts.sector
    }

    fn size(&self) -> u64 {
        self.facts.size
    }
}

impl Facts {
    /// Receives `O` and the facts; `P`, not permitted; or `E` and the text of any other error.
    fn receive(mut child: &UnixStream) -> Result<Self> {
        let [tag] = told(child)?;
        match tag {
            b'O' => {}
            b'P' => bail!(NotPermitted),
            _ => return Err(fork::receive_error(&mut child)),
        }
        let sector = u32::from_le_bytes(told(child)?);
        let size = u64::from_le_bytes(told(child)?);
        let major = u32::from_le_bytes(told(child)?);
        let minor = u32::from_le_bytes(told(child)?);
        let [is_block, read_only] = told(child)?;
        let number = (is_block != 0).then_some(DeviceNumber { major, minor });
        Ok(Self {
            sector,
            size,
            number,
            read_only: read_only != 0,
        })
    }

    fn send(self, parent: &mut UnixStream) -> io::Result<()> {
        let number = self.number.unwrap_or(DeviceNumber::NONE);
        let mut message = vec![b'O'];
        message.extend(self.sector.to_le_bytes());
        message.extend(self.size.to_le_bytes());
        message.extend(number.major.to_le_bytes());
        message.extend(number.minor.to_le_bytes());
        message.extend([u8::from(self.number.is_some()), u8::from(self.read_only)]);
        parent.write_all(&message)
    }
}

fn receive<const N: usize>(mut from: &UnixStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes).map_err(silence)?;
    Ok(bytes)
}

/// Receives an answer of the child. The context of a system error names what it interrupted.
fn told<const N: usize>(child: &UnixStream) -> Result<[u8; N]> {
    receive(child).map_err(|error| match error.raw_os_error() {
        Some(_) => Report::new(error).wrap_err("asking the process that reads it"),
        None => Report::new(error),
    })
}

fn silence(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => {
            io::Error::new(io::ErrorKind::TimedOut, "the device does not answer")
        }
        // A reset means that the child ended before it had read the request.
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe => {
            io::Error::other("the process that reads the device has ended early")
        }
        _ => error,
    }
}

/// Serves the requests in the child.
fn serve(path: &Path, sysfs: &Path, mut parent: UnixStream) -> io::Result<()> {
    let opened = Device::open(path).and_then(|device| {
        let facts = Facts {
            sector: device.sector(),
            size: device.size(),
            number: device
                .number()
                .map(|(major, minor)| DeviceNumber { major, minor }),
            read_only: device.read_only(sysfs)?,
        };
        Ok((device, facts))
    });
    let (mut device, facts) = match opened {
        Ok(opened) => opened,
        Err(report) if report.is::<NotPermitted>() => return parent.write_all(b"P"),
        Err(report) => {
            parent.write_all(b"E")?;
            fork::send_error(&mut parent, &report);
            return Ok(());
        }
    };
    facts.send(&mut parent)?;
    loop {
        let offset = u64::from_le_bytes(receive(&parent)?);
        let len = u32::from_le_bytes(receive(&parent)?) as usize;
        match device.read_at(offset, len.min(READ_MAX)) {
            Ok(block) => {
                parent.write_all(&0i32.to_le_bytes())?;
                parent.write_all(&block)?;
            }
            Err(error) => {
                let errno = error.raw_os_error().unwrap_or(libc::EIO);
                parent.write_all(&errno.to_le_bytes())?;
            }
        }
    }
}
