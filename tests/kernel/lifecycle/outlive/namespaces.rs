//! Another mount namespace keeps a volume and its heartbeat.

use super::{assert_offline_refuses, end_waiters, wait_for_end, wait_until_gone};
use crate::lifecycle::{
    assert_beats, assert_silent, background, bring_down, end, mount, online, point, umount,
    wait_for_silence,
};
use crate::rig::{Disk, Lab, Node, at_once};

/// A mount namespace of its own, with the mounts of this moment; ends with the process.
fn namespace(node: &Node) -> String {
    let pid = background(node, "unshare --mount sleep 10000");
    node.wait_for(&format!("grep -q sleep /proc/{pid}/comm"));
    pid
}

/// Unmounts what lives on, and ends the process that waits for its end.
fn umount_and_kill_waiter(node: &Node, disk: &Disk) {
    umount(node, disk);
    end_waiters(node);
    assert_beats(node, disk);
}

#[test]
fn last_process_of_another_namespace_ends_the_heartbeat() {
    let (lab, node, disk) = Lab::with_volume("namespace");
    node.ok(&format!("mount -t ocfs2 {} /mnt", disk.device()));
    let other = node.start("unshare -m --propagation private bash -c 'echo > /run/ready; while [ ! -e /run/stop ]; do sleep 0.2; done; echo there > /mnt/file'");
    node.wait_for("[ -e /run/ready ]");
    node.ok("umount /mnt");
    assert_eq!(node.regions(), [disk.uuid()]);
    assert_eq!(node.references(&disk.uuid()), 1);
    // Unmounted and mounted again meanwhile, it is the same superblock.
    node.ok(&format!(
        "mount -t ocfs2 {} /mnt && sleep 3 && umount /mnt",
        disk.device()
    ));
    assert_eq!(node.references(&disk.uuid()), 1);
    node.ok("touch /run/stop");
    assert_eq!(other.wait().code, 0);
    wait_until_gone(&node);
    lab.end();
}

#[test]
fn another_mount_namespace_keeps_the_heartbeat() {
    let lab = Lab::new("namespace");
    let disks = ["a", "b", "c", "d", "e"].map(|name| lab.disk(name).format());
    let [next_call, by_umount, by_nsenter, again, by_itself] = &disks;
    let [node] = lab.boot();
    online(&node);
    at_once(&disks, |disk| mount(&node, disk));
    let pid = namespace(&node);
    // The other way round, the first namespace keeps it.
    node.ok(&format!("nsenter -m -t {pid} umount {}", point(by_umount)));
    assert_beats(&node, by_umount);
    node.wait_for("! pgrep -x umount.ocfs2");
    node.ok(&format!(
        "nsenter -m -t {pid} mount -t ocfs2 {} {}",
        by_umount.device(),
        point(by_umount)
    ));

    umount_and_kill_waiter(&node, next_call);
    at_once(&disks[1..], |disk| {
        umount(&node, disk);
        assert_beats(&node, disk);
    });
    let place = format!("its volume, mounted on {} of process ", point(again));
    assert_offline_refuses(&node, again, &place);
    // So does a stop by hand, and takes nothing.
    let refused = node.fails(1, &format!("ocfs2_hb_ctl -K -d {} me", again.device()));
    let place = format!("{} of process ", point(again));
    refused.says(&place);
    assert_beats(&node, again);
    node.ok(&format!("nsenter -m -t {pid} touch {}/file", point(again)));
    node.ok(&format!("umount -N {pid} {}", point(by_umount)));
    assert_silent(&node, by_umount);
    node.ok(&format!("nsenter -m -t {pid} umount {}", point(by_nsenter)));
    assert_silent(&node, by_nsenter);
    mount(&node, again);
    assert_beats(&node, again);

    end(&node, &pid);
    wait_for_silence(&node, by_itself);
    wait_for_end(&node, next_call);
    assert_beats(&node, next_call);
    assert_beats(&node, again);
    umount(&node, again);
    assert_eq!(node.regions(), [""; 0]);
    bring_down(&node);
    lab.end();
}

#[test]
fn mounts_can_be_made_and_ended_in_another_namespace() {
    let (lab, node, disk) = Lab::with_volume("namespace-option");
    let pid = namespace(&node);
    let (device, point) = (disk.device(), point(&disk));
    // Only there: nothing of it is to be seen here.
    node.ok(&format!(
        "nsenter -m -t {pid} bash -ec 'mount -t tmpfs tmpfs /srv; mkdir /srv/there'
        mount -N {pid} -t ocfs2 {device} /srv/there"
    ));
    assert_eq!(node.ok("findmnt -t ocfs2"), "");
    node.ok(&format!("grep /srv/there /proc/{pid}/mounts"));
    assert_beats(&node, &disk);

    // Here as well: both orders of ending.
    mount(&node, &disk);
    assert_beats(&node, &disk);
    node.ok(&format!("umount -N {pid} /srv/there"));
    assert_beats(&node, &disk);
    node.ok(&format!("mount.ocfs2 {device} /srv/there -N {pid}"));
    assert_beats(&node, &disk);
    node.ok(&format!("umount {point}"));
    assert_beats(&node, &disk);
    node.ok(&format!("umount.ocfs2 /srv/there -N /proc/{pid}/ns/mnt"));
    node.wait_until_clean();
    end(&node, &pid);
    bring_down(&node);
    lab.end();
}
