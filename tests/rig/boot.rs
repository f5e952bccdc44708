//! How the nodes of a lab are started.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::disk::Disk;
use super::lab::Lab;
use super::node::Node;
use super::switch::SWITCH_SOCKET;
use super::{MAX_NODES, tree};

const INIT: &str = include_str!("guest-init.sh");

/// What nodes are to be like: see [`Lab::nodes`].
#[must_use]
pub struct Boot<'lab> {
    lab: &'lab Lab,
    memory_mb: u32,
    files: Vec<(String, String)>,
    kernel_args: Vec<String>,
}

impl<'lab> Boot<'lab> {
    pub(super) fn new(lab: &'lab Lab) -> Self {
        Boot {
            lab,
            memory_mb: 160,
            files: Vec::new(),
            kernel_args: Vec::new(),
        }
    }

    /// Memory of each node; holds all that it writes outside of shared disks.
    pub fn memory_mb(mut self, size: u32) -> Self {
        self.memory_mb = size;
        self
    }

    /// Gives every node a file, such as another /etc/ocfs2/cluster.conf.
    pub fn file(mut self, path: &str, contents: &str) -> Self {
        let path = path.trim_start_matches('/');
        self.files.push((path.to_string(), contents.to_string()));
        self
    }

    /// Adds to the kernel's command line.
    pub fn kernel_arg(mut self, arg: &str) -> Self {
        self.kernel_args.push(arg.to_string());
        self
    }

    /// Gives every node systemd as its first process; it starts nothing by itself.
    pub fn systemd(self) -> Self {
        self.kernel_arg("RIG_SYSTEMD=1").file(
            "/etc/systemd/system/rig.target",
            "[Unit]\nDefaultDependencies=no\n",
        )
    }

    /// Starts nodes n1, n2, ... at the same time and waits until all are up.
    #[track_caller]
    pub fn boot<const N: usize>(self) -> [Node; N] {
        assert!((1..=MAX_NODES).contains(&N), "1 to {MAX_NODES} nodes");
        assert!(self.lab.has_no_nodes(), "a lab boots its nodes once");
        let nodes = std::array::from_fn(|index| self.start(index + 1, N));
        for node in &nodes {
            node.wait_until_up();
        }
        nodes
    }

    fn start(&self, number: usize, nodes: usize) -> Node {
        let name = format!("n{number}");
        let folder = self.lab.folder().join(&name);
        self.prepare(&folder, number, nodes)
            .unwrap_or_else(|error| panic!("cannot prepare {}: {error}", folder.display()));
        let args = self.command_line(&name, &folder);
        let node = Node::new(number, folder, args, self.lab.deadline());
        self.lab.add_node(node.clone());
        node.power_on_nowait();
        node
    }

    fn prepare(&self, folder: &Path, number: usize, nodes: usize) -> io::Result<()> {
        fs::create_dir_all(folder.join("exchange"))?;
        let init = folder.join("init");
        fs::write(&init, INIT)?;
        fs::set_permissions(&init, fs::Permissions::from_mode(0o755))?;
        let tree = folder.join("tree");
        tree::make(&tree, number, nodes)?;
        for (path, contents) in &self.files {
            let path = tree.join(path);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(path, contents)?;
        }
        Ok(())
    }

    /// Relative paths are in the lab's folder: sockets have short names only.
    fn command_line(&self, name: &str, folder: &Path) -> Vec<String> {
        let mut args = vec![
            format!("mem={}M", self.memory_mb),
            "rootfstype=hostfs".into(),
            "rootflags=/".into(),
            "ro".into(),
            format!("init={}", folder.join("init").display()),
            format!("RIG_NODE={name}"),
            // Console 0 writes to standard output, serial line 0 is standard
            // input; no other of either kind, or linux.uml would open xterms.
            "con=null".into(),
            "con0=null,fd:1".into(),
            "ssl=null".into(),
            "ssl0=fd:0".into(),
            "quiet".into(),
            // A panic ends the process instead of hanging.
            "panic=1".into(),
            "uml_dir=.".into(),
            format!("umid={name}-uml"),
            format!("vec0:transport=bess,src={name}.sock,dst={SWITCH_SOCKET},depth=64"),
        ];
        // "c": the file is shared, so not to be locked for one kernel alone.
        let disk_args = self.lab.disks().iter().enumerate().map(disk_arg).collect();
        for group in [disk_args, self.kernel_args.clone()] {
            args.extend(group);
        }
        args
    }
}

fn disk_arg((index, disk): (usize, &Disk)) -> String {
    let image = disk.image().file_name().unwrap_or_default();
    format!("ubd{index}c={}", image.to_string_lossy())
}
