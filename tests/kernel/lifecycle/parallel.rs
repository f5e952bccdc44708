//! Many mounts and unmounts at the same time.

use super::{assert_beats, assert_silent, bring_down, online, point};
use crate::rig::{Lab, Node, all_succeed};

/// All of them run at the same time, and succeed.
#[track_caller]
fn run_all(node: &Node, commands: &[String]) {
    let jobs = commands
        .iter()
        .map(|command| (command, node.start(command)));
    all_succeed(jobs.collect());
}

#[test]
fn volumes_do_not_disturb_each_other() {
    let lab = Lab::new("volumes");
    let disks = ["a", "b", "c", "d", "e", "f", "g", "h"].map(|name| lab.disk(name).format());
    let [node] = lab.boot();
    online(&node);
    let each = |command: fn(&str, &str) -> String| {
        disks
            .each_ref()
            .map(|disk| command(disk.device(), &point(disk)))
    };
    run_all(
        &node,
        &each(|device, point| format!("mkdir {point} && mount -t ocfs2 {device} {point}")),
    );
    for disk in &disks {
        assert_beats(&node, disk);
    }
    node.ok(&format!("umount {}", point(&disks[0])));
    assert_silent(&node, &disks[0]);
    assert_eq!(node.regions().len(), 7);
    run_all(
        &node,
        &each(|device, point| format!("! mountpoint -q {point} || umount {device}")),
    );
    node.assert_clean();

    // All at once by one umount, and once more in all of its ways.
    run_all(
        &node,
        &each(|device, point| format!("mount -t ocfs2 {device} {point}")),
    );
    node.ok("umount -a -t ocfs2");
    node.assert_clean();
    bring_down(&node);
    lab.end();
}

#[test]
fn four_processes_mount_and_unmount_one_volume() {
    let (lab, node, disk) = Lab::with_volume("contest");
    let device = disk.device();
    let contest = ["a", "b", "c", "d"].map(|place| {
        format!(
            "set -e; mkdir /mnt/{place}; for round in {{1..20}}; do
                mount -t ocfs2 {device} /mnt/{place}
                echo $round > /mnt/{place}/{place}
                umount /mnt/{place}
            done"
        )
    });
    run_all(&node, &contest);
    // Who unmounts while another mounts may see the superblock live, and wait for its end.
    node.wait_until_clean();

    node.ok(&format!("mount -t ocfs2 {device} /mnt/a"));
    assert_eq!(node.ok("cat /mnt/a/[abcd]"), "20\n20\n20\n20\n");
    assert_beats(&node, &disk);
    node.ok("umount /mnt/a");
    bring_down(&node);
    lab.end();
}

#[test]
fn first_mounts_of_one_volume_wait_for_one_heartbeat() {
    let (lab, node, disk) = Lab::with_volume("first-mounts");
    let device = disk.device();
    let mounts = ["a", "b", "c", "d"]
        .map(|place| format!("mkdir /mnt/{place} && mount -t ocfs2 {device} /mnt/{place}"));
    run_all(&node, &mounts);
    assert_beats(&node, &disk);
    let umounts = ["a", "b", "c", "d"].map(|place| format!("umount /mnt/{place}"));
    run_all(&node, &umounts);
    // An unmount may see the superblock that another one is about to end, and waits for its end.
    assert_eq!(node.regions(), [""; 0]);
    node.wait_until_clean();
    bring_down(&node);
    lab.end();
}

/// Each would take the others' half-made nodes for changed ones.
#[test]
fn a_cluster_is_brought_up_and_down_by_one_at_a_time() {
    let lab = Lab::new("onlines");
    let [node] = lab.boot();
    let all = |verb: &str| {
        let commands: Vec<_> = (0..6).map(|_| format!("o2cb {verb}")).collect();
        run_all(&node, &commands);
    };
    node.ok("o2cb load");
    for _ in 0..4 {
        all("online");
        node.ok("o2cb cluster-status");
        assert_eq!(node.ok("ls /sys/kernel/config/cluster/webc/node"), "n1\n");
        all("offline");
        assert_eq!(node.ok("ls /sys/kernel/config/cluster"), "");
    }
    lab.end();
}

/// flock(2) asks for nothing but an open file, and directories of configfs and dlmfs are open to all.
#[test]
fn users_without_privilege_hold_up_no_process_of_root() {
    let (lab, node, disk) = Lab::with_volume("users");
    let directories = "/sys/kernel/config/cluster/webc/heartbeat /dlm";
    node.ok(&format!(
        "for directory in {directories}; do
            setpriv --reuid=65534 --clear-groups flock $directory sleep 10000 &
        done"
    ));
    node.wait_for("[ $(pgrep -cx sleep) = 2 ]");
    let device = disk.device();
    node.ok(&format!(
        "mount -t ocfs2 {device} /mnt && umount /mnt && o2cb exec -x -d {device} -- true"
    ));
    node.wait_until_clean();
    node.ok("[ $(pgrep -cx sleep) = 2 ] && pkill -x sleep");
    bring_down(&node);
    lab.end();
}
