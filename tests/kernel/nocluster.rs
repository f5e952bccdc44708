//! A mount without the cluster: the other node is seen on the disk, whatever this node knows.

use crate::rig::{Lab, Node};

/// Mounts without the cluster, and answers what a terminal is asked.
fn answered(node: &Node, answer: &str) -> String {
    let command = "mount.ocfs2 -o nocluster /dev/ubda /mnt";
    let script = format!(
        "rm -f /run/asked
        (until grep -aq '(y/N)' /run/asked; do sleep 0.1; done; echo {answer}) |
        script -qefc '{command}' /run/asked"
    );
    let output = node.run(&script);
    assert_eq!(output.code, 32, "{output}");
    output.stdout
}

#[test]
fn the_node_that_has_it_mounted_is_named_and_the_kernels_lack_after_it() {
    let lab = Lab::new("nocluster");
    lab.disk("volume").format();
    let [n1, n2] = lab.boot();
    n1.ok("o2cb online && mount.ocfs2 /dev/ubda /mnt && touch /mnt/file");
    // No cluster is online here, nor a driver loaded.
    for word in ["nocluster", "nocluster=yes"] {
        let output = n2.fails(32, &format!("mount.ocfs2 -o {word} /dev/ubda /mnt"));
        output.says("/dev/ubda: the heartbeat of node 1 (\"n1\") is being written");
    }
    let output = n1.fails(32, "mount.ocfs2 -o nocluster=yes /dev/ubda /mnt");
    output.says("is mounted in its cluster on this node");

    // A power cut: it stays in the slot map, and beats no more.
    n1.kill();
    let output = n2.fails(32, "mount.ocfs2 -o nocluster /dev/ubda /mnt");
    output.says("; node 1 (\"n1\") is in the volume's slot map: it has");
    n2.ok("mkdir -p /dev/pts && mount -t devpts -o ptmxmode=666 devpts /dev/pts && ln -sf pts/ptmx /dev/ptmx");
    let said = answered(&n2, "n");
    assert!(said.contains("is in the volume's slot map"), "{said}");
    assert!(
        said.contains("Mount it? (y/N)") && said.contains("not mounted, as you chose"),
        "{said}"
    );

    // In good order.
    n1.power_on();
    n1.ok("o2cb online && mount.ocfs2 /dev/ubda /mnt && umount.ocfs2 /mnt");
    let lack = "this kernel has no nocluster option";
    let output = n2.fails(32, "mount.ocfs2 -o nocluster=yes /dev/ubda /mnt");
    assert!(
        output.stderr.contains(lack) && !output.stderr.contains("slot map"),
        "{output}"
    );
    let said = answered(&n2, "y");
    assert!(said.contains(lack), "{said}");
    n2.ok("o2cb online && mount.ocfs2 /dev/ubda /mnt && umount.ocfs2 /mnt");
    lab.end();
}
