//! A machine in a folder: its files, its volumes, its kernel (`FakeKernel`) and, for real,
//! the semaphores of its volumes.

mod kernel;
mod log;
mod mounts;
mod objects;
mod semaphores;
mod table;

pub use kernel::FakeKernel;
pub use log::Log;
pub use objects::{folders, read};
pub use semaphores::Semaphores;

use crate::peer::Peer;
use ocfs2box::ids::Uuid;
use ocfs2box::report::{self, Failure};
use ocfs2box::system::System;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The smallest volume that mkfs.ocfs2 makes in no time.
const MKFS: &str = "-q -b 512 -C 4K -N 1 -J size=4M";

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// Linux 6.
    Now,
    /// The drivers of the 1.2 tools: no stack glue, no pin, few attributes.
    Old,
}

/// One applet at a time. A real one has its process to itself; beside another in a thread, its
/// children would inherit the other's sockets, and nobody would see their end.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does `work`, and waits for the end of the processes that it leaves behind: they inherit a
/// socket. None of them has reason to live for long.
fn to_the_end<T>(work: impl FnOnce() -> T) -> T {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let done = work();
    drop(theirs);
    ours.set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let heard = ours.read(&mut [0]);
    assert_eq!(heard.expect("the end of an applet's children"), 0);
    done
}

/// Gone with its value, semaphores and all.
pub struct World {
    pub root: PathBuf,
    pub log: Log,
    volumes: Mutex<Vec<Uuid>>,
}

impl World {
    /// Nothing is loaded, mounted or configured.
    pub fn bare(era: Era) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let serial = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("applets-{}-{serial}", std::process::id());
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&root).unwrap();
        let root = root.canonicalize().unwrap();
        let log = Log::new(&root);
        let world = Self {
            root,
            log,
            volumes: Mutex::new(Vec::new()),
        };
        world.furnish(era);
        world
    }

    fn furnish(&self, era: Era) {
        for folder in ["pins", "claims", "busy", "uuids", "hangs"] {
            self.folder(&format!("/.fake/{folder}"));
        }
        if era == Era::Old {
            self.write("/.fake/old", "");
            self.folder("/config");
        } else {
            self.folder("/sys/kernel/config");
        }
        for folder in [
            "/dev",
            "/run",
            "/mnt",
            "/mnt2",
            "/sys/class/block",
            "/sys/module",
        ] {
            self.folder(folder);
        }
        self.write("/proc/filesystems", "nodev\tsysfs\n\text4\n");
        self.write(
            "/proc/self/mountinfo",
            "0 1 0:20 / /proc rw - proc proc rw\n",
        );
        self.write("/proc/sys/kernel/hostname", "n1\n");
        self.write("/bin/true", "");
        let caller = std::os::unix::process::parent_id();
        self.write(&format!("/proc/{caller}/cmdline"), "sh\0");
        self.configure("local");
    }

    /// cluster.conf with the nodes n1, which this machine is, and n2.
    pub fn configure(&self, mode: &str) {
        let node = |number: u8| {
            format!(
                "node:\n\tcluster = webc\n\tnumber = {number}\n\tip_port = 7777\n\t\
                 ip_address = 192.0.2.{number}\n\tname = n{number}\n\n"
            )
        };
        let text = format!(
            "cluster:\n\tname = webc\n\theartbeat_mode = {mode}\n\tnode_count = 2\n\n{}{}",
            node(1),
            node(2)
        );
        self.write("/etc/ocfs2/cluster.conf", &text);
    }

    /// The cluster webc is online, by our own o2cb, and the log is empty.
    pub fn online(era: Era) -> Self {
        let world = Self::bare(era);
        world.run("o2cb", &["online"]).expect("online");
        world.log.forget();
        world
    }

    pub fn system(&self) -> System {
        System::with(&self.root, Box::new(FakeKernel::new(&self.root)))
    }

    pub fn kernel(&self) -> FakeKernel {
        FakeKernel::new(&self.root)
    }

    /// The control daemon of the cluster `hacl`, which runs from now on.
    pub fn peer(&self) -> Peer {
        let peer = Peer::new("hacl", &self.path("/.fake/peer"));
        peer.start(&self.system().abstract_socket(crate::peer::SOCKET));
        peer
    }

    /// Runs an applet, and its children to their end. Where an argument begins with `/dev/`,
    /// it is this machine's.
    pub fn run(&self, applet: &str, args: &[&str]) -> Result<(), Failure> {
        self.alone(|| self.run_now(applet, args))
    }

    /// Does `work` as an applet's is done, and its children's to their end.
    pub fn alone<T>(&self, work: impl FnOnce() -> T) -> T {
        let _alone = alone();
        to_the_end(work)
    }

    /// Runs an applet in a process of its own, which may die in it, and its children to
    /// their end.
    pub fn run_in_child(&self, applet: &str, args: &[&str]) {
        let _alone = alone();
        to_the_end(|| {
            let child = ocfs2box::sys::fork::in_child(|| drop(self.run_now(applet, args)));
            child.unwrap().wait();
        });
    }

    /// Runs an applet that succeeds; what it printed.
    pub fn printed(&self, applet: &str, args: &[&str]) -> String {
        let output = self.path("/.fake/output");
        let file = File::create(&output).unwrap();
        let _alone = alone();
        let child = ocfs2box::sys::fork::in_child(|| {
            rustix::stdio::dup2_stdout(&file).unwrap();
            if let Err(failure) = self.run_now(applet, args) {
                report::say(format!("{failure}")).unwrap();
                panic!("{failure}");
            }
        });
        let succeeded = child.unwrap().wait();
        let text = fs::read_to_string(output).unwrap();
        assert!(succeeded, "{text}");
        text
    }

    fn run_now(&self, applet: &str, args: &[&str]) -> Result<(), Failure> {
        let args: Vec<OsString> = args
            .iter()
            .map(|arg| match arg.starts_with("/dev/") {
                true => self.path(arg).into_os_string(),
                false => OsString::from(arg),
            })
            .collect();
        let applet = ocfs2box::applet::find(OsStr::new(applet)).expect("an applet");
        (applet.run)(&self.system(), &args)
    }

    /// The exit code and the sentence of a run that has to fail.
    pub fn refused(&self, applet: &str, args: &[&str]) -> (u8, String) {
        let failure = self.run(applet, args).expect_err("a failure");
        let root = self.root.to_str().unwrap();
        (failure.code(), failure.to_string().replace(root, ""))
    }

    /// A volume made by mkfs.ocfs2 with `args`, on the block device `name`.
    pub fn volume(&self, name: &str, args: &str) -> Volume {
        let image = self.path("/dev").join(name);
        File::create(&image).unwrap().set_len(64 << 20).unwrap();
        let made = Command::new("mkfs.ocfs2")
            .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
            .args(MKFS.split(' '))
            .args(args.split_whitespace())
            .arg(&image)
            .output();
        let made = made.expect("mkfs.ocfs2: run tests/run.sh once, it installs ocfs2-tools");
        assert!(made.status.success(), "{made:?}");
        let mut uuid = [0; 16];
        let superblock = 2 * 512;
        File::open(&image)
            .unwrap()
            .read_exact_at(&mut uuid, superblock + 0x150)
            .unwrap();
        let uuid = Uuid::from_bytes(uuid);
        let mut volumes = self.volumes.lock().unwrap();
        let number = format!("98:{}\n", 16 * volumes.len());
        self.write(&format!("/sys/class/block/{name}/dev"), &number);
        self.write(&format!("/.fake/uuids/{name}"), &uuid.to_string());
        volumes.push(uuid);
        Volume {
            uuid,
            semaphores: Semaphores::of(uuid),
        }
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn folder(&self, path: &str) {
        fs::create_dir_all(self.path(path)).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        read(&self.path(path))
    }

    /// The folder of clusters.
    pub fn clusters(&self) -> PathBuf {
        let places = ["/sys/kernel/config/cluster", "/config/cluster"];
        let mut places = places.iter().map(|place| self.path(place));
        places
            .find(|place| place.is_dir())
            .unwrap_or_else(|| self.path("/none"))
    }

    /// The heartbeat regions that there are.
    pub fn regions(&self) -> Vec<String> {
        folders(&self.clusters().join("webc/heartbeat"))
    }

    /// The calls since the last time.
    pub fn calls(&self) -> Vec<String> {
        let calls = self.log.calls();
        self.log.forget();
        calls
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for uuid in self.volumes.lock().unwrap().iter() {
            Semaphores::of(*uuid).remove();
        }
        let harms = self.log.harms();
        let _ = fs::remove_dir_all(&self.root);
        if !std::thread::panicking() {
            assert!(harms.is_empty(), "{harms:?}");
        }
    }
}

/// One volume's name and counts.
pub struct Volume {
    pub uuid: Uuid,
    pub semaphores: Semaphores,
}

impl Volume {
    /// Lock, references and owner.
    pub fn counts(&self) -> Vec<i32> {
        self.semaphores.values()
    }
}
