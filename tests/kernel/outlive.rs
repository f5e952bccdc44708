//! Superblocks that outlive their last visible mount.

use crate::rig::{CLUSTER, Lab, Node};

/// The process that waits for the end of a superblock, by what it is a child of.
const WAITERS: &str = "pgrep -fx 'umount.ocfs2 .*|/sbin/umount.ocfs2 .*|/usr/sbin/umount.ocfs2 .*'";

fn online(node: &Node) {
    node.ok(&format!("o2cb online {CLUSTER}"));
}

fn wait_until_gone(node: &Node) {
    node.wait_for("! ls -d /sys/kernel/config/cluster/webc/heartbeat/*/");
    node.wait_for(&format!("! {WAITERS}"));
    node.wait_until_clean();
}

/// The kernel has ended the superblock, and no longer claims the device.
pub fn is_released(device: &str) -> String {
    format!("perl -MFcntl -e 'exit !sysopen(my $f, \"{device}\", O_RDONLY | O_EXCL)'")
}

#[test]
fn a_lazy_unmount_leaves_when_the_last_file_is_closed() {
    let lab = Lab::new("lazy");
    let disks = [lab.disk("a").format(), lab.disk("b").format()];
    let [node] = lab.boot();
    online(&node);
    node.ok("mkdir /mnt/a /mnt/b /mnt/c");
    node.ok(&format!(
        "mount -t ocfs2 {} /mnt/a & mount -t ocfs2 {} /mnt/b & wait",
        disks[0].device(),
        disks[1].device()
    ));
    node.ok(&format!("mount -t ocfs2 {} /mnt/c", disks[0].device()));
    let open = node.start("exec 9> /mnt/a/open 8> /mnt/b/open; echo ready > /run/ready; while [ ! -e /run/stop ]; do sleep 0.2; echo x >&9; done; echo last >&9; echo last >&8");
    node.wait_for("[ -e /run/ready ]");
    // In one call, as an admin would; umount(8) runs the helper once for each.
    node.ok("umount -l /mnt/a /mnt/b; umount -l /mnt/c");
    assert_eq!(node.run("grep ' ocfs2 ' /proc/mounts").stdout, "");
    node.ok("sleep 4");
    assert_eq!(node.regions().len(), 2, "both still beat");
    for disk in &disks {
        assert_eq!(node.references(&disk.uuid()), 1);
    }
    // Except while they look.
    node.wait_for(&format!(
        "waiters=$({WAITERS}) || exit
        for pid in $waiters; do
        rss=$(sed -n 's/^VmRSS:[^0-9]*\\([0-9]*\\) kB/\\1/p' /proc/$pid/status)
        echo resident: $rss; [ $rss -lt 1024 ] || exit 1
        [ \"$(readlink /proc/$pid/ns/mnt)\" = \"$(readlink /proc/1/ns/mnt)\" ] || exit 2
        [ \"$(readlink /proc/$pid/cwd)\" = / ] || exit 3
        for fd in /proc/$pid/fd/*; do [ \"$(readlink $fd)\" = /dev/null ] || exit 4; done
        done"
    ));
    let refused = node.fails(1, "o2cb offline");
    assert!(refused.stderr.contains("is in use"), "{}", refused.stderr);
    node.ok("touch /run/stop");
    assert_eq!(open.wait().code, 0);
    wait_until_gone(&node);
    node.ok("o2cb offline");
    lab.end();
}

#[test]
fn another_mount_namespace_keeps_the_heartbeat() {
    let lab = Lab::new("namespace");
    let disk = lab.disk("volume").format();
    let [node] = lab.boot();
    online(&node);
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
        node.wait_for(&is_released(a));
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
    let lab = Lab::new("ending");
    let disk = lab.disk("volume").format();
    let [node] = lab.boot();
    online(&node);
    let (device, uuid) = (disk.device(), disk.uuid());
    let name = device.trim_start_matches("/dev/");
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
        assert!(refused.stderr.contains("out of sight"), "{refused}");
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
