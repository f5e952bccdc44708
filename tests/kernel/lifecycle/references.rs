//! ocfs2_hb_ctl by hand: what it prints, starts, stops and leaves alone.

use super::{assert_beats, assert_references, assert_silent, bring_down, mount, point, umount};
use crate::rig::{Disk, Lab, Node};

/// The counts that our tool and the C tool print, by device and by UUID.
#[track_caller]
fn assert_info(node: &Node, disk: &Disk, count: u32) {
    let (device, uuid) = (disk.device(), disk.uuid());
    let wanted = format!("{uuid}: {count} refs\n");
    for target in [format!("-d {device}"), format!("-u {uuid}")] {
        for tool in ["ocfs2_hb_ctl", "/ctools/ocfs2_hb_ctl"] {
            assert_eq!(
                node.ok(&format!("{tool} -I {target}")),
                wanted,
                "{tool} {target}"
            );
        }
    }
}

#[test]
fn starts_and_stops_by_hand_are_counted() {
    let (lab, node, disk) = Lab::with_volume("by-hand");
    let (device, uuid) = (disk.device(), disk.uuid());
    // Asking makes nothing.
    assert_eq!(
        node.ok(&format!(
            "ocfs2_hb_ctl -I -d {device}; ocfs2_hb_ctl -I -u {uuid}"
        )),
        format!("{uuid}: 0 refs\n{uuid}: 0 refs\n")
    );
    node.assert_clean();
    node.fails(1, &format!("ocfs2_hb_ctl -K -d {device} me"));
    node.assert_clean();

    node.ok(&format!("ocfs2_hb_ctl -S -d {device} me"));
    assert_info(&node, &disk, 1);
    node.ok(&format!("ocfs2_hb_ctl -S -u {uuid} me"));
    assert_info(&node, &disk, 2);
    let refused = node.fails(1, "o2cb offline");
    refused.says("by 2 programs or mounts");
    node.ok(&format!("ocfs2_hb_ctl -K -d {device} me"));
    assert_info(&node, &disk, 1);
    node.ok(&format!("ocfs2_hb_ctl -K -u {uuid} me"));
    node.assert_clean();

    // C starts, we stop, and the other way round.
    node.ok(&format!(
        "ocfs2_hb_ctl -S -d {device} me && /ctools/ocfs2_hb_ctl -S -d {device} me"
    ));
    assert_info(&node, &disk, 2);
    node.ok(&format!("/ctools/ocfs2_hb_ctl -K -d {device} me"));
    assert_info(&node, &disk, 1);
    node.ok(&format!("/ctools/ocfs2_hb_ctl -K -d {device} me"));
    node.assert_clean();
    node.ok(&format!(
        "/ctools/ocfs2_hb_ctl -S -d {device} me && ocfs2_hb_ctl -S -d {device} me"
    ));
    assert_info(&node, &disk, 2);
    node.ok(&format!(
        "ocfs2_hb_ctl -K -d {device} me && ocfs2_hb_ctl -K -u {uuid} me"
    ));
    node.assert_clean();
    bring_down(&node);
    lab.end();
}

#[test]
fn the_reference_of_a_mounted_volume_is_not_to_be_taken() {
    let (lab, node, disk) = Lab::with_volume("not-to-be-taken");
    let (device, uuid, point) = (disk.device(), disk.uuid(), point(&disk));
    mount(&node, &disk);
    for stop in [
        format!("-d {device} {point}"),
        format!("-u {uuid} me"),
        format!("-u {uuid}"),
    ] {
        let refused = node.fails(1, &format!("ocfs2_hb_ctl -K {stop}"));
        let named = format!("in use: the volume is mounted on {point} (unmount it first)");
        refused.says(&named);
        assert_info(&node, &disk, 1);
    }
    node.ok(&format!("ocfs2_hb_ctl -S -d {device} me"));
    assert_info(&node, &disk, 2);
    node.ok(&format!("ocfs2_hb_ctl -K -d {device} me"));
    assert_beats(&node, &disk);

    // A user that outlasts the mount keeps the heartbeat, whichever came first.
    node.ok(&format!("ocfs2_hb_ctl -S -d {device} me"));
    umount(&node, &disk);
    assert_references(&node, &disk, 1);
    mount(&node, &disk);
    assert_references(&node, &disk, 2);
    node.ok(&format!("ocfs2_hb_ctl -K -d {device} me"));
    assert_beats(&node, &disk);
    umount(&node, &disk);
    assert_silent(&node, &disk);
    node.assert_clean();

    // The C tool takes it to zero, and the kernel alone keeps the heartbeat.
    mount(&node, &disk);
    node.fails(1, &format!("/ctools/ocfs2_hb_ctl -K -d {device} me"));
    assert_references(&node, &disk, 0);
    node.ok(&format!("touch {point}/file"));
    node.ok(&format!(
        "mkdir /mnt/more && mount -t ocfs2 {device} /mnt/more"
    ));
    umount(&node, &disk);
    node.ok("umount /mnt/more");
    node.assert_clean();
    bring_down(&node);
    lab.end();
}
