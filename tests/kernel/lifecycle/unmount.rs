//! What umount(8) and umount.ocfs2 are asked, and answer.

use super::{
    assert_beats, assert_silent, background, bring_down, end, mount, mount_at, online, point,
    umount, wait_for_silence,
};
use crate::rig::{Disk, Lab, Node, at_once};

/// A process whose working directory is on the volume.
fn sit_on(node: &Node, disk: &Disk) -> String {
    let pid = background(node, &format!("cd {} && exec sleep 10000", point(disk)));
    node.wait_for(&format!("grep -q sleep /proc/{pid}/comm"));
    pid
}

#[test]
fn a_busy_volume_stays_and_what_is_not_mounted_is_named() {
    let (lab, node, disk) = Lab::with_volume("busy");
    let (device, point) = (disk.device(), point(&disk));
    let refused = node.fails(32, &format!("umount.ocfs2 {device}"));
    refused.says("is not mounted");

    mount(&node, &disk);
    let pid = sit_on(&node, &disk);
    for busy in [&point, device] {
        let refused = node.fails(32, &format!("umount {busy}"));
        let reason = format!("umount.ocfs2: unmounting {point}: files on it are in use");
        assert!(refused.stderr.starts_with(&reason), "{refused}");
        assert_beats(&node, &disk);
    }
    node.ok(&format!("echo x > {point}/file"));

    for (operand, reason) in [
        ("/mnt", "is mounted as tmpfs, not as ocfs2"),
        ("/mnt/none", "No such file"),
        ("/etc", "is not mounted"),
        ("/etc/hostname", "is not mounted"),
        ("/dlm", "is mounted as ocfs2_dlmfs, not as ocfs2"),
    ] {
        let refused = node.fails(32, &format!("umount.ocfs2 {operand}"));
        refused.says(reason);
    }
    node.fails(1, "umount.ocfs2");
    assert_beats(&node, &disk);

    end(&node, &pid);
    let said = node.ok(&format!("umount -v {device}"));
    assert_eq!(said, format!("{point} unmounted\n"));
    node.assert_clean();
    bring_down(&node);
    lab.end();
}

#[test]
fn by_its_device_the_latest_mount_ends_first() {
    let (lab, node, disk) = Lab::with_volume("by-device");
    mount(&node, &disk);
    mount_at(&node, &disk, "/mnt/later");
    node.ok(&format!("umount {}", disk.device()));
    node.ok(&format!(
        "! mountpoint -q /mnt/later && mountpoint -q {}",
        point(&disk)
    ));
    assert_beats(&node, &disk);
    node.ok(&format!("umount.ocfs2 -n {}", disk.device()));
    node.assert_clean();
    bring_down(&node);
    lab.end();
}

#[test]
fn a_busy_volume_is_made_read_only_on_demand() {
    let (lab, node, disk) = Lab::with_volume("read-only");
    let (device, point) = (disk.device(), point(&disk));
    node.ok(&format!(
        "mkdir {point} && mount -t ocfs2 -o nosuid,noatime,data=writeback,commit=7 {device} {point}"
    ));
    // A file open for writing forbids it: nothing changes.
    let pid = background(&node, &format!("sleep 10000 > {point}/open"));
    node.wait_for(&format!("[ -e {point}/open ]"));
    let refused = node.fails(32, &format!("umount -r {point}"));
    refused.says("it is busy; making it read-only");
    node.ok(&format!("touch {point}/file"));
    assert_beats(&node, &disk);
    end(&node, &pid);

    let pid = sit_on(&node, &disk);
    let said = node.ok(&format!("umount -v -r {point}"));
    assert_eq!(said, format!("{point} is busy, and read-only now\n"));
    let options = node.ok(&format!("findmnt -n -o OPTIONS {point}"));
    for word in [
        "ro",
        "nosuid",
        "noatime",
        "data=writeback",
        "commit=7",
        "heartbeat=local",
    ] {
        let given = options.trim().split(',').any(|given| given == word);
        assert!(given, "{word} in {options}");
    }
    node.fails(1, &format!("touch {point}/file"));
    assert_beats(&node, &disk);

    // Free, it is unmounted even by -r.
    end(&node, &pid);
    node.ok(&format!("umount -r {point}"));
    node.assert_clean();
    mount(&node, &disk);
    umount(&node, &disk);
    node.assert_clean();
    bring_down(&node);
    lab.end();
}

#[test]
fn shutdown_can_unmount_without_the_helper() {
    let (lab, node, disk) = Lab::with_volume("no-helper");
    mount(&node, &disk);
    node.ok(&format!("umount -i {}", point(&disk)));
    // umount.ocfs2 was not called, and the next call of an applet tidies up.
    assert_beats(&node, &disk);
    mount(&node, &disk);
    umount(&node, &disk);
    node.assert_clean();
    mount(&node, &disk);
    node.ok(&format!("umount -i {}", point(&disk)));
    bring_down(&node);
    lab.end();
}

/// `-A`: everywhere; `-R`: with all that is mounted below; and both lazily.
#[test]
fn one_call_unmounts_many_mounts() {
    let lab = Lab::new("many");
    let disks = ["a", "b"].map(|name| lab.disk(name).format());
    let [node] = lab.boot();
    online(&node);
    let [a, b] = &disks;
    let (device, top) = (a.device(), point(a));
    let set_up = || {
        at_once(&disks, |disk| mount(&node, disk));
        mount_at(&node, a, "/mnt/second");
        node.ok(&format!(
            "mkdir -p {top}/below && umount {0} && mount -t ocfs2 {0} {top}/below",
            b.device()
        ));
        node.ok(&format!(
            "mkdir -p /mnt/bound && mount --bind {top} /mnt/bound"
        ));
        for disk in &disks {
            assert_beats(&node, disk);
        }
    };
    // What is below another mount has to go first.
    set_up();
    node.ok(&format!("umount {top}/below && umount -A {device}"));
    node.assert_clean();

    set_up();
    node.ok(&format!("umount -R {top}"));
    assert_beats(&node, a);
    assert_silent(&node, b);
    node.ok("umount /mnt/second /mnt/bound");
    node.assert_clean();

    set_up();
    let busy = sit_on(&node, a);
    node.ok(&format!("umount -l -R {top} && umount -l -A {device}"));
    assert_eq!(node.run("grep ' ocfs2 ' /proc/mounts").stdout, "");
    wait_for_silence(&node, b);
    assert_beats(&node, a);
    end(&node, &busy);
    node.wait_until_clean();
    bring_down(&node);
    lab.end();
}
