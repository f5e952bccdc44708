//! Volumes that no mount table shows: none of the regions goes.

use super::{assert_beating, everywhere, files_cross, lab, prepare};
use crate::rig::{CLUSTER, Node};

/// With more than three regions the kernel pins none before all but three are gone.
#[test]
fn refused_stop_under_detached_volume_keeps_all_five_regions() {
    let (lab, regions, volume) = lab("global-detached", 5);
    let nodes: [Node; 2] = lab.boot();
    for node in &nodes {
        prepare(node, &regions);
    }
    everywhere(&nodes, &format!("o2cb online {CLUSTER}"));
    let mount = format!("mount -t ocfs2 {} /mnt", volume.device());
    let [detached, _] = &nodes;
    detached.ok(&mount);
    let user = detached.start(
        "exec 9> /mnt/file; umount -l /mnt; echo > /run/detached
        until [ -e /run/end ]; do sleep 0.1; done",
    );
    detached.wait_for("[ -e /run/detached ]");
    for refused in ["o2cb offline", "o2cb stop-heartbeat webc"] {
        let output = detached.fails(1, refused);
        output.says("is in use: ");
        assert_beating(detached, &regions);
        let stack = detached.ok("cat /sys/fs/ocfs2/cluster_stack");
        assert_eq!(stack, "o2cb\n");
    }
    // A configuration of two regions cannot be reached without touching the last three.
    let two = format!("{} {}", regions[0].uuid(), regions[1].uuid());
    let configured = super::uuids(&regions);
    super::run(detached, &format!("configure {two}"));
    let output = detached.fails(1, "o2cb start-heartbeat webc");
    output.says("the kernel keeps");
    assert_beating(detached, &regions);
    super::run(detached, &format!("configure {configured}"));
    // Both nodes have the same regions, so that they can share the volume.
    everywhere(&nodes, &mount);
    files_cross(&nodes, "shared");
    everywhere(&nodes, "umount /mnt");
    detached.ok("echo > /run/end");
    assert_eq!(user.wait().code, 0);
    for node in &nodes {
        node.wait_for("o2cb offline");
        node.wait_until_clean();
        node.ok("[ $(cat /sys/fs/ocfs2/cluster_stack) = o2cb ]");
    }
    lab.end();
}
