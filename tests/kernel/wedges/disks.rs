//! Disks that are pulled or hang under a heartbeat.

use crate::rig::{CLUSTER, Lab, has};

/// A heartbeat on a disk that is gone would have the node fence itself; not within this test.
#[test]
fn a_pulled_disk_takes_its_heartbeat_along() {
    let lab = Lab::new("repair-pulled");
    let disk = lab.disk("volume").format();
    let [node] = lab.nodes().memory_mb(320).boot();
    let (device, uuid) = (disk.device(), disk.uuid());
    node.ok("echo O2CB_HEARTBEAT_THRESHOLD=601 > /etc/default/o2cb");
    node.ok(&format!("o2cb online {CLUSTER}"));
    node.ok("modprobe scsi_debug dev_size_mb=64 && modprobe sd_mod");
    node.wait_for("[ -b /dev/sda ]");
    node.ok(&format!("dd if={device} of=/dev/sda bs=1M status=none"));
    node.ok("ocfs2_hb_ctl -S -d /dev/sda x && echo 1 > /sys/block/sda/device/delete");
    let found =
        format!("{uuid}: its device sda is gone, so that it cannot beat any more (1 reference)");
    let said = node.ok("ocfs2_hb_ctl --repair --dry-run");
    assert_eq!(said, format!("{found}: would be removed\n"));
    let said = node.ok("ocfs2_hb_ctl --repair");
    assert_eq!(said, format!("{found}: removed\n"));
    node.wait_until_clean();

    // And one that is mounted: the kernel keeps what it needs.
    node.ok("echo '- - -' > /sys/class/scsi_host/host0/scan");
    node.wait_for("[ -b /dev/sda ]");
    node.ok("mount.ocfs2 /dev/sda /mnt && echo 1 > /sys/block/sda/device/delete");
    let output = node.fails(1, "ocfs2_hb_ctl --repair");
    assert!(
        output
            .stdout
            .contains("its device sda is gone, and its volume is still mounted: left alone"),
        "{output}"
    );
    assert_eq!(node.regions(), [uuid]);
    node.ok("umount -l /mnt");
    node.wait_for("ocfs2_hb_ctl --repair");
    node.wait_until_clean();
    lab.end();
}

/// A disk that answers nothing any more is named, beside others that do.
#[test]
fn a_disk_that_hangs_is_named_beside_the_others() {
    let lab = Lab::new("hb-hangs");
    let [hangs, good] = ["hangs", "good"].map(|name| lab.disk(name).format());
    let [node] = lab.nodes().memory_mb(192).boot();
    node.ok("modprobe dm-mod && o2cb online");
    let said = node.run(&format!(
        r#"
        export DM_DISABLE_UDEV=1
        read -r sectors < /sys/block/ubda/size
        dmsetup create between --table "0 $sectors linear {0} 0" || exit 90
        mkdir -p /mnt/1 /mnt/2
        mount.ocfs2 /dev/mapper/between /mnt/1 || exit 91
        mount.ocfs2 {1} /mnt/2 || exit 92
        ocfs2_hb_ctl -I --watch > /run/watched & pid=$!
        until grep -q 'dm-0: .*alive' /run/watched && grep -q 'ubdb: .*alive' /run/watched; do sleep 0.1; done
        dmsetup suspend --noflush --nolockfs between
        ocfs2_hb_ctl -I --nodes; code=$?
        until grep -q 'does not answer' /run/watched; do sleep 0.1; done
        kill $pid; wait $pid || exit 93
        dmsetup resume between
        cat /run/watched
        umount.ocfs2 /mnt/1 && umount.ocfs2 /mnt/2 || exit 94
        exit $code
        "#,
        hangs.device(),
        good.device()
    ));
    println!("{said}");
    assert_eq!(said.code, 1, "{said}");
    has(
        &said.stdout,
        &[
            "  not read: the device does not answer, for ",
            " on /dev/ubdb, cluster webc (o2cb)\n  node 1 n1 (this node): alive",
            &format!("{} ubdb: 1 n1* alive\n", good.uuid()),
            " dm-0: 1 n1* ? (the device does not answer, for ",
        ],
    );
    lab.end();
}
