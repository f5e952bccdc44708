//! Others that use the volume, here and on other nodes.

use super::{assert_clean, online};
use crate::rig::{CLUSTER, Lab};

#[test]
fn node_that_has_the_volume_mounted_is_named() {
    let (lab, [n1, n2], disk) = online("exec-mounted");
    let device = disk.device();
    n2.ok(&format!("mount -t ocfs2 {device} /mnt"));
    let run = format!("o2cb exec -x -d {device} -- touch /tmp/ran");
    let refused = n1.fails(125, &run);
    let says =
        format!("o2cb: {device}: the volume is in use on n2 (unmount it there, or wait with -w)\n");
    assert_eq!(refused.stderr, says);
    n1.fails(1, "test -e /tmp/ran");
    assert_clean(&n1);
    n2.ok("touch /mnt/file");
    // Beside it, without the lock.
    n1.ok(&format!(
        "o2cb exec -d {device} -- touch /tmp/ran && rm /tmp/ran"
    ));
    assert_clean(&n1);

    // One that waits begins when it is unmounted.
    let waiting = format!("o2cb exec -v -x -w 120 -d {device} -- touch /tmp/ran");
    let waiting = n1.start(&waiting);
    assert!(!waiting.ends_within(15.0));
    n1.fails(1, "test -e /tmp/ran");
    n2.ok("umount /mnt");
    let done = waiting.wait();
    assert_eq!(done.code, 0, "{done}");
    let says = format!(
        "{device}: waiting: the volume is in use on n2 (unmount it there, or wait with -w)\n"
    );
    done.says(&says);
    n1.ok("test -e /tmp/ran");
    for node in [&n1, &n2] {
        assert_clean(node);
    }
    lab.end();
}

#[test]
fn two_at_once_fail_or_wait_as_asked() {
    let (lab, [n1, n2], disk) = online("exec-two");
    let device = disk.device();
    let hold = "until [ -e /tmp/go ]; do sleep 0.1; done";
    let first = n1.start(&format!(
        "o2cb exec -x -d {device} -- bash -c 'touch /tmp/up; {hold}'"
    ));
    n1.wait_for("test -e /tmp/up");
    let run = format!("o2cb exec -x -d {device} -- true");
    let refused = n1.fails(125, &run);
    refused.says("another process here works on it");
    let refused = n2.fails(125, &run);
    refused.says("another node has locked the volume");
    assert_clean(&n2);
    // The C tools are kept out as well, and a mount waits.
    n2.fails(8, &format!("fsck.ocfs2 -fy {device}"));
    assert_clean(&n2);
    let began = std::time::Instant::now();
    n2.fails(125, &format!("o2cb exec -x -w 3 -d {device} -- true"));
    assert!(began.elapsed().as_secs() >= 3);

    let here = n1.start(&format!(
        "o2cb exec -x -w 120 -d {device} -- touch /tmp/here"
    ));
    let there = n2.start(&format!(
        "o2cb exec -x -w 120 -d {device} -- touch /tmp/there"
    ));
    let mount = n2.start(&format!("mount -t ocfs2 {device} /mnt && umount /mnt"));
    assert!(!there.ends_within(20.0) && !here.ends_within(0.1));
    n1.fails(1, "test -e /tmp/here");
    n2.fails(1, "test -e /tmp/there || grep ' /mnt ocfs2' /proc/mounts");
    n1.ok("touch /tmp/go");
    assert_eq!(first.wait().code, 0);
    for job in [mount, here, there] {
        let done = job.wait();
        assert_eq!(done.code, 0, "{done}");
    }
    for node in [&n1, &n2] {
        assert_clean(node);
    }
    lab.end();
}

/// The C tools of the same node would get the same lock.
#[test]
fn a_tool_that_works_on_it_here_is_seen() {
    let (lab, [node], disk) = online("exec-beside-fsck");
    let device = disk.device();
    // Stopped as soon as it has the lock.
    let fsck = node.start(&format!(
        r#"
        fsck.ocfs2 -fy {device} > /tmp/said & pid=$!
        shopt -s nullglob
        until lock=(/dlm/*/S*) && [ "$lock" ]; do kill -0 $pid || exit; done
        kill -STOP $pid; touch /tmp/up
        until [ -e /tmp/go ]; do sleep 0.1; done
        kill -CONT $pid; wait $pid"#
    ));
    node.wait_for("[ -e /tmp/up ]");
    let refused = node.fails(125, &format!("o2cb exec -x -d {device} -- true"));
    refused.says("another process here works on it");
    node.ok(&format!(
        "(sleep 3; touch /tmp/go) & o2cb exec -x -w 100 -d {device} -- true"
    ));
    assert_eq!(fsck.wait().code, 0);
    assert_clean(&node);
    lab.end();
}

/// Waits end at once, whatever the kernel is at.
#[test]
fn a_signal_ends_each_wait() {
    let (lab, [n1, n2], disk) = online("exec-interrupted");
    let device = disk.device();
    n2.ok(&format!("mount -t ocfs2 {device} /mnt"));
    let run = format!("o2cb exec -x -w 1000 -d {device} -- true");
    let interrupt = |until: &str, at_once: &str| {
        let script = format!(
            r#"
            {run} & pid=$!
            {until}
            kill -TERM $pid; wait $pid; code=$?
            {at_once} || echo late >&2
            exit $code"#
        );
        let output = n1.fails(125, &script);
        assert_eq!(output.stderr, format!("o2cb: {device}: interrupted\n"));
    };
    // For the volume to be free.
    interrupt(
        "until [ -e /dlm/*/.* ]; do sleep 0.1; done; sleep 3",
        "true",
    );
    assert_clean(&n1);
    // For the other nodes, which cannot be reached.
    n1.ok("ip route add blackhole 192.0.2.2/32");
    interrupt(
        "until read -r dev < /sys/kernel/config/cluster/webc/heartbeat/*/dev && [ \"$dev\" ]; do sleep 0.1; done 2> /dev/null; sleep 4",
        // The child that joins is still at it.
        "pgrep -x o2cb > /dev/null",
    );
    n1.ok("ip route del blackhole 192.0.2.2/32");
    assert_clean(&n1);
    n2.ok("touch /mnt/file && umount /mnt");
    lab.end();
}

/// The mount waits for the lock, and the lock for the mount.
#[test]
fn a_command_that_mounts_the_volume_itself_can_be_ended() {
    let (lab, [node], disk) = online("exec-mounts");
    let device = disk.device();
    let pid = node.ok(&format!(
        "o2cb exec -x -d {device} -- mount -t ocfs2 {device} /mnt > /dev/null 2>&1 & echo $!"
    ));
    node.wait_for("pgrep -x mount.ocfs2");
    node.fails(1, "sleep 8; grep ' /mnt ocfs2' /proc/mounts");
    node.ok(&format!("kill -KILL {pid}"));
    // Which of them is killed first is not known; both leave the volume in order.
    node.wait_for("! pgrep -x mount.ocfs2 && ! pgrep -x mount");
    node.ok("! grep ' /mnt ocfs2' /proc/mounts || umount /mnt");
    node.ok(&format!(
        "mount -t ocfs2 {device} /mnt && touch /mnt/file && umount /mnt"
    ));
    assert_clean(&node);
    lab.end();
}

/// While a process of this node waits in open(2) for a lock, no other drops locks of that domain.
#[test]
fn exec_leaves_its_domain_whatever_locks_are_being_opened() {
    let lab = Lab::new("exec-opening");
    let [disk, second] = ["volume", "second"].map(|name| lab.disk(name).format());
    let [node] = lab.boot();
    node.ok(&format!("o2cb online {CLUSTER}"));
    for disk in [&disk, &second] {
        node.ok(&format!("ocfs2_hb_ctl -S -d {} me", disk.device()));
    }
    let left = format!("! [ -e /dlm/{} ]", disk.uuid());
    let hold = "flock -s $file sleep";
    // Of another volume, for ever.
    node.ok(&format!("o2cb exec -d {} -- true", second.device()));
    node.ok(&format!(
        "for file in /run/ocfs2box/locks*; do {hold} 1000 > /dev/null 2>&1 & done"
    ));
    node.ok(&format!("o2cb exec -d {} -- true; {left}", disk.device()));
    // Of this one, for a moment.
    node.ok(&format!(
        r#"o2cb exec -d {} -- bash -c '
            for file in /run/ocfs2box/locks*; do {hold} 1 > /dev/null 2>&1 & done
            sleep 0.3'
        {left}"#,
        disk.device()
    ));
    for disk in [&disk, &second] {
        node.ok(&format!("ocfs2_hb_ctl -K -d {} me", disk.device()));
    }
    node.ok("pkill -x sleep; o2cb offline && o2cb unload");
    lab.end();
}
