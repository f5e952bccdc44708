//! The quick start of the README, pasted on two nodes with Debian's ocfs2-tools.

use crate::rig::{Lab, Node};
use std::time::Duration;

const README: &str = include_str!("../../../README.md");

/// The programs of ocfs2-tools in place of ours, and no cluster.
const DEBIAN: &str = "cd /usr/sbin && rm ocfs2box umount.ocfs2 && \
    cp -a --remove-destination /host/usr/sbin/{mount.ocfs2,ocfs2_hb_ctl,o2cb} . && \
    rm -r /etc/ocfs2 && cp -a /host/etc/ocfs2 /etc/ && rm -f /etc/ocfs2/cluster.conf && \
    cp -a --remove-destination /host/etc/default/o2cb /etc/default/";

/// The first commands below a heading, with the names of the rig.
fn commands(heading: &str) -> String {
    let section = README.split_once(heading).expect(heading).1;
    let block = section.split_once("```sh\n").expect("commands").1;
    let block = block.split_once("```").expect("the end of commands").0;
    let rig = [
        ("alpha", "n1"),
        ("beta", "n2"),
        ("/dev/sdb1", "/dev/ubda"),
        // What the rig has done, or does below.
        ("cargo build --release\n", ""),
        ("scp /etc/ocfs2/cluster.conf n2:/etc/ocfs2/\n", ""),
    ];
    rig.iter().fold(block.to_owned(), |block, (name, own)| {
        block.replace(name, own)
    })
}

/// Pastes them, one after the other.
#[track_caller]
fn paste(node: &Node, heading: &str) {
    let tree = concat!("/host", env!("CARGO_MANIFEST_DIR"));
    let program = concat!("/host", env!("CARGO_BIN_EXE_ocfs2box"));
    let commands = commands(heading);
    println!("{commands}");
    let said = node.ok(&format!(
        "set -e; cd {tree}; export OCFS2BOX={program}\n{commands}"
    ));
    println!("{said}");
}

#[test]
fn quick_start_ends_with_a_volume_mounted_on_both_nodes() {
    let lab = Lab::with_limit("quick-start", Duration::from_secs(600));
    lab.disk("shared").size_mb(512).blank();
    let nodes: [Node; 2] = lab
        .nodes()
        .memory_mb(256)
        .distribution()
        .file("/etc/fstab", "")
        .file("/etc/default/o2cb", "O2CB_ENABLED=false\n")
        .boot();
    let [n1, n2] = &nodes;
    for node in &nodes {
        node.wait_for("systemctl is-active multi-user.target");
        node.ok("systemctl start network-online.target");
        node.ok(DEBIAN);
        paste(node, "### 1. Install");
        node.ok("mount.ocfs2 --help | grep -q join && [ -e /usr/local/share/man/man8/o2cb.8 ]");
    }
    paste(n1, "### 2. Describe");
    let cluster = n1.ok("cat /etc/ocfs2/cluster.conf");
    n2.ok(&format!(
        "cat > /etc/ocfs2/cluster.conf <<'END'\n{cluster}END"
    ));
    for node in &nodes {
        paste(node, "### 3. Bring");
        node.ok("o2cb online-status");
    }
    paste(n1, "### 4. Format");
    for node in &nodes {
        paste(node, "### 5. Mount");
    }
    n1.ok("echo from n1 > /srv/shared/file");
    assert_eq!(n2.ok("cat /srv/shared/file"), "from n1\n");

    for node in &nodes {
        node.ok("umount /srv/shared");
        paste(node, "### To remove it");
        node.ok("cmp /usr/sbin/mount.ocfs2 /host/usr/sbin/mount.ocfs2 && ! command -v ocfs2box");
    }
    lab.end();
}
