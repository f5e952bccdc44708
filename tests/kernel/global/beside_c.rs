//! The C tool on the same cluster: it sees and counts as it does after its own start.

use super::{assert_beating, lab, prepare};
use crate::rig::{CLUSTER, Node};

/// What C says of the cluster, the whole of configfs but for process numbers, and the counts.
fn seen(node: &Node) -> String {
    let counts: Vec<_> = node
        .regions()
        .iter()
        .map(|uuid| node.references(uuid))
        .collect();
    let tree = node.ok(
        "cd /sys/kernel/config/cluster && find . -type f ! -name pid -printf '%p ' -exec cat {} \\; | sort",
    );
    format!("{tree}{}{counts:?}", node.ok("/ctools/o2cb cluster-status"))
}

#[test]
fn both_tools_start_and_stop_the_same() {
    let (lab, regions, volume) = lab("global-c", 2);
    let [node] = lab.boot();
    prepare(&node, &regions);
    node.ok("o2cb load");
    let mut pictures = Vec::new();
    for start in ["/ctools/o2cb", "o2cb"] {
        for stop in ["/ctools/o2cb", "o2cb"] {
            let said = node.ok(&format!(
                "{start} register-cluster {CLUSTER} && {start} start-heartbeat {CLUSTER}"
            ));
            assert_eq!(said, "Global heartbeat started\n");
            assert_beating(&node, &regions);
            pictures.push(seen(&node));
            // The other finds it done.
            let other = if start == "o2cb" {
                "/ctools/o2cb"
            } else {
                "o2cb"
            };
            node.ok(&format!(
                "{other} register-cluster {CLUSTER} && {other} start-heartbeat {CLUSTER}"
            ));
            pictures.push(seen(&node));
            node.ok(&format!(
                "mount -t ocfs2 {} /mnt && umount /mnt",
                volume.device()
            ));
            pictures.push(seen(&node));
            let said = node.ok(&format!(
                "{stop} stop-heartbeat {CLUSTER} && {stop} unregister-cluster {CLUSTER}"
            ));
            assert_eq!(said, "Global heartbeat stopped\n");
            node.wait_until_clean();
        }
    }
    pictures.dedup();
    assert_eq!(pictures.len(), 1, "{pictures:#?}");

    // C counts a region down before it learns that it is in use; ours stops it all the same.
    node.ok("o2cb online");
    node.ok(&format!("mount -t ocfs2 {} /mnt", volume.device()));
    node.fails(1, "/ctools/o2cb stop-heartbeat webc");
    node.ok("umount /mnt && o2cb start-heartbeat webc && o2cb offline");
    node.wait_until_clean();
    lab.end();
}

#[test]
fn hb_ctl_says_that_there_is_nothing_to_do() {
    let (lab, regions, volume) = lab("global-hb-ctl", 1);
    let [node] = lab.boot();
    prepare(&node, &regions);
    node.ok("o2cb online");
    let (device, uuid) = (volume.device(), volume.uuid());
    for args in [
        format!("-S -d {device} backup"),
        format!("-K -d {device} backup"),
        format!("-K -u {uuid}"),
        format!("-P -d {device}"),
    ] {
        let theirs = node.run(&format!("/ctools/ocfs2_hb_ctl {args}"));
        let ours = node.run(&format!("ocfs2_hb_ctl {args}"));
        assert_eq!(
            (ours.code, &ours.stdout),
            (theirs.code, &theirs.stdout),
            "{args}"
        );
        ours.says("nothing done: the cluster has global heartbeat");
    }
    for region in [&regions[0].uuid(), &uuid] {
        let both =
            ["/ctools/", ""].map(|tools| node.ok(&format!("{tools}ocfs2_hb_ctl -I -u {region}")));
        assert_eq!(both[0], both[1]);
    }
    assert_beating(&node, &regions);
    lab.end();
}
