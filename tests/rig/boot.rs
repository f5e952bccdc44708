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

/// The network of a distribution's node. When it goes, the console hears what needs it still.
const NETWORK: &str = r#"[Unit]
Description=Network of the rig
DefaultDependencies=no
Conflicts=shutdown.target
After=local-fs.target network-pre.target
Before=network.target network-online.target shutdown.target
Wants=network.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'n=$$(cat /proc/sys/kernel/hostname); ip addr add 192.0.2.$${n#n}/24 dev vec0; ip link set vec0 up'
ExecStop=/bin/sh -c 'echo "network goes: $$(grep -c " ocfs2 " /proc/mounts) mounted, $$(ls /sys/kernel/config/cluster | wc -l) online" > /dev/console; ip link set vec0 down'
"#;

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
        self.kernel_arg("RIG_SYSTEMD=rig.target").file(
            "/etc/systemd/system/rig.target",
            "[Unit]\nDefaultDependencies=no\n",
        )
    }

    /// Gives every node systemd with the distribution's own units, up to multi-user.target, and
    /// an address only by a unit that network-online.target wants.
    pub fn distribution(self) -> Self {
        let units = "/etc/systemd/system";
        self.kernel_arg("RIG_SYSTEMD=multi-user.target")
            .kernel_arg("systemd.show_status=1")
            .kernel_arg("systemd.status_unit_format=name")
            .kernel_arg("TERM=dumb")
            // On a busy host.
            .kernel_arg("systemd.default_timeout_start_sec=240")
            // The rig has the serial line for itself.
            .kernel_arg("systemd.getty_auto=no")
            .file("/etc/machine-id", "4f0d1c3a5b7e49d2a6c8e0f1b2d3c4a5\n")
            .file(&format!("{units}/rig-network.service"), NETWORK)
            .file(
                &format!("{units}/network-online.target.d/rig.conf"),
                "[Unit]\nWants=rig-network.service\n",
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
        let directory = self.lab.directory().join(&name);
        self.prepare(&directory, number, nodes)
            .unwrap_or_else(|error| panic!("cannot prepare {}: {error}", directory.display()));
        let args = self.command_line(&name, &directory);
        let node = Node::new(number, directory, args, self.lab.deadline());
        self.lab.add_node(node.clone());
        node.power_on_nowait();
        node
    }

    fn prepare(&self, directory: &Path, number: usize, nodes: usize) -> io::Result<()> {
        fs::create_dir_all(directory.join("exchange"))?;
        let init = directory.join("init");
        fs::write(&init, INIT)?;
        fs::set_permissions(&init, fs::Permissions::from_mode(0o755))?;
        let tree = directory.join("tree");
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

    /// Relative paths are in the lab's directory: sockets have short names only.
    fn command_line(&self, name: &str, directory: &Path) -> Vec<String> {
        let mut args = vec![
            format!("mem={}M", self.memory_mb),
            "rootfstype=hostfs".into(),
            "rootflags=/".into(),
            "ro".into(),
            format!("init={}", directory.join("init").display()),
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
