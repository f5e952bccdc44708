//! The reference of a superblock that outlives its mounts, and which process gives it back.

use super::{wait_for_end, write_on_demand};
use crate::lifecycle::{assert_references, bring_down, end, mount, online, point};
use crate::rig::Lab;

#[test]
fn a_killed_waiter_is_made_up_for_by_the_next_call() {
    let lab = Lab::new("waiter-killed");
    let disks = [lab.disk("a").format(), lab.disk("b").format()];
    let [node] = lab.boot();
    online(&node);
    node.ok("mkdir /mnt/a /mnt/b");
    let (a, b) = (disks[0].device(), disks[1].device());
    node.ok(&format!(
        "mount -t ocfs2 {b} /mnt/b & mount -t ocfs2 {a} /mnt/a; wait"
    ));
    let calls = [
        "o2cb offline".to_owned(),
        "o2cb status".to_owned(),
        format!("ocfs2_hb_ctl -S -d {b} x && ocfs2_hb_ctl -K -d {b} x"),
        "umount /mnt/b".to_owned(),
        format!("mount -t ocfs2 {a} /mnt/a && umount /mnt/a"),
    ];
    // `o2cb offline` last: it ends what the others need.
    for call in calls.iter().rev() {
        node.ok(&format!(
            "grep -q ' /mnt/b ' /proc/mounts || mount -t ocfs2 {b} /mnt/b"
        ));
        node.ok(&format!(
            "grep -q ' /mnt/a ' /proc/mounts || mount -t ocfs2 {a} /mnt/a"
        ));
        // The process that waits must not have the file: it would end the superblock as it dies.
        node.ok("exec 9> /mnt/a/open; umount -l /mnt/a 9>&-; pkill -9 -f umount.ocfs2; exec 9>&-");
        node.wait_until_released(a);
        if call == "o2cb offline" {
            node.ok("umount /mnt/b; true");
        }
        node.ok(call);
        assert!(!node.regions().contains(&disks[0].uuid()), "after {call}");
    }
    node.assert_clean();
    lab.end();
}

/// The driver ceases to show a superblock seconds before its lock domain lets the region go.
#[test]
fn stop_beside_an_ending_superblock_waits_for_its_lock_domain() {
    let (lab, node, disk) = Lab::with_volume("ending");
    let (device, uuid) = (disk.device(), disk.uuid());
    let name = disk.name();
    let shown = format!("ls -d /sys/fs/ocfs2/{name} || ls -d /proc/fs/jbd2/{name}-*");
    let stop = format!("ocfs2_hb_ctl -K -u {uuid}");
    // The reference of the superblock alone, twice, and beside a program's.
    for (start, stop) in [
        ("true".to_owned(), stop.clone()),
        ("true".to_owned(), "o2cb offline && o2cb online".to_owned()),
        (
            format!("ocfs2_hb_ctl -S -d {device} me"),
            format!("{stop} && ocfs2_hb_ctl -K -d {device} me"),
        ),
    ] {
        node.ok(&format!("mount -t ocfs2 {device} /mnt && {start}"));
        let open = node.start("exec 9> /mnt/open; touch /run/ready; until [ -e /run/stop ]; do sleep 0.1; done; exec 9>&-");
        node.wait_for("[ -e /run/ready ]");
        node.ok("umount -l /mnt && pkill -9 -f umount.ocfs2");
        // While it lives, it is refused.
        let refused = node.fails(1, &format!("ocfs2_hb_ctl -K -u {uuid}"));
        refused.says("out of sight");
        node.ok(&format!(
            "touch /run/stop; while {shown}; do sleep 0.05; done; {stop}"
        ));
        assert_eq!(open.wait().code, 0);
        node.assert_clean();
        node.ok("rm /run/ready /run/stop");
    }
    node.ok("o2cb offline");
    lab.end();
}

#[test]
fn who_comes_late_to_a_superblocks_end_takes_no_other_reference() {
    let (lab, node, disk) = Lab::with_volume("late");
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
