//! A block device, or an image in a file, opened to be read and never written.

use super::NotPermitted;
use crate::host::mounts::DeviceNumber;
use crate::host::read_attribute;
use crate::ondisk::{ReadBlocks, ReadError};
use eyre::{Report, Result, WrapErr, bail, eyre};
use rustix::fs::{FileType, Mode, OFlags, SeekFrom, Stat, fstat};
use rustix::io::Errno;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

/// Buffers and positions of direct reads are multiples of this, or of the sector if that is larger.
/// It is enough for files on a filesystem with 4 KiB blocks as well.
const ALIGNMENT: u32 = 4096;

/// An open device. Reads bypass the page cache where the device allows it, since another
/// node may have written just now.
#[derive(Debug)]
pub struct Device {
    fd: OwnedFd,
    /// None for a file.
    number: Option<DeviceNumber>,
    sector: u32,
    size: u64,
}

impl Device {
    /// Opens `path` for reading.
    ///
    /// Anything but a block device or a regular file is refused before it is opened. So no tape
    /// moves, and no pipe waits for its other end.
    pub fn open(path: &Path) -> Result<Self> {
        // O_PATH reaches the name without the driver behind it.
        let name = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
            .map_err(cannot_open)?;
        usable(&fstat(&name).map_err(cannot_open)?)?;
        let fd = open_direct(path).map_err(cannot_open)?;
        // The name may refer to another file by now.
        let stat = fstat(&fd).map_err(cannot_open)?;
        let number = usable(&stat)?;
        let size = rustix::fs::seek(&fd, SeekFrom::End(0))
            .map_err(|errno| Report::new(ReadError(errno.into())))
            .wrap_err("cannot learn its size")?;
        // Where the driver does not report it, 512 is what the C tools use.
        let sector = match number {
            Some(_) => rustix::fs::ioctl_blksszget(&fd).unwrap_or(512),
            None => 512,
        };
        Ok(Self {
            fd,
            number,
            sector,
            size,
        })
    }

    /// Returns the block device's number; none for a file.
    pub fn number(&self) -> Option<DeviceNumber> {
        self.number
    }

    /// Returns whether the whole device refuses writes; false for a file. The ioctl BLKROGET
    /// reports this, but rustix lacks it, so the sysfs mounted at `sysfs` is read.
    pub fn read_only(&self, sysfs: &Path) -> Result<bool> {
        let Some(number) = self.number else {
            return Ok(false);
        };
        let path = sysfs.join(format!("dev/block/{number}/ro"));
        let text = read_attribute(&path)
            .wrap_err_with(|| format!("cannot read {}", path.display()))
            .wrap_err("cannot learn whether it is read-only")?;
        match text.as_deref() {
            // Without sysfs it counts as writable; a mount finds out without harm.
            None | Some("0") => Ok(false),
            Some("1") => Ok(true),
            _ => bail!(
                "cannot learn whether it is read-only: {} is not 0 or 1",
                path.display()
            ),
        }
    }

    /// Reads until `wanted` bytes of `area` are there. The device may end before `area` does.
    fn fill(&self, area: &mut [u8], start: u64, wanted: usize) -> io::Result<()> {
        let mut got = 0;
        while got < wanted {
            let rest = area.get_mut(got..).unwrap_or_default();
            match rustix::io::pread(&self.fd, rest, start.saturating_add(got as u64)) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(more) => got += more,
                Err(Errno::INTR) => (),
                Err(Errno::INVAL) if self.leave_direct()? => (),
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    /// Switches to buffered reads, as some filesystems accept O_DIRECT and refuse the read. Returns
    /// false if reads were buffered already.
    fn leave_direct(&self) -> io::Result<bool> {
        let flags = rustix::fs::fcntl_getfl(&self.fd)?;
        let direct = flags.contains(OFlags::DIRECT);
        rustix::fs::fcntl_setfl(&self.fd, flags - OFlags::DIRECT)?;
        Ok(direct)
    }
}

impl ReadBlocks for Device {
    /// Makes one aligned read that contains the requested bytes.
    fn read_at(&mut self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        const TOO_MUCH: io::ErrorKind = io::ErrorKind::InvalidInput;
        let alignment = self.sector.max(ALIGNMENT).next_power_of_two();
        let before = offset % u64::from(alignment);
        let (step, skip) = (alignment as usize, before as usize);
        let wanted = skip.checked_add(len).ok_or(TOO_MUCH)?;
        let whole = wanted.checked_next_multiple_of(step).ok_or(TOO_MUCH)?;
        let mut buffer = vec![0; whole.checked_add(step).ok_or(TOO_MUCH)?];
        let shift = buffer.as_ptr().align_offset(step);
        let area = buffer.get_mut(shift..shift.saturating_add(whole));
        let area = area.ok_or(TOO_MUCH)?;
        self.fill(area, offset - before, wanted)?;
        Ok(area.get(skip..wanted).unwrap_or_default().to_vec())
    }

    fn sector(&self) -> u32 {
        self.sector
    }

    fn size(&self) -> u64 {
        self.size
    }
}

fn open_direct(path: &Path) -> rustix::io::Result<OwnedFd> {
    // Does not wait for a medium, nor for a pipe that has replaced the file.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    match rustix::fs::open(path, flags | OFlags::DIRECT, Mode::empty()) {
        Err(Errno::INVAL) => rustix::fs::open(path, flags, Mode::empty()),
        result => result,
    }
}

/// Returns the number of a block device, none for a regular file, an error for all else.
fn usable(stat: &Stat) -> Result<Option<DeviceNumber>> {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::BlockDevice => return Ok(Some(DeviceNumber::from_raw(stat.st_rdev))),
        FileType::RegularFile => return Ok(None),
        FileType::Directory => "a directory (name the device, not the mount point)",
        FileType::CharacterDevice => "a character device",
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        _ => "of an unknown kind",
    };
    bail!("not a block device but {kind}")
}

fn cannot_open(errno: Errno) -> Report {
    match errno {
        Errno::NOENT => eyre!("no such device"),
        Errno::NOTDIR => eyre!("no such device (a part of its path is not a directory)"),
        Errno::LOOP => eyre!("no such device (its symbolic links lead in a circle)"),
        Errno::ACCESS | Errno::PERM => Report::new(NotPermitted),
        Errno::NXIO | Errno::NODEV => eyre!("no device behind this name (is its driver loaded?)"),
        Errno::NOMEDIUM => eyre!("the drive holds no medium"),
        _ => Report::new(ReadError(errno.into())).wrap_err("cannot be opened"),
    }
}
