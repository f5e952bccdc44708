//! Superblocks that live on where the unmounting process cannot see them.

use super::{
    assert_beats, assert_references, assert_silent, at_once, background, bring_down, end, mount,
    name, online, point, umount, wait_for_silence,
};
use crate::rig::{Disk, Lab, Node};

/// A mount namespace of its own, with the mounts of this moment; ends with the process.
fn namespace(node: &Node) -> String {
    let pid = background(node, "unshare --mount sleep 10000");
    node.wait_for(&format!("grep -q sleep /proc/{pid}/comm"));
    pid
}

/// The kernel has let go of the volume.
fn wait_for_end(node: &Node, disk: &Disk) {
    let name = name(disk);
    node.wait_for(&format!("! compgen -G '/proc/fs/jbd2/{name}-*'"));
}

#[track_caller]
fn assert_offline_refuses(node: &Node, disk: &Disk, user: &str) {
    let refused = node.fails(1, "o2cb offline");
    let uuid = disk.uuid();
    assert!(refused.stderr.contains("is in use"), "{refused}");
    let named = format!("region {uuid} by {user}");
    assert!(refused.stderr.contains(&named), "{named}: {refused}");
}

fn end_waiters(node: &Node) {
    node.ok("pkill -x umount.ocfs2");
    node.wait_for("! pgrep -x umount.ocfs2");
}

/// Unmounts what lives on, and ends the process that waits for its end.
fn umount_and_kill_waiter(node: &Node, disk: &Disk) {
    umount(node, disk);
    end_waiters(node);
    assert_beats(node, disk);
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
    assert!(refused.stderr.contains(&place), "{refused}");
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
    let lab = Lab::new("namespace-option");
    let disk = lab.disk("volume").format();
    let [node] = lab.boot();
    online(&node);
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

#[test]
fn a_lazily_unmounted_volume_beats_while_a_file_is_open() {
    let lab = Lab::new("lazy");
    let disks = ["a", "b", "c", "d"].map(|name| lab.disk(name).format());
    let [by_itself, again, by_offline, other] = &disks;
    let [node] = lab.boot();
    online(&node);
    at_once(&disks, |disk| mount(&node, disk));
    let pids = disks.each_ref().map(|disk| write_on_demand(&node, disk));
    // What waits for the end keeps nothing that its caller had.
    node.ok(&format!(
        "cd {0} && exec 7< . && umount -l {1}",
        point(other),
        point(by_offline)
    ));
    end(&node, &pids[3]);
    umount(&node, other);
    assert_silent(&node, other);
    end_waiters(&node);

    for disk in [by_itself, again] {
        node.ok(&format!("umount -l {}", point(disk)));
    }
    let unseen = [by_itself, again, by_offline];
    for (disk, pid) in unseen.iter().zip(&pids) {
        assert_beats(&node, disk);
        node.ok(&format!("echo written > /run/go.{}", name(disk)));
        node.wait_for(&format!("grep -qx written /proc/{pid}/fd/6"));
        assert_beats(&node, disk);
    }
    assert_offline_refuses(&node, by_offline, "a volume that is mounted out of sight");

    // Back in sight, it is the same superblock.
    mount(&node, again);
    assert_beats(&node, again);
    for pid in &pids[..3] {
        end(&node, pid);
    }
    umount(&node, again);
    wait_for_silence(&node, by_itself);
    wait_for_end(&node, by_offline);
    node.ok("o2cb offline");
    node.wait_until_clean();

    online(&node);
    at_once(&unseen, |disk| {
        mount(&node, disk);
        assert_eq!(node.ok(&format!("cat {}/file", point(disk))), "written\n");
        umount(&node, disk);
    });
    bring_down(&node);
    lab.end();
}

/// Starts a process that holds a file of the volume open and writes what it is told into it.
fn write_on_demand(node: &Node, disk: &Disk) -> String {
    let (name, point) = (name(disk), point(disk));
    node.ok(&format!("mkfifo /run/go.{name}"));
    let pid = background(
        node,
        &format!(
            "(exec 5<>/run/go.{name} 6>{point}/file
            while read -r word <&5; do echo $word >&6; sync /proc/self/fd/6; done)"
        ),
    );
    node.wait_for(&format!("[ -e {point}/file ]"));
    pid
}

#[test]
fn who_comes_late_to_a_superblocks_end_takes_no_other_reference() {
    let lab = Lab::new("late");
    let disk = lab.disk("volume").format();
    let [node] = lab.boot();
    online(&node);
    mount(&node, &disk);
    node.ok(&format!("ocfs2_hb_ctl -S -d {} me", disk.device()));
    let writer = write_on_demand(&node, &disk);
    node.ok(&format!("umount -l {}", point(&disk)));
    assert_references(&node, &disk, 2);
    let waiter = node.ok("pgrep -x umount.ocfs2");
    node.ok(&format!("kill -STOP {waiter}"));
    end(&node, &writer);
    wait_for_end(&node, &disk);
    // As the kernel calls it.
    node.ok(&format!("ocfs2_hb_ctl -K -u {}", disk.uuid()));
    assert_references(&node, &disk, 1);
    node.ok(&format!("kill -CONT {waiter}"));
    node.wait_for("! pgrep -x umount.ocfs2");
    assert_references(&node, &disk, 1);
    node.ok(&format!("ocfs2_hb_ctl -K -d {} me", disk.device()));
    node.assert_clean();
    bring_down(&node);
    lab.end();
}
