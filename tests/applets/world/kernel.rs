//! The calls to the kernel, played on the directory. All state is in the directory: the process
//! that starts a heartbeat is a child of the one that mounts.

use super::log::Log;
use super::objects::{directories, read, refuse};
use super::{Era, Semaphores};
use ocfs2box::host::Kernel;
use ocfs2box::host::mounts::DeviceNumber;
use ocfs2box::syscall::ioprio::Level;
use rustix::mount::{MountFlags, UnmountFlags};
use std::ffi::CStr;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Plays the kernel to the directory `root`.
pub struct FakeKernel {
    pub root: PathBuf,
    pub log: Log,
}

impl FakeKernel {
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            log: Log::new(root),
        }
    }

    pub fn era(&self) -> Era {
        match self.root.join(".fake/old").exists() {
            true => Era::Old,
            false => Era::Now,
        }
    }

    /// As a path of the machine, `/dev/ubda`.
    pub fn inside(&self, path: &Path) -> String {
        match path.strip_prefix(&self.root) {
            Ok(inside) => format!("/{}", inside.display()),
            Err(_) => path.display().to_string(),
        }
    }

    /// The path below the directory of clusters; other paths in full.
    fn short(&self, path: &Path) -> String {
        let inside = self.inside(path);
        let below = ["/sys/kernel/config/cluster/", "/config/cluster/"];
        let short = below
            .iter()
            .find_map(|directory| inside.strip_prefix(directory));
        short.unwrap_or(&inside).to_owned()
    }

    /// The block device that an image plays.
    pub fn block_name(&self, path: &Path) -> Option<String> {
        let real = fs::canonicalize(path).ok()?;
        let name = real.strip_prefix(self.root.join("dev")).ok()?.to_str()?;
        let shown = self.root.join("sys/class/block").join(name).join("dev");
        shown.is_file().then(|| name.to_owned())
    }

    pub fn uuid_of(&self, device: &str) -> Option<String> {
        fs::read_to_string(self.root.join(".fake/uuids").join(device)).ok()
    }

    /// A note of the kernel's on `path`.
    pub fn noted(&self, kind: &str, path: &Path) -> PathBuf {
        let directory = self.root.join(".fake").join(kind);
        fs::create_dir_all(&directory).unwrap();
        directory.join(self.inside(path).replace('/', "+"))
    }

    pub fn is_pinned(&self, region: &str) -> bool {
        self.root.join(".fake/pins").join(region).exists()
    }

    /// Lock, references and owner of a region at this moment, as `[1 1 0]`.
    fn counts(&self, region: &str) -> String {
        let region = region.parse();
        let values = region.map(|region| Semaphores::of(region).values());
        let words: Vec<String> = values
            .unwrap_or_default()
            .iter()
            .map(i32::to_string)
            .collect();
        format!("[{}]", words.join(" "))
    }

    /// The same for a device's own, without the lock: the starter lets it go when it likes.
    pub fn references(&self, device: &str) -> String {
        let counts = self.uuid_of(device).map(|uuid| self.counts(&uuid));
        let counts = counts.unwrap_or_default();
        let rest = counts.split_once(' ').map(|(_, rest)| rest);
        rest.map_or(String::new(), |rest| format!(" [{rest}"))
    }

    fn check_removal(&self, path: &Path, parts: &[&str]) -> io::Result<()> {
        match parts {
            [_] => {
                let left = directories(&path.join("node")).len()
                    + directories(&path.join("heartbeat")).len();
                if left > 0 {
                    return refuse(libc::ENOTEMPTY);
                }
            }
            [_, "node", _] => {
                let regions = path.ancestors().nth(2).unwrap().join("heartbeat");
                let beats = directories(&regions)
                    .iter()
                    .any(|region| !read(&regions.join(region).join("dev")).is_empty());
                if beats && read(&path.join("local")) == "1" {
                    return refuse(libc::EBUSY);
                }
            }
            [_, _, region] if self.is_pinned(region) => {
                self.log.harm("the region of a mounted volume was removed");
            }
            _ => {}
        }
        Ok(())
    }
}

impl Kernel for FakeKernel {
    fn is_configfs(&self, path: &Path) -> io::Result<bool> {
        let point = self.inside(path);
        let mounts = self.mounts();
        Ok(mounts
            .iter()
            .any(|mount| mount.point == point && mount.kind == "configfs"))
    }

    fn make_object(&self, path: &Path) -> io::Result<()> {
        let short = self.short(path);
        let parts: Vec<&str> = short.split('/').collect();
        let counts = match parts.as_slice() {
            [_, "heartbeat", region] => format!(" {}", self.counts(region)),
            _ => String::new(),
        };
        self.log.call(&format!("make {short}{counts}"))?;
        let parent = path.parent().unwrap();
        match parts.as_slice() {
            _ if path.exists() => refuse(libc::EEXIST),
            _ if !parent.is_dir() => refuse(libc::ENOENT),
            [_] if !directories(parent).is_empty() => refuse(libc::ENOSPC),
            [_] | [_, "node" | "heartbeat", _] => {
                self.furnish(path, &parts);
                Ok(())
            }
            _ => refuse(libc::EPERM),
        }
    }

    fn remove_object(&self, path: &Path) -> io::Result<()> {
        let short = self.short(path);
        let parts: Vec<&str> = short.split('/').collect();
        let counts = match parts.as_slice() {
            [_, "heartbeat", region] => format!(" {}", self.counts(region)),
            _ => String::new(),
        };
        if self.era() == Era::Now && parts.get(2).is_some_and(|name| self.is_pinned(name)) {
            // Refused, it was but a question.
            self.log
                .question(&format!("remove {short}{counts}: pinned"));
            return refuse(libc::EBUSY);
        }
        self.log.call(&format!("remove {short}{counts}"))?;
        if !path.is_dir() {
            return refuse(libc::ENOENT);
        }
        self.check_removal(path, &parts)?;
        let pid = read(&path.join("pid"));
        if !pid.is_empty() {
            let _ = fs::remove_dir_all(self.root.join("proc").join(pid));
        }
        for attribute in ["ipv4_port", "ipv4_address", "num"] {
            let _ = fs::remove_file(self.noted("set", &path.join(attribute)));
        }
        fs::remove_dir_all(path)
    }

    fn write_attribute(&self, path: &Path, value: &str) -> io::Result<()> {
        let short = self.short(path);
        let parts: Vec<&str> = short.split('/').collect();
        if short.ends_with("cgroup.procs") {
            // Written by a process that waits in the background.
            return Err(io::ErrorKind::NotFound.into());
        }
        // A descriptor's number means nothing.
        let shown = match parts.last() {
            Some(&"dev") => "FD",
            _ => value.trim_end(),
        };
        self.log.call(&format!("write {short} {shown}"))?;
        File::options().write(true).open(path)?;
        let stored = match parts.first() {
            Some(&"") => self.accept_elsewhere(&short, value),
            _ => self.accept(path, &parts, value),
        };
        stored.map_or_else(refuse, |text| fs::write(path, text))
    }

    fn mount(
        &self,
        source: &Path,
        target: &Path,
        kind: &CStr,
        flags: MountFlags,
        data: &CStr,
    ) -> io::Result<()> {
        self.mount_here(source, target, &kind.to_string_lossy(), flags, data)
    }

    fn unmount(&self, target: &Path, flags: UnmountFlags) -> io::Result<()> {
        if !target.starts_with(&self.root) {
            self.log.harm("a mount of another machine was ended");
        }
        self.unmount_here(&self.inside(target), flags)
    }

    fn load_module(&self, name: &str) -> io::Result<()> {
        self.log.call(&format!("load {name}"))?;
        self.bring(name);
        Ok(())
    }

    fn unload_module(&self, name: &str) -> io::Result<()> {
        self.log.call(&format!("unload {name}"))?;
        let known = self.root.join("proc/filesystems");
        let rest = read(&known).replace(&format!("nodev\t{name}"), "");
        fs::write(known, rest)?;
        fs::remove_dir_all(self.root.join("sys/module").join(name))
    }

    fn is_claimed(&self, device: &Path) -> io::Result<bool> {
        self.log
            .question(&format!("claimed {}", self.inside(device)));
        let name = self.block_name(device).ok_or(io::ErrorKind::NotFound)?;
        Ok(self.root.join(".fake/claims").join(name).exists())
    }

    fn block_device(&self, path: &Path, _: Option<DeviceNumber>) -> Option<DeviceNumber> {
        let name = self.block_name(path)?;
        let hangs = self.root.join(".fake/hangs").join(&name);
        while hangs.exists() {
            std::thread::sleep(Duration::from_millis(20));
        }
        let number = read(&self.root.join("sys/class/block").join(name).join("dev"));
        let (major, minor) = number.split_once(':')?;
        Some(DeviceNumber {
            major: major.parse().ok()?,
            minor: minor.parse().ok()?,
        })
    }

    fn connect(&self, _: Ipv4Addr, to: SocketAddrV4, _: Duration) -> io::Result<()> {
        self.log.question(&format!("connect {to}"));
        match read(&self.root.join(format!(".fake/peers/{to}"))).parse() {
            Ok(errno) => refuse(errno),
            Err(_) => Ok(()),
        }
    }

    fn can_listen(&self, at: SocketAddrV4) -> io::Result<()> {
        match self.root.join(format!(".fake/ports/{at}")).exists() {
            true => refuse(libc::EADDRINUSE),
            false => Ok(()),
        }
    }

    fn set_io_priority(&self, _: u32, _: Level) -> io::Result<()> {
        self.log.call("prefer the heartbeat's I/O")
    }
}
