//! The words of `-o` and fstab, by way of mount(8).

use super::{assert_beats, bring_down, mount, online, point, umount};
use crate::rig::{Disk, Lab, Node};

/// The mount's own options and the superblock's.
#[track_caller]
fn shown(node: &Node, disk: &Disk) -> Vec<String> {
    let text = node.ok(&format!(
        "findmnt -n -o VFS-OPTIONS,FS-OPTIONS {}",
        point(disk)
    ));
    let words = text.split([',', ' ', '\n']);
    words.map(str::to_owned).collect()
}

#[track_caller]
fn assert_shown(node: &Node, disk: &Disk, wanted: &[&str]) {
    let shown = shown(node, disk);
    for word in wanted {
        assert!(shown.iter().any(|found| found == word), "{word}: {shown:?}");
    }
}

#[test]
fn words_of_fstab_and_remounts_pass_through() {
    let lab = Lab::new("words");
    let disk = lab.disk("volume").label("words").format();
    let [node] = lab.boot();
    online(&node);
    let point = point(&disk);
    let words = "nofail,_netdev,user,exec,x-systemd.automount,comment=a";
    node.ok(&format!(
        "mkdir {point} && echo LABEL=words {point} ocfs2 {words} 0 0 >> /etc/fstab
        mount {point}"
    ));
    assert_shown(&node, &disk, &["rw", "nosuid", "nodev", "heartbeat=local"]);
    assert!(!shown(&node, &disk).contains(&"noexec".to_owned()));
    assert_beats(&node, &disk);

    node.ok(&format!("mount -o remount,ro {point}"));
    assert_shown(&node, &disk, &["ro", "heartbeat=local"]);
    node.fails(1, &format!("touch {point}/file"));
    assert_beats(&node, &disk);
    node.ok(&format!("mount -o remount,rw {point}"));
    node.ok(&format!("touch {point}/file"));
    node.ok(&format!("mount -o remount,commit=9,noatime {point}"));
    assert_shown(&node, &disk, &["rw", "commit=9", "noatime"]);
    // The remount of a device by its name, with none of the old options.
    node.ok(&format!(
        "mount -t ocfs2 -o remount,ro {} {point}",
        disk.device()
    ));
    assert_shown(&node, &disk, &["ro"]);
    assert_beats(&node, &disk);
    umount(&node, &disk);
    node.assert_clean();

    node.ok(&format!("mount -o ro {point}"));
    assert_shown(&node, &disk, &["ro"]);
    assert_beats(&node, &disk);
    umount(&node, &disk);
    node.assert_clean();
    bring_down(&node);
    lab.end();
}

#[test]
fn words_of_the_driver_reach_it() {
    let (lab, node, disk) = Lab::with_volume("driver-words");
    let (device, point) = (disk.device(), point(&disk));
    node.ok(&format!("mkdir {point}"));

    // Nothing is mounted and nothing is joined.
    node.ok(&format!("mount -f -t ocfs2 {device} {point}"));
    node.fails(32, &format!("mountpoint -q {point}"));
    node.assert_clean();

    let said = node.ok(&format!(
        "mount -v -t ocfs2 -o noatime,noexec,data=writeback,errors=continue {device} {point}"
    ));
    assert!(
        said.contains(&format!(
            "{device} on {point} type ocfs2 (rw,noexec,noatime,_netdev,"
        )),
        "{said}"
    );
    let words = ["noatime", "noexec", "data=writeback", "errors=continue"];
    assert_shown(&node, &disk, &words);
    umount(&node, &disk);
    node.assert_clean();

    let refused = node.fails(32, &format!("mount -t ocfs2 -o foo=bar {device} {point}"));
    assert!(
        refused.stderr.contains("the driver refuses a mount option")
            && refused.stderr.contains("foo=bar"),
        "{refused}"
    );
    node.assert_clean();
    node.ok(&format!(
        "mount -s -t ocfs2 -o foo,commit=8 {device} {point}"
    ));
    assert_shown(&node, &disk, &["commit=8"]);
    // Whose heartbeat it is follows from the volume, whatever is asked.
    umount(&node, &disk);
    node.ok(&format!(
        "mount -t ocfs2 -o heartbeat=none {device} {point}"
    ));
    assert_shown(&node, &disk, &["heartbeat=local"]);
    assert_beats(&node, &disk);
    umount(&node, &disk);
    node.assert_clean();
    bring_down(&node);
    lab.end();
}

#[test]
fn the_heartbeat_thread_has_real_time_priority() {
    let (lab, node, disk) = Lab::with_volume("priority");
    mount(&node, &disk);
    let pid = node.ok(&format!("cat {}/pid", disk.region()));
    let ionice = format!("ionice -p {}", pid.trim());
    assert_eq!(node.ok(&ionice), "realtime: prio 0\n");
    node.ok(&format!("ocfs2_hb_ctl -P -d {} -n 3", disk.device()));
    assert_eq!(node.ok(&ionice), "realtime: prio 3\n");
    node.ok(&format!("ocfs2_hb_ctl -P -u {}", disk.uuid()));
    assert_eq!(node.ok(&ionice), "realtime: prio 0\n");
    assert!(
        node.ok(&format!("ls /sys/block/{}", disk.name()))
            .contains("queue")
    );
    umount(&node, &disk);
    bring_down(&node);
    lab.end();
}
