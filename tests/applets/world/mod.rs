//! A machine in a directory: its files, its volumes, its kernel (`FakeKernel`) and, for real,
//! the semaphores of its volumes.

mod disk;
mod kernel;
mod log;
mod mounts;
mod objects;
mod run;
mod semaphores;
mod table;
mod writer;

pub use disk::{DEAD_MS, Disk};
pub use kernel::FakeKernel;
pub use log::Log;
pub use objects::{directories, read};
pub use semaphores::Semaphores;
pub use writer::Writer;

use crate::peer::Peer;
use ocfs2box::host::System;
use ocfs2box::ids::Uuid;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The smallest volume that mkfs.ocfs2 makes in no time.
const MKFS: &str = "-q -b 512 -C 4K -N 1 -J size=4M";

/// Parts of orders to the daemon by which an answer, or its end, never comes.
const KEPT_BACK: [&str; 5] = ["silence", "stall", "drip", "held", "ITEMCOUNT 2|ITEM a"];

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// Linux 6.
    Now,
    /// The drivers of the 1.2 tools: no stack glue, no pin, few attributes.
    Old,
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
        // To take a backtrace, std locks: a child that another thread's test forks meanwhile would
        // wait for ever.
        ocfs2box::report::handler::install();
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
        for directory in ["pins", "claims", "busy", "uuids", "hangs"] {
            self.directory(&format!("/.fake/{directory}"));
        }
        if era == Era::Old {
            self.write("/.fake/old", "");
            self.directory("/config");
        } else {
            self.directory("/sys/kernel/config");
        }
        for directory in [
            "/dev",
            "/run",
            "/mnt",
            "/mnt2",
            "/sys/class/block",
            "/sys/module",
        ] {
            self.directory(directory);
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

    /// The cluster webc is online, and one of its volumes is on `ubda`.
    pub fn with_volume() -> (Self, Volume) {
        let world = Self::online(Era::Now);
        let volume = world.volume("ubda", "");
        (world, volume)
    }

    /// A daemon is waited for as long as a busy machine needs, unless its orders keep an answer back.
    pub fn system(&self) -> System {
        let mut system = System::with(&self.root, Box::new(FakeKernel::new(&self.root)));
        system.rollback_timeout = system.daemon_timeout;
        let orders = self.read("/.fake/peer/orders");
        if KEPT_BACK.iter().any(|order| orders.contains(order)) {
            system.daemon_timeout = Duration::from_secs(1);
        }
        system
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

    /// A volume made by mkfs.ocfs2 with `args`, on the block device `name`.
    pub fn volume(&self, name: &str, args: &str) -> Volume {
        let image = self.path("/dev").join(name);
        File::create(&image).unwrap().set_len(64 << 20).unwrap();
        let mut mkfs = Command::new("mkfs.ocfs2");
        mkfs.env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
            .args(MKFS.split(' '))
            .args(args.split_whitespace())
            .arg(&image)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let made = run::spawn(&mut mkfs).and_then(|mkfs| mkfs.wait_with_output());
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

    pub fn directory(&self, path: &str) {
        fs::create_dir_all(self.path(path)).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        read(&self.path(path))
    }

    /// The directory of clusters.
    pub fn clusters(&self) -> PathBuf {
        let places = ["/sys/kernel/config/cluster", "/config/cluster"];
        let mut places = places.iter().map(|place| self.path(place));
        places
            .find(|place| place.is_dir())
            .unwrap_or_else(|| self.path("/none"))
    }

    /// The heartbeat regions that there are.
    pub fn regions(&self) -> Vec<String> {
        directories(&self.clusters().join("webc/heartbeat"))
    }

    /// Neither a region nor semaphores of the volume are left.
    #[track_caller]
    pub fn assert_no_heartbeat(&self, volume: &Volume) {
        assert_eq!((volume.counts(), self.regions().len()), (Vec::new(), 0));
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

/// The text has these words in it.
#[track_caller]
pub fn says(text: &str, words: &str) {
    assert!(text.contains(words), "{words}: {text}");
}

/// One volume's name and counts.
pub struct Volume {
    pub uuid: Uuid,
    pub semaphores: Semaphores,
}

impl Volume {
    /// The region's directory in configfs.
    pub fn region(&self) -> String {
        format!("/sys/kernel/config/cluster/webc/heartbeat/{}", self.uuid)
    }

    /// Lock, references and owner.
    pub fn counts(&self) -> Vec<i32> {
        self.semaphores.values()
    }
}
