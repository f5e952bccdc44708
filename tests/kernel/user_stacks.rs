//! User-space cluster stacks: Debian's corosync and dlm_controld, and a peer that plays
//! ocfs2_controld.

mod daemon;
mod quorum;

pub use crate::rig::corosync::{CONF, DLM, corosync_conf, up};
use crate::rig::{CLUSTER, Disk, Lab, Node, at_once};

fn users(node: &Node, disk: &Disk) -> String {
    let shown = node.ok(&format!("ocfs2_hb_ctl -I -u {}", disk.uuid()));
    shown.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn pcmk_volumes_are_shared_by_two_nodes() {
    let lab = Lab::new("pcmk");
    let disk = lab.disk("volume").cluster("pcmk", CLUSTER).format();
    let nodes: [Node; 2] = lab.nodes().file(CONF, &corosync_conf(2)).boot();
    at_once(&nodes, |node| {
        up(node);
        node.ok(&format!("mount -t ocfs2 {} /mnt", disk.device()));
        node.ok(&format!("echo by {0} > /mnt/{0}", node.name()));
        assert_eq!(users(node, &disk), format!("{}: 1 refs", disk.uuid()));
        node.ok(&format!("o2cb online-status {CLUSTER} && o2cb status"));
        node.fails(1, "o2cb online-status other");
    });
    for (node, other) in [(&nodes[0], "n2"), (&nodes[1], "n1")] {
        assert_eq!(
            node.ok(&format!("cat /mnt/{other}")),
            format!("by {other}\n")
        );
        let shown = node.ok(&format!("ocfs2_hb_ctl -I -d {}", disk.device()));
        assert_eq!(
            shown,
            format!("{}: 1 refs\n\tcluster {CLUSTER}\n", disk.uuid())
        );
    }
    // A second mount, a bind mount, and what a callout of ours would say.
    nodes[0].ok(&format!(
        "mkdir /run/more /run/bound && mount -t ocfs2 {} /run/more \
         && mount --bind /run/more /run/bound && umount /run/more /run/bound \
         && ocfs2_hb_ctl -K -u {}",
        disk.device(),
        disk.uuid()
    ));
    nodes[0].ok("touch /mnt/file");
    nodes[1].ok("test -e /mnt/file");
    at_once(&nodes, |node| {
        node.ok("umount /mnt");
        assert_eq!(users(node, &disk), format!("{}: 0 refs", disk.uuid()));
        assert_eq!(node.ok("ls /sys/kernel/dlm"), "");
        node.assert_clean();
    });
    // No process can lock here: dlmfs cannot say which cluster it asks for.
    println!(
        "{}",
        nodes[0].run(&format!("fsck.ocfs2 -n {}", disk.device()))
    );
    let refused = nodes[0].fails(125, &format!("o2cb exec -d {} -- true", disk.device()));
    let said = "locks of the stack pcmk are not supported here: this kernel's dlmfs does not";
    refused.says(said);
    // No quorum without the other.
    nodes[1].kill();
    nodes[0].wait_for("dlm_tool status | grep -q 'quorate 0'");
    nodes[0].fails(1, "o2cb online-status");
    nodes[0].assert_clean();
    lab.end();
}
