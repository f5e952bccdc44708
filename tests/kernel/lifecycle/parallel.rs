//! Many mounts and unmounts at the same time.

use super::{assert_beats, assert_silent, bring_down, online, point};
use crate::rig::{Lab, Node};

/// What all of them printed and whether they succeeded.
#[track_caller]
fn run_all(node: &Node, commands: &[String]) {
    let jobs: Vec<_> = commands.iter().map(|command| node.start(command)).collect();
    for (job, command) in jobs.into_iter().zip(commands) {
        let output = job.wait();
        assert_eq!(output.code, 0, "`{command}`: {output}");
    }
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
    let lab = Lab::new("contest");
    let disk = lab.disk("volume").format();
    let [node] = lab.boot();
    online(&node);
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
    node.assert_clean_within(30);

    node.ok(&format!("mount -t ocfs2 {device} /mnt/a"));
    assert_eq!(node.ok("cat /mnt/a/[abcd]"), "20\n20\n20\n20\n");
    assert_beats(&node, &disk);
    node.ok("umount /mnt/a");
    bring_down(&node);
    lab.end();
}

#[test]
fn first_mounts_of_one_volume_wait_for_one_heartbeat() {
    let lab = Lab::new("first-mounts");
    let disk = lab.disk("volume").format();
    let [node] = lab.boot();
    online(&node);
    let device = disk.device();
    let mounts = ["a", "b", "c", "d"]
        .map(|place| format!("mkdir /mnt/{place} && mount -t ocfs2 {device} /mnt/{place}"));
    run_all(&node, &mounts);
    assert_beats(&node, &disk);
    let umounts = ["a", "b", "c", "d"].map(|place| format!("umount /mnt/{place}"));
    run_all(&node, &umounts);
    node.assert_clean();
    bring_down(&node);
    lab.end();
}
