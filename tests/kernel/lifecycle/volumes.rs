//! Kinds of volumes.

use super::{assert_beats, assert_silent, bring_down, mount, online, point, umount};
use crate::rig::{Disk, Lab, Node, at_once};
use std::process::Command;

#[test]
fn a_local_volume_needs_no_cluster() {
    let lab = Lab::new("local");
    let disk = lab.disk("volume").local().format();
    let clustered = lab.disk("clustered").format();
    let [node] = lab.boot();
    node.fails(1, "grep ocfs2 /proc/modules");
    mount(&node, &disk);
    node.ok(&format!("echo x > {}/file", point(&disk)));
    node.assert_clean();
    node.ok(&format!("mount -o remount,ro {}", point(&disk)));
    node.ok(&format!("mount -o remount,rw {}", point(&disk)));
    umount(&node, &disk);
    node.assert_clean();

    let refused = node.fails(
        32,
        &format!(
            "mkdir {0}; mount -t ocfs2 {1} {0}",
            point(&clustered),
            clustered.device()
        ),
    );
    refused.says("(run: o2cb");

    // A cluster beside it is no concern of its.
    online(&node);
    mount(&node, &disk);
    mount(&node, &clustered);
    assert_silent(&node, &disk);
    assert_beats(&node, &clustered);
    umount(&node, &clustered);
    node.assert_clean();
    node.ok("o2cb offline");
    umount(&node, &disk);
    bring_down(&node);
    lab.end();
}

#[test]
fn every_block_size_beats_where_the_volume_says() {
    let lab = Lab::new("block-sizes");
    let disks = [
        lab.disk("512").block_size(512).format(),
        lab.disk("1k").block_size(1024).cluster_size(8192).format(),
        lab.disk("2k").block_size(2048).format(),
        lab.disk("4k").block_size(4096).cluster_size(32768).format(),
        lab.disk("classic").classic().format(),
    ];
    let sizes = [512, 1024, 2048, 4096, 4096];
    let [node] = lab.boot();
    online(&node);
    at_once(&disks, |disk| mount(&node, disk));
    for (disk, size) in disks.iter().zip(sizes) {
        assert_beats(&node, disk);
        let sectors_per_block = size / 512;
        let start = first_heartbeat_block(disk) * sectors_per_block;
        assert_eq!(geometry(&node, disk), format!("512\n{start}\n255\n"));
    }
    at_once(&disks, |disk| {
        node.ok(&format!("echo x > {}/file", point(disk)));
        umount(&node, disk);
    });
    node.assert_clean();
    bring_down(&node);
    lab.end();
}

/// The heartbeat counts in the device's own sectors, and another node sees it there.
#[test]
fn a_disk_with_large_sectors_beats() {
    let lab = Lab::new("large-sectors");
    let disk = lab.disk("volume").format();
    let [n1, n2] = lab.boot();
    for node in [&n1, &n2] {
        online(node);
        let device = disk.device();
        node.ok(&format!(
            "modprobe loop; losetup -b 4096 --direct-io=on /dev/loop0 {device}"
        ));
    }
    at_once(&[&n1, &n2], |node| {
        node.ok("mkdir /mnt/l && mount -t ocfs2 /dev/loop0 /mnt/l");
    });
    let start = first_heartbeat_block(&disk);
    for node in [&n1, &n2] {
        assert_eq!(geometry(node, &disk), format!("4096\n{start}\n255\n"));
    }
    n1.ok("echo x > /mnt/l/file");
    n2.ok("test -e /mnt/l/file");
    for node in [&n1, &n2] {
        node.ok("umount /mnt/l && losetup -d /dev/loop0");
        node.assert_clean();
    }
    lab.end();
}

fn geometry(node: &Node, disk: &Disk) -> String {
    let region = disk.region();
    node.ok(&format!(
        "cd {region} && cat block_bytes start_block blocks"
    ))
}

/// As the C tool reads it off the disk.
fn first_heartbeat_block(disk: &Disk) -> u64 {
    let output = Command::new("/usr/sbin/debugfs.ocfs2")
        .args(["-R", "stat //heartbeat"])
        .arg(disk.image())
        .output()
        .expect("debugfs.ocfs2");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines().skip_while(|line| !line.contains("## Offset"));
    let extent = lines.nth(1).expect(&text);
    let block = extent.split_whitespace().nth(3).expect(extent);
    block.parse().expect(block)
}
