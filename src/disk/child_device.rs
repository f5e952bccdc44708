//! A device read by a child process, so that a device that hangs costs a bounded time.
//!
//! A read that the device never answers cannot be interrupted, not even by SIGKILL. The child stays
//! in it, and the caller goes on.

use super::Device;
use crate::host::mounts::DeviceNumber;
use crate::ondisk::ReadBlocks;
use crate::syscall::channel::Channel;
use crate::syscall::fork;
use eyre::{Report, Result, WrapErr, bail};
use std::io;
use std::path::Path;
use std::time::Duration;

/// More than one read of a volume asks for.
const READ_MAX: usize = 1 << 20;

/// The caller may not read the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotPermitted;

sentence!(NotPermitted => "permission denied (only root can do this)");

/// An open device at the other end of a channel.
pub struct ChildDevice {
    /// None once it has failed to answer: what comes late would answer the next request.
    child: Option<Channel>,
    pub(super) facts: Facts,
}

/// The facts of an open device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts {
    sector: u32,
    size: u64,
    /// None for a file.
    pub number: Option<DeviceNumber>,
    /// The whole device refuses writes.
    pub read_only: bool,
}

message!(struct Facts { sector, size, number, read_only });

impl ChildDevice {
    /// Opens the device; each of its answers may take `timeout`.
    pub fn open(path: &Path, sysfs: &Path, timeout: Duration) -> Result<Self> {
        let (_, mut child) = start(path, |path, parent| serve(path, sysfs, parent))?;
        child.set_timeout(timeout).wrap_err("setting up a socket")?;
        let opened = child.receive::<Result<Option<Facts>>>().map_err(silence);
        // The context of a system error names what it interrupted.
        let opened = opened.map_err(|error| match error.raw_os_error() {
            Some(_) => Report::new(error).wrap_err("asking the process that reads it"),
            None => Report::new(error),
        })?;
        match opened? {
            None => bail!(NotPermitted),
            Some(facts) => {
                let child = Some(child);
                Ok(Self { child, facts })
            }
        }
    }
}

impl ReadBlocks for ChildDevice {
    fn read_at(&mut self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let wanted = u32::try_from(len).map_err(|_| io::ErrorKind::InvalidInput)?;
        let Some(child) = &mut self.child else {
            return Err(timed_out());
        };
        let asked = child.send(&(offset, wanted));
        match asked.and_then(|()| child.receive()) {
            Ok(answer) => answer,
            Err(error) => {
                self.child = None;
                Err(silence(error))
            }
        }
    }

    fn sector(&self) -> u32 {
        self.facts.sector
    }

    fn size(&self) -> u64 {
        self.facts.size
    }
}

/// Starts a child that serves the requests of its parent for a device.
pub(super) fn start(
    path: &Path,
    serve: impl FnOnce(&Path, Channel) -> io::Result<()>,
) -> Result<(fork::Child, Channel)> {
    // The child starts with `/` as its directory.
    let path = std::path::absolute(path).wrap_err("making the path absolute")?;
    let started = fork::in_child_on_channel(|theirs| {
        // The end of the parent's channel ends this; no process receives an error.
        let _ = serve(&path, theirs);
    });
    started.wrap_err("starting a process to read the device")
}

fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the device does not answer")
}

pub(super) fn silence(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => timed_out(),
        // A reset means that the child ended before it had read the request.
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe => {
            io::Error::other("the process that reads the device has ended early")
        }
        _ => error,
    }
}

/// Serves the requests in the child: the facts, or `None` for [`NotPermitted`]; then reads.
fn serve(path: &Path, sysfs: &Path, mut parent: Channel) -> io::Result<()> {
    let opened = Device::open(path).and_then(|device| {
        let facts = Facts {
            sector: device.sector(),
            size: device.size(),
            number: device.number(),
            read_only: device.read_only(sysfs)?,
        };
        Ok((device, facts))
    });
    let (mut device, facts) = match opened {
        Ok(opened) => opened,
        Err(report) if report.is::<NotPermitted>() => {
            return parent.send(&Result::<Option<Facts>>::Ok(None));
        }
        Err(report) => return parent.send(&Result::<Option<Facts>>::Err(report)),
    };
    parent.send(&Result::<_>::Ok(Some(facts)))?;
    loop {
        let (offset, len): (u64, u32) = parent.receive()?;
        parent.send(&device.read_at(offset, READ_MAX.min(len as usize)))?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_comes_late_is_no_other_request_s() {
        let (child, mut theirs) = Channel::pair().unwrap();
        child.set_timeout(Duration::from_millis(1)).unwrap();
        let facts = Facts {
            sector: 512,
            size: 1 << 20,
            number: None,
            read_only: false,
        };
        let mut device = ChildDevice {
            child: Some(child),
            facts,
        };
        let first = device.read_at(0, 1).unwrap_err();
        assert_eq!(first.kind(), io::ErrorKind::TimedOut);
        // The other end is closed, unless a child of another test has it as well.
        let _ = theirs.send(&io::Result::Ok(vec![1u8]));
        let second = device.read_at(512, 1).unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::TimedOut);
    }
}
