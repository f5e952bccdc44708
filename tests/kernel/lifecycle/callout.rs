//! Beside C tools: the kernel's callout leaves, and both kinds of tools use one volume.

use super::{
    assert_beats, assert_references, assert_silent, bring_down, mount, mount_at, online, point,
    umount,
};
use crate::rig::{Disk, Lab, Node, at_once};

const HB_CTL_PATH: &str = "/proc/sys/fs/ocfs2/nm/hb_ctl_path";

#[track_caller]
fn c_mount(node: &Node, disk: &Disk, point: &str) {
    let device = disk.device();
    node.ok(&format!(
        "mkdir -p {point} && /ctools/mount.ocfs2 {device} {point}"
    ));
}

#[test]
fn the_kernels_callout_leaves_in_place_of_umount() {
    let lab = Lab::new("callout");
    let disks = ["a", "b", "c"].map(|name| lab.disk(name).format());
    let [node] = lab.boot();
    online(&node);
    assert_eq!(node.ok(&format!("cat {HB_CTL_PATH}")), "/bin/true\n");
    for program in ["/sbin/ocfs2_hb_ctl", "/ctools/ocfs2_hb_ctl"] {
        node.ok(&format!("echo {program} > {HB_CTL_PATH}"));
        at_once(&disks, |disk| mount(&node, disk));
        for disk in &disks {
            assert_beats(&node, disk);
        }
        let [once, twice, without_helper] = &disks;
        umount(&node, once);
        assert_silent(&node, once);

        mount_at(&node, twice, "/mnt/again");
        assert_beats(&node, twice);
        umount(&node, twice);
        assert_beats(&node, twice);
        node.ok("umount /mnt/again");
        assert_silent(&node, twice);

        node.ok(&format!("umount -i {}", point(without_helper)));
        node.assert_clean();
    }
    bring_down(&node);
    lab.end();
}

#[test]
fn a_callout_of_the_sysconfig_file_is_kept() {
    let lab = Lab::new("sysconfig");
    let disk = lab.disk("volume").format();
    let [node] = lab
        .nodes()
        .file(
            "/etc/default/o2cb",
            "O2CB_ENABLED=true\nO2CB_BOOTCLUSTER=webc\nO2CB_HB_CTL_PATH=/usr/sbin/ocfs2_hb_ctl\n",
        )
        .boot();
    online(&node);
    assert_eq!(
        node.ok(&format!("cat {HB_CTL_PATH}")),
        "/usr/sbin/ocfs2_hb_ctl\n"
    );
    mount(&node, &disk);
    // Out of sight, it is the kernel that knows when the volume's end has come.
    let pid = super::background(&node, &format!("sleep 10000 < {}", point(&disk)));
    node.ok(&format!("umount -l {}", point(&disk)));
    assert_beats(&node, &disk);
    super::end(&node, &pid);
    node.wait_until_clean();
    bring_down(&node);
    lab.end();
}

#[test]
fn c_tools_and_ours_mount_the_same_volume() {
    let lab = Lab::new("mixed");
    let disks = ["a", "b"].map(|name| lab.disk(name).format());
    let [c_first, ours_first] = &disks;
    let [node] = lab.boot();
    online(&node);
    at_once(&[0, 1], |&which| match which {
        0 => c_mount(&node, c_first, &point(c_first)),
        _ => mount(&node, ours_first),
    });

    mount_at(&node, c_first, "/mnt/ours");
    assert_beats(&node, c_first);
    umount(&node, c_first);
    assert_beats(&node, c_first);
    node.ok("umount /mnt/ours");
    assert_silent(&node, c_first);

    // C's mount takes a reference more, and nothing distinguishes it from a program's own.
    c_mount(&node, ours_first, "/mnt/c");
    assert_references(&node, ours_first, 2);
    umount(&node, ours_first);
    assert_references(&node, ours_first, 2);
    node.ok("umount /mnt/c");
    assert_references(&node, ours_first, 1);
    node.ok(&format!(
        "ocfs2_hb_ctl -K -d {} /mnt/c",
        ours_first.device()
    ));
    node.assert_clean();

    // C alone mounts, ours unmounts.
    c_mount(&node, c_first, &point(c_first));
    assert_beats(&node, c_first);
    umount(&node, c_first);
    node.assert_clean();
    bring_down(&node);
    lab.end();
}

#[test]
fn c_tools_repair_and_tune_between_mounts() {
    let (lab, node, disk) = Lab::with_volume("repair");
    let (device, point) = (disk.device(), point(&disk));
    mount(&node, &disk);
    node.ok(&format!("echo kept > {point}/file"));
    // Refused on a mounted volume, and the superblock's reference stays.
    let refused = node.run(&format!("fsck.ocfs2 -fy {device}"));
    assert_ne!(refused.code, 0, "{refused}");
    assert_beats(&node, &disk);
    umount(&node, &disk);
    node.assert_clean();

    node.ok(&format!("fsck.ocfs2 -fy {device}"));
    assert_silent(&node, &disk);
    node.ok(&format!("tunefs.ocfs2 -L renamed {device}"));
    assert_silent(&node, &disk);
    mount(&node, &disk);
    assert_eq!(node.ok(&format!("cat {point}/file")), "kept\n");
    assert_beats(&node, &disk);
    umount(&node, &disk);
    node.assert_clean();
    bring_down(&node);
    lab.end();
}
