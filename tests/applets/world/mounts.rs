//! mount(2), umount(2) and modules: what they leave in /proc and /sys.

use super::Era;
use super::kernel::FakeKernel;
use super::objects::{read, refuse};
use super::table::{Line, heartbeat_words, shown_flags};
use ocfs2box::host::System;
use rustix::mount::{MountFlags, UnmountFlags};
use std::ffi::{CStr, OsString};
use std::fs;
use std::io;
use std::path::Path;

impl FakeKernel {
    fn note_of(&self, kind: &str, name: &str) -> std::path::PathBuf {
        self.root.join(".fake").join(kind).join(name)
    }

    pub fn mount_here(
        &self,
        source: &Path,
        target: &Path,
        kind: &str,
        flags: MountFlags,
        data: &CStr,
    ) -> io::Result<()> {
        self.note_mount(source, target, kind, flags, data)?;
        if !target.is_dir() {
            return refuse(libc::ENOENT);
        }
        let data = data.to_string_lossy();
        let mut line = Line {
            number: "0:21".into(),
            point: self.inside(target),
            flags: shown_flags(flags),
            kind: kind.into(),
            source: source.display().to_string(),
            options: format!("rw,{data}"),
        };
        if flags.bits() & 32 != 0 {
            return self.remount(line);
        }
        if kind == "ocfs2" && !flags.contains(MountFlags::BIND) {
            let device = self.block_name(source).ok_or(io::ErrorKind::Unsupported)?;
            let block = self.root.join("sys/class/block").join(&device);
            line.number = read(&block.join("dev"));
            self.make_superblock(&device, &data)?;
        }
        let mut lines = self.mounts();
        lines.push(line);
        self.set_mounts(&lines);
        if kind == "configfs" {
            self.show_clusters();
        }
        self.die("after");
        Ok(())
    }

    /// The process is killed in the call, where a test has asked for it: before the call has
    /// done anything, or after it has done everything.
    fn die(&self, when: &str) {
        if read(&self.root.join(".fake/die")) == when {
            let here = rustix::process::getpid();
            let _ = rustix::process::kill_process(here, rustix::process::Signal::KILL);
        }
    }

    fn note_mount(
        &self,
        source: &Path,
        target: &Path,
        kind: &str,
        flags: MountFlags,
        data: &CStr,
    ) -> io::Result<()> {
        let device = self.block_name(source);
        let counts = device.map(|device| self.references(&device));
        let said = fs::read(self.root.join(".fake/said"));
        let _ = said.and_then(|said| fs::write(self.root.join("dev/kmsg"), said));
        self.log.call(&format!(
            "mount {} {} {kind} {:#x} {}{}",
            self.inside(source),
            self.inside(target),
            flags.bits(),
            data.to_string_lossy(),
            counts.unwrap_or_default()
        ))?;
        self.die("before");
        Ok(())
    }

    fn remount(&self, line: Line) -> io::Result<()> {
        let mut lines = self.mounts();
        let Some(old) = lines.iter_mut().rfind(|old| old.point == line.point) else {
            return refuse(libc::EINVAL);
        };
        if heartbeat_words(&line.options) != heartbeat_words(&old.options) {
            // "Cannot change heartbeat mode on remount", or none was given.
            return refuse(libc::EINVAL);
        }
        let number = old.number.clone();
        *old = Line { number, ..line };
        self.set_mounts(&lines);
        Ok(())
    }

    /// Unless there is one: then the mount is one more of it.
    fn make_superblock(&self, device: &str, data: &str) -> io::Result<()> {
        let claim = self.note_of("claims", device);
        if claim.exists() {
            return Ok(());
        }
        let uuid = self.uuid_of(device).unwrap_or_default();
        let words: Vec<&str> = data.split(',').collect();
        let beats = self.clusters_directory().is_some_and(|clusters| {
            let region = clusters.join(format!("webc/heartbeat/{uuid}/dev"));
            read(&region) == device
        });
        if words.contains(&"heartbeat=local") && !beats {
            // "heartbeat has not been started"
            return refuse(libc::EINVAL);
        }
        fs::write(claim, "").unwrap();
        if beats {
            fs::write(self.note_of("pins", &uuid), "").unwrap();
        }
        let stack = self.root.join("sys/fs/ocfs2");
        if stack.is_dir() {
            // Where a test has left room for them.
            let _ = fs::create_dir(stack.join(device));
            let of_user = words.iter().any(|word| word.starts_with("cluster_stack="));
            let plugin = if of_user { "user\n" } else { "o2cb\n" };
            let _ = fs::write(stack.join("active_cluster_plugin"), plugin);
        }
        Ok(())
    }

    /// The end of a superblock: first its domain and its directory, then the callout, then the
    /// claim of its device.
    pub fn end_superblock(&self, device: &str) {
        let uuid = self.uuid_of(device).unwrap_or_default();
        let _ = fs::remove_file(self.note_of("pins", &uuid));
        let _ = fs::remove_dir(self.root.join("sys/fs/ocfs2").join(device));
        let program = read(&self.root.join("proc/sys/fs/ocfs2/nm/hb_ctl_path"));
        if program.ends_with("ocfs2_hb_ctl") && self.root.join(&program[1..]).exists() {
            self.log.question(&format!("callout -K -u {uuid}"));
            let system = System::with(&self.root, Box::new(Self::new(&self.root)));
            let args: Vec<OsString> = ["-K", "-u", &uuid].map(OsString::from).into();
            // What runs it is a thread of the kernel's, which has no command line.
            let caller = std::os::unix::process::parent_id();
            let caller = self.root.join(format!("proc/{caller}"));
            let line = caller.join("cmdline");
            let shown = fs::read(&line);
            let _ = fs::create_dir_all(&caller);
            let _ = fs::write(&line, "");
            // The kernel ignores its exit status.
            let _ = ocfs2box::applet::hb_ctl::run(&system, &args);
            // umount(2) is called by a child of the applet, and this /proc does not show the applet.
            let _ = match shown {
                Ok(shown) => fs::write(&line, shown),
                Err(_) => fs::remove_dir_all(&caller),
            };
        }
        let _ = fs::remove_file(self.note_of("claims", device));
        let claims = fs::read_dir(self.root.join(".fake/claims"));
        let active = self.root.join("sys/fs/ocfs2/active_cluster_plugin");
        if active.exists() && claims.is_ok_and(|mut claims| claims.next().is_none()) {
            let _ = fs::write(active, "");
        }
    }

    pub fn unmount_here(&self, point: &str, flags: UnmountFlags) -> io::Result<()> {
        self.log
            .call(&format!("umount {point} {:#x}", flags.bits()))?;
        let mut lines = self.mounts();
        let Some(at) = lines.iter().rposition(|line| line.point == point) else {
            return refuse(libc::EINVAL);
        };
        let device = self.block_name(Path::new(&lines[at].source));
        let busy = device
            .as_ref()
            .is_some_and(|device| self.note_of("busy", device).exists());
        if busy && !flags.contains(UnmountFlags::DETACH) {
            return refuse(libc::EBUSY);
        }
        let gone = lines.remove(at);
        self.set_mounts(&lines);
        let last = gone.kind == "ocfs2" && lines.iter().all(|line| line.number != gone.number);
        if let Some(device) = device.filter(|_| last && !busy) {
            self.end_superblock(&device);
        }
        Ok(())
    }

    fn clusters_directory(&self) -> Option<std::path::PathBuf> {
        let places = ["sys/kernel/config/cluster", "config/cluster"];
        let mut places = places.iter().map(|place| self.root.join(place));
        places.find(|place| place.is_dir())
    }

    /// The directory of clusters is there once configfs is mounted and the node manager loaded.
    fn show_clusters(&self) {
        let lines = self.mounts();
        let Some(configfs) = lines.iter().find(|line| line.kind == "configfs") else {
            return;
        };
        if self.root.join("sys/module/ocfs2").exists() {
            let _ = fs::create_dir(self.root.join(&configfs.point[1..]).join("cluster"));
        }
    }

    /// What a module brings.
    pub fn bring(&self, module: &str) {
        let write = |path: &str, text: &str| {
            let path = self.root.join(path);
            let made = fs::create_dir_all(path.parent().unwrap());
            let _ = made.and_then(|()| fs::write(path, text));
        };
        write(&format!("sys/module/{module}/refcnt"), "0\n");
        let now = self.era() == Era::Now;
        match module {
            "ocfs2_stack_o2cb" => return write("sys/fs/ocfs2/loaded_cluster_plugins", "o2cb\n"),
            "ocfs2_stack_user" => return write("sys/fs/ocfs2/loaded_cluster_plugins", "user\n"),
            "ocfs2" if now => {
                write("sys/fs/ocfs2/cluster_stack", "o2cb\n");
                write("sys/fs/ocfs2/loaded_cluster_plugins", "");
                write("sys/fs/ocfs2/active_cluster_plugin", "");
                write("sys/fs/ocfs2/dlm_recover_callback_support", "1\n");
                write("sys/fs/o2cb/interface_revision", "5\n");
            }
            "ocfs2" => {
                write("proc/fs/ocfs2_nodemanager/interface_revision", "5\n");
                write("proc/fs/ocfs2_nodemanager/hb_dead_threshold", "31\n");
            }
            _ => {}
        }
        if module == "ocfs2" {
            write("proc/sys/fs/ocfs2/nm/hb_ctl_path", "/sbin/ocfs2_hb_ctl\n");
            self.show_clusters();
        }
        let known = read(&self.root.join("proc/filesystems"));
        write("proc/filesystems", &format!("{known}\nnodev\t{module}\n"));
    }

    /// Attributes outside configfs.
    pub fn accept_elsewhere(&self, path: &str, value: &str) -> Result<String, i32> {
        let text = value.trim_end();
        if path == "/sys/fs/ocfs2/cluster_stack" {
            let stack = self.root.join("sys/fs/ocfs2");
            let busy = !read(&stack.join("active_cluster_plugin")).is_empty();
            match text.len() {
                4 if busy && read(&stack.join("cluster_stack")) != text => return Err(libc::EBUSY),
                4 => {}
                _ => return Err(libc::EINVAL),
            }
        }
        Ok(format!("{text}\n"))
    }
}
