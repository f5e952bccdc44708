//! Joins that are given up, groups that are missing, and a node that dies.

use super::super::{CONF, corosync_conf, up};
use super::{callout, cman, notes, order, services, sound, start_peer};
use crate::rig::{CLUSTER, Lab, Node, at_once};

/// The wait is the user's, who hears of it.
#[test]
fn a_silent_daemon_is_waited_for_until_the_user_gives_up() {
    let (lab, disk, node) = cman("cman-silent");
    let mount = format!("mount.ocfs2 {} /mnt", disk.device());
    let refused = node.fails(32, &mount);
    assert_eq!(
        refused.stderr,
        "mount.ocfs2: /dev/ubda: the control daemon ocfs2_controld does not run on this node \
         (start it with the cluster manager)\n"
    );
    assert_eq!(node.ok("ls /run/ocfs2box"), "");
    up(&node);
    start_peer(&node);
    node.ok("mkdir -p /run/peer; echo MOUNT silence > /run/peer/orders");
    let waiting = node.start(&mount);
    node.ok("sleep 35; pidof mount.ocfs2 && pkill -INT -x mount.ocfs2");
    let ended = waiting.wait();
    assert_eq!(ended.code, 8, "{ended}");
    assert_eq!(
        ended.stderr,
        "mount.ocfs2: /dev/ubda: waiting for the control daemon\n\
         mount.ocfs2: /dev/ubda: ocfs2_controld has not joined the volume's group yet, and rolls \
         that back by itself; the next mount waits for it: interrupted\n"
    );
    assert!(node.ok("cat /run/ocfs2box/*").contains("?/mnt"));
    assert_eq!(node.ok("cat /sys/fs/ocfs2/cluster_stack"), "o2cb\n");
    order(&node, "");
    node.ok(&format!("{mount} && umount /mnt"));
    assert_eq!(services(&node, &disk), [""; 0]);
    assert_eq!(node.ok("ls /run/ocfs2box"), "");
    node.assert_clean();
    lab.end();
}

/// What ends a mount in the middle of the daemon's work, and the mount that follows at once.
#[test]
fn no_mount_meets_a_group_that_is_being_joined_or_left() {
    let (lab, disk, node) = cman("cman-doubt");
    let device = disk.device();
    up(&node);
    start_peer(&node);
    callout(&node, "/bin/true");
    let mount = format!("mount.ocfs2 {device} /mnt");
    for (orders, signal) in [
        ("MOUNT held\nleave held", "TERM"),
        ("MOUNT held\nleave held", "KILL"),
    ] {
        notes(&node, &disk);
        order(&node, orders);
        node.ok(&format!(
            "{mount} & pid=$!
            until grep -q '< MOUNT' /run/peer/notes; do sleep 0.1; done
            kill -{signal} $pid; wait $pid; [ $? -ge 8 ]"
        ));
        order(&node, "leave slow 3000");
        node.ok(&format!("{mount} && touch /mnt/{signal} && umount /mnt"));
        sound(&node, &disk);
        // And an unmount that is killed while the daemon leaves.
        node.ok(&format!(
            "{mount} && umount.ocfs2 /mnt & pid=$!
            until grep -q '< UNMOUNT' /run/peer/notes; do sleep 0.1; done
            pkill -KILL -x umount.ocfs2; wait $pid; {mount} && umount /mnt"
        ));
        sound(&node, &disk);
    }
    order(&node, "");
    assert_eq!(services(&node, &disk), [""; 0]);

    // Nothing is joined, whatever the number says; and a result that finds no group.
    order(&node, "register fails 114");
    let refused = node.fails(32, &mount);
    let said = "dlm_controld: Operation already in progress (dlm_controld has an earlier";
    refused.says(said);
    order(
        &node,
        "MRESULT say STATUS 22 Client is not attached to a mountgroup",
    );
    let refused = node.fails(32, &mount);
    let said = "mounting it on /mnt: ocfs2_controld has no group for it";
    refused.says(said);
    assert_eq!(node.run("grep ' ocfs2 ' /proc/mounts").stdout, "");
    order(&node, "");
    node.ok(&format!("{mount} && umount /mnt"));
    node.wait_until_clean();
    lab.end();
}

#[test]
fn survivor_of_two_nodes_recovers_the_other() {
    let lab = Lab::new("cman-death");
    let disk = lab.disk("volume").cluster("cman", CLUSTER).format();
    let two = corosync_conf(2).replace("votequorum\n", "votequorum\n\ttwo_node: 1\n");
    let nodes: [Node; 2] = lab.nodes().file(CONF, &two).boot();
    let device = disk.device();
    at_once(&nodes, |node| {
        up(node);
        start_peer(node);
        node.ok(&format!("mount -t ocfs2 {device} /mnt"));
        node.ok(&format!(
            "mkdir /run/more && mount -t ocfs2 {device} /run/more"
        ));
        node.ok(&format!(
            "mkdir /mnt/{0} && touch /mnt/{0}/file && sync /mnt/{0}/file /mnt/{0}",
            node.name()
        ));
    });
    nodes[1].kill();
    nodes[0].ok("touch /mnt/n2/after && ls /mnt/n2/file");
    nodes[0].ok("dmesg | grep 'Begin replay journal (node 2,'");
    nodes[0].ok("umount /run/more && umount /mnt");
    assert_eq!(services(&nodes[0], &disk), [""; 0]);
    nodes[0].wait_until_clean();
    lab.end();
}
