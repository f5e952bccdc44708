//! The lab: a private directory that holds disks, network and nodes together.

use std::cell::{Cell, Ref, RefCell};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use super::boot::Boot;
use super::console;
use super::disk::{Disk, DiskBuilder};
use super::node::Node;
use super::switch::Switch;

/// How long one lab may take in all, on a machine with many others: no test asserts it.
const LIMIT: Duration = Duration::from_secs(900);

/// A private place for one test. When it ends, all nodes are powered off, their
/// consoles checked, and everything is removed; when the test fails, the nodes
/// are killed and the ends of their consoles printed.
pub struct Lab {
    directory: PathBuf,
    deadline: Instant,
    disks: RefCell<Vec<Disk>>,
    nodes: RefCell<Vec<Node>>,
    panic_expected: Cell<bool>,
    switch: Option<Switch>,
}

impl Lab {
    /// A lab whose time is bounded to a quarter of an hour.
    #[track_caller]
    pub fn new(name: &str) -> Lab {
        Lab::with_limit(name, LIMIT)
    }

    #[track_caller]
    pub fn with_limit(name: &str, limit: Duration) -> Lab {
        let directory =
            make_directory(name).unwrap_or_else(|error| panic!("no lab directory: {error}"));
        let switch = Switch::start(&directory).unwrap_or_else(|error| panic!("no switch: {error}"));
        Lab {
            directory,
            deadline: Instant::now() + limit,
            disks: RefCell::default(),
            nodes: RefCell::default(),
            panic_expected: Cell::new(false),
            switch: Some(switch),
        }
    }

    /// A lab with a node whose cluster is online, and a volume.
    #[track_caller]
    pub fn with_volume(name: &str) -> (Lab, Node, Disk) {
        let lab = Lab::new(name);
        let disk = lab.disk("volume").format();
        let [node] = lab.boot();
        node.ok("o2cb online");
        (lab, node, disk)
    }

    /// Begins a shared disk: 64 MB, 4 KB blocks and clusters, 4 slots, stack
    /// o2cb, cluster "webc". Make all disks before the nodes boot; the first is
    /// /dev/ubda.
    pub fn disk(&self, name: &str) -> DiskBuilder<'_> {
        assert!(self.has_no_nodes(), "disks are made before nodes boot");
        DiskBuilder::new(&self.disks, self.directory.join(format!("{name}.img")))
    }

    /// Makes this many disks, each with a volume.
    pub fn volumes(&self, count: usize) -> Vec<Disk> {
        let format = |number| self.disk(&format!("volume{number}")).format();
        (0..count).map(format).collect()
    }

    /// Boots as many nodes as the result has places: `let [n1, n2] = lab.boot();`
    #[track_caller]
    pub fn boot<const N: usize>(&self) -> [Node; N] {
        self.nodes().boot()
    }

    /// Begins nodes that differ from the usual ones.
    pub fn nodes(&self) -> Boot<'_> {
        Boot::new(self)
    }

    /// The kernel of some node is going to break, and the test wants it to.
    pub fn expect_panic(&self) {
        self.panic_expected.set(true);
    }

    /// The lab's directory on the host.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Ends the lab; the same as dropping it, but seen in the test.
    pub fn end(self) {}

    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    pub(super) fn disks(&self) -> Ref<'_, Vec<Disk>> {
        self.disks.borrow()
    }

    pub(super) fn has_no_nodes(&self) -> bool {
        self.nodes.borrow().is_empty()
    }

    pub(super) fn add_node(&self, node: Node) {
        self.nodes.borrow_mut().push(node);
    }

    /// Powers off all nodes at once; says what was wrong with them.
    fn power_off(&self) -> Vec<String> {
        let nodes = self.nodes.take();
        let off = thread::scope(|scope| {
            let calls: Vec<_> = nodes
                .iter()
                .map(|node| scope.spawn(|| node.power_off()))
                .collect();
            calls
                .into_iter()
                .map(|call| call.join().unwrap_or(false))
                .collect::<Vec<bool>>()
        });
        let mut faults = Vec::new();
        let mut alarms = 0;
        for (node, off) in nodes.iter().zip(off) {
            let console = node.console();
            let alarm = console::alarm(&console);
            alarms += usize::from(alarm.is_some());
            let fault = match alarm {
                Some(line) if !self.panic_expected.get() => line,
                None if !off => "does not power off",
                _ => continue,
            };
            faults.push(format!("{}: {fault}\n{console}", node.name()));
        }
        if self.panic_expected.get() && alarms == 0 {
            faults.push("a panic was expected, and none came".into());
        }
        faults
    }

    /// After a failure: no time lost, and what the kernels said.
    fn abandon(&self) {
        for node in self.nodes.take() {
            node.kill();
            let console = console::tail(&node.console(), 60);
            eprintln!("--- {} console (end)\n{console}", node.name());
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let faults = if thread::panicking() {
            self.abandon();
            Vec::new()
        } else {
            self.power_off()
        };
        self.switch = None;
        let _ = fs::remove_dir_all(&self.directory);
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}

/// Makes a new directory that no other lab has.
fn make_directory(name: &str) -> io::Result<PathBuf> {
    let place = std::env::temp_dir().canonicalize()?;
    // They separate options of overlay, hostfs and linux.uml.
    assert!(
        !place.to_string_lossy().contains([':', ',', ' ', '\\']),
        "the temporary directory {} must have no : , \\ or space in its name",
        place.display()
    );
    for attempt in 0.. {
        let directory = place.join(format!("ocfs2box-{name}-{}-{attempt}", process::id()));
        match fs::create_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => return result.map(|()| directory),
        }
    }
    unreachable!("attempts do not end")
}
