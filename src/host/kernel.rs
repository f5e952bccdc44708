//! The system calls that a directory of files cannot imitate.

use super::if_present;
use super::mounts::DeviceNumber;
use crate::syscall::fork;
use crate::syscall::ioprio::{self, Level};
use crate::syscall::sched::Ahead;
use rustix::fs::{FsWord, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags};
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// The f_type of statfs(2) for configfs (linux/magic.h, fs/configfs).
const CONFIGFS_MAGIC: FsWord = 0x6265_6570;

/// Fixed paths, as the kernel's own helper has one: a tool that root runs trusts no PATH.
const MODPROBE: [&CStr; 2] = [c"/sbin/modprobe", c"/usr/sbin/modprobe"];
/// An error's text is a line or two.
const TEXT_MAX: u64 = 4096;

/// The kernel, or what plays it in a test.
pub trait Kernel {
    /// Returns whether a configfs is mounted here.
    fn is_configfs(&self, path: &Path) -> io::Result<bool>;

    /// Makes an object of configfs by mkdir(2): a cluster, node or region, attributes and all.
    fn make_object(&self, path: &Path) -> io::Result<()>;

    /// Removes an object of configfs by rmdir(2). For a region: stops its heartbeat, `ResourceBusy`
    /// while the kernel pins it.
    fn remove_object(&self, path: &Path) -> io::Result<()>;

    /// Sets an attribute of configfs, sysfs or /proc, which can refuse a value, change it and make
    /// others of it. Never makes a file, as a misspelt path would seem to work.
    fn write_attribute(&self, path: &Path, value: &str) -> io::Result<()>;

    /// Calls mount(2).
    fn mount(
        &self,
        source: &Path,
        target: &Path,
        kind: &CStr,
        flags: MountFlags,
        data: &CStr,
    ) -> io::Result<()>;

    /// Calls umount2(2).
    fn unmount(&self, target: &Path, flags: UnmountFlags) -> io::Result<()>;

    /// Loads a module with modprobe(8), and those that it needs.
    fn load_module(&self, name: &str) -> io::Result<()>;

    /// Removes an unused module.
    fn unload_module(&self, name: &str) -> io::Result<()>;

    /// Returns whether the block device is claimed, as by a mounted superblock (open(2), O_EXCL).
    fn is_claimed(&self, device: &Path) -> io::Result<bool>;

    /// Returns the device number of `path`, for which stat(2) returns `number`. A test cannot make
    /// block devices, and plays them with images in files.
    fn block_device(&self, _path: &Path, number: Option<DeviceNumber>) -> Option<DeviceNumber> {
        number
    }

    /// Connects with connect(2) over TCP from one of this machine's addresses, and closes at once.
    fn connect(&self, from: Ipv4Addr, to: SocketAddrV4, timeout: Duration) -> io::Result<()>;

    /// Binds a TCP socket as o2net does it (`o2net_open_listening_sock` in fs/ocfs2/cluster/tcp.c),
    /// and closes it at once. This keeps no process from listening there.
    ///
    /// # Errors
    /// `AddrInUse`: a socket listens there. `AddrNotAvailable`: the address is not this machine's.
    fn can_listen(&self, at: SocketAddrV4) -> io::Result<()>;

    /// Puts the I/O of a thread into the real-time class.
    fn set_io_priority(&self, pid: u32, level: Level) -> io::Result<()>;

    /// Keeps a kernel thread from running until the result is dropped, unless the caller sleeps.
    /// Best effort: a control group may have no real-time budget.
    fn get_ahead_of(&self, _pid: u32) -> Option<Ahead> {
        None
    }
}

/// The kernel that runs here.
pub struct Linux;

impl Kernel for Linux {
    fn is_configfs(&self, path: &Path) -> io::Result<bool> {
        let found = if_present(rustix::fs::statfs(path).map_err(Into::into))?;
        Ok(found.is_some_and(|found| found.f_type == CONFIGFS_MAGIC))
    }

    fn make_object(&self, path: &Path) -> io::Result<()> {
        Ok(rustix::fs::mkdir(path, Mode::from_raw_mode(0o755))?)
    }

    fn remove_object(&self, path: &Path) -> io::Result<()> {
        Ok(rustix::fs::rmdir(path)?)
    }

    fn write_attribute(&self, path: &Path, value: &str) -> io::Result<()> {
        let mut file = File::options().write(true).open(path)?;
        // One write, as the kernel takes each for a value of its own.
        match file.write(value.as_bytes())? == value.len() {
            true => Ok(()),
            false => Err(io::ErrorKind::WriteZero.into()),
        }
    }

    fn mount(
        &self,
        source: &Path,
        target: &Path,
        kind: &CStr,
        flags: MountFlags,
        data: &CStr,
    ) -> io::Result<()> {
        Ok(rustix::mount::mount(source, target, kind, flags, data)?)
    }

    fn unmount(&self, target: &Path, flags: UnmountFlags) -> io::Result<()> {
        Ok(rustix::mount::unmount(target, flags)?)
    }

    fn load_module(&self, name: &str) -> io::Result<()> {
        modprobe(name, c"-q")
    }

    fn unload_module(&self, name: &str) -> io::Result<()> {
        modprobe(name, c"-qr")
    }

    fn is_claimed(&self, device: &Path) -> io::Result<bool> {
        let flags = OFlags::RDONLY | OFlags::EXCL | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match rustix::fs::open(device, flags, Mode::empty()) {
            Ok(_) => Ok(false),
            Err(Errno::BUSY) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    fn connect(&self, from: Ipv4Addr, to: SocketAddrV4, timeout: Duration) -> io::Result<()> {
        let flags = SocketFlags::CLOEXEC;
        let socket = net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        // Bounds connect(2) as well (socket(7)).
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(timeout))?;
        // An address that this machine does not have is left to the routes.
        let _ = net::bind(&socket, &SocketAddrV4::new(from, 0));
        Ok(net::connect(&socket, &to)?)
    }

    fn can_listen(&self, at: SocketAddrV4) -> io::Result<()> {
        let flags = SocketFlags::CLOEXEC;
        let socket = net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        sockopt::set_socket_reuseaddr(&socket, true)?;
        Ok(net::bind(&socket, &at)?)
    }

    fn set_io_priority(&self, pid: u32, level: Level) -> io::Result<()> {
        ioprio::set_real_time(pid, level)
    }

    fn get_ahead_of(&self, pid: u32) -> Option<Ahead> {
        Ahead::of(pid).ok()
    }
}

fn modprobe(name: &str, options: &CStr) -> io::Result<()> {
    let program = MODPROBE
        .into_iter()
        .find(|program| rustix::fs::stat(*program).is_ok())
        .ok_or_else(|| io::Error::other("modprobe is not installed"))?;
    let module = CString::new(name)?;
    let (ours, theirs) = UnixStream::pair()?;
    let child = fork::spawn(&[program, options, &module], &theirs)?;
    drop(theirs);
    let mut said = Vec::new();
    ours.take(TEXT_MAX).read_to_end(&mut said)?;
    if child.wait() {
        return Ok(());
    }
    if !rustix::process::geteuid().is_root() {
        return Err(Errno::PERM.into());
    }
    let said = String::from_utf8_lossy(&said);
    Err(io::Error::other(match said.trim() {
        "" => format!(
            "modprobe found none for this kernel or could not load it (modprobe {name} says why)"
        ),
        said => said.to_owned(),
    }))
}
