//! What a node has in its root that the host has not (or has differently).
//!
//! The tree is made on the host, because that is fast, and lies over the host's
//! own files in the node's root:
//!
//! - the binary under test in /usr/sbin, under all its names;
//! - the C tools of the same names in /ctools (the init script as o2cb.init);
//! - the cluster's configuration;
//! - /host, where the host's own root goes, and /rig for commands and output.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::CLUSTER;

/// The names that the binary is called by.
pub const APPLETS: [&str; 4] = ["mount.ocfs2", "umount.ocfs2", "ocfs2_hb_ctl", "o2cb"];

/// The C tools by their names in /ctools and their places on the host.
/// There is no umount.ocfs2 in C any more.
const C_TOOLS: [(&str, &str); 4] = [
    ("mount.ocfs2", "/host/usr/sbin/mount.ocfs2"),
    ("ocfs2_hb_ctl", "/host/usr/sbin/ocfs2_hb_ctl"),
    ("o2cb", "/host/usr/sbin/o2cb"),
    ("o2cb.init", "/host/etc/init.d/o2cb"),
];

/// Makes the tree of node `number` of `nodes` in the new directory `tree`.
pub fn make(tree: &Path, number: usize, nodes: usize) -> io::Result<()> {
    let sbin = tree.join("usr/sbin");
    fs::create_dir_all(&sbin)?;
    fs::copy(env!("CARGO_BIN_EXE_ocfs2box"), sbin.join("ocfs2box"))?;
    for applet in APPLETS {
        symlink("ocfs2box", sbin.join(applet))?;
    }

    let c_tools = tree.join("ctools");
    fs::create_dir_all(&c_tools)?;
    for (name, place) in C_TOOLS {
        symlink(place, c_tools.join(name))?;
    }

    for directory in ["host", "etc/ocfs2", "etc/default", "usr/lib/modules"] {
        fs::create_dir_all(tree.join(directory))?;
    }
    symlink("/host/run/node/exchange", tree.join("rig"))?;
    fs::write(tree.join("etc/hostname"), format!("n{number}\n"))?;
    fs::write(tree.join("etc/ocfs2/cluster.conf"), cluster_conf(nodes))?;
    fs::write(
        tree.join("etc/default/o2cb"),
        format!("O2CB_ENABLED=true\nO2CB_BOOTCLUSTER={CLUSTER}\n"),
    )
}

/// The configuration of a cluster of nodes n1, n2, ... with local heartbeat.
fn cluster_conf(nodes: usize) -> String {
    let mut text = format!(
        "cluster:\n\tname = {CLUSTER}\n\theartbeat_mode = local\n\tnode_count = {nodes}\n\n"
    );
    for number in 1..=nodes {
        text += &format!(
            "node:\n\tcluster = {CLUSTER}\n\tnumber = {number}\n\tip_port = 7777\n\
             \tip_address = 192.0.2.{number}\n\tname = n{number}\n\n"
        );
    }
    text
}
