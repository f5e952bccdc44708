//! Kills of `o2cb exec` at its worst moments.

use super::{assert_clean, online};
use crate::kills;
use crate::rig::{CLUSTER, Disk, Lab, Node};

/// Starts a command under the lock, and says its and the exec's process numbers.
fn start(node: &Node, disk: &Disk) -> (String, String) {
    let device = disk.device();
    let pid = node.ok(&format!(
        "rm -f /tmp/pid; o2cb exec -x -d {device} -- bash -c 'echo $$ > /tmp/pid; sleep 1000 & wait' \
         > /dev/null 2>&1 & echo $!"
    ));
    node.wait_for("test -s /tmp/pid");
    let command = node.ok("cat /tmp/pid");
    (pid.trim().to_owned(), command.trim().to_owned())
}

#[test]
fn a_killed_one_takes_its_command_along_and_leaves_nothing() {
    let (lab, [node], disk) = online("exec-killed");
    let device = disk.device();
    // In the join, at several moments of it.
    for pause in ["0.2", "3", "7.5", "8.5", "9"] {
        node.ok(&format!(
            "o2cb exec -x -d {device} -- sleep 1000 > /dev/null 2>&1 & pid=$!
             sleep {pause}; kill -KILL $pid; wait $pid; pkill -f '^sleep 1000'; true"
        ));
        assert_clean(&node);
    }
    // An interrupted one says so.
    let output = node.fails(
        125,
        &format!(
            "o2cb exec -d {device} -- touch /tmp/ran & pid=$!
             until read -r _ < /sys/kernel/config/cluster/{CLUSTER}/heartbeat/*/pid
             do sleep 0.01; done 2> /dev/null; kill -TERM $pid; wait $pid"
        ),
    );
    assert_eq!(output.stderr, format!("o2cb: {device}: interrupted\n"));
    node.fails(1, "test -e /tmp/ran");
    assert_clean(&node);
    // While the command runs: nothing of it goes on without the lock.
    let (exec, command) = start(&node, &disk);
    node.ok(&format!("kill -KILL {exec}"));
    node.wait_for(&format!("! [ -e /proc/{command} ]"));
    node.ok("pkill -f '^sleep 1000'");
    assert_clean(&node);
    lab.end();
}

/// The process that would tidy up is killed as well: the next call does it.
#[test]
fn the_next_call_makes_up_for_all_of_them() {
    let (lab, [node, other], disk) = online("exec-all-killed");
    let device = disk.device();
    let kill_all = |node: &Node| {
        start(node, &disk);
        // The starter first, or it would see the other's end.
        node.ok(
            "kill -KILL $(pgrep -x o2cb | sort -rn); pkill -KILL -f '^sleep 1000'; ls /dlm/*/S*",
        );
        assert_eq!(node.regions(), [disk.uuid()]);
        assert_eq!(node.references(&disk.uuid()), 0);
    };
    for next in [
        format!("o2cb exec -x -d {device} -- fsck.ocfs2 -fy {device}"),
        format!("mount -t ocfs2 {device} /mnt && umount /mnt"),
        "o2cb offline webc && o2cb online webc".to_owned(),
        format!("ocfs2_hb_ctl -S -d {device} me && ocfs2_hb_ctl -K -d {device} me"),
    ] {
        kill_all(&node);
        node.ok(&next);
        assert_clean(&node);
    }
    // What is left there keeps no other node out that mounts.
    kill_all(&node);
    other.ok(&format!(
        "mount -t ocfs2 {device} /mnt && touch /mnt/file && umount /mnt"
    ));
    assert_clean(&other);
    node.ok("o2cb offline");
    assert_clean(&node);
    lab.end();
}

/// Where another user of the volume started the heartbeat, that one's end takes the rest away.
#[test]
fn a_killed_one_beside_others_is_tidied_by_them() {
    let (lab, [node], disk) = online("exec-killed-beside");
    let device = disk.device();
    let hold = format!(
        "o2cb exec -d {device} -- bash -c 'touch /tmp/up; until [ -e /tmp/go ]; do sleep 0.1; done'"
    );
    let first = node.start(&hold);
    node.wait_for("test -e /tmp/up");
    let (exec, command) = start(&node, &disk);
    node.ok(&format!("kill -KILL {exec}"));
    node.wait_for(&format!("! [ -e /proc/{command} ]"));
    assert_eq!(node.references(&disk.uuid()), 1);
    // Its lock is free again, for another that asks.
    node.ok(&format!("o2cb exec -x -d {device} -- true"));
    node.ok("touch /tmp/go; pkill -f '^sleep 1000'; true");
    assert_eq!(first.wait().code, 0);
    assert_clean(&node);

    node.ok(&format!("mount -t ocfs2 {device} /mnt"));
    node.ok(&format!(
        "rm -f /tmp/up; o2cb exec -d {device} -- bash -c 'touch /tmp/up; sleep 1000' & pid=$!
         until [ -e /tmp/up ]; do sleep 0.1; done; kill -KILL $pid"
    ));
    node.ok("touch /mnt/file && umount /mnt");
    node.ok("pkill -f '^sleep 1000'; true");
    assert_clean(&node);
    node.ok("o2cb offline && o2cb unload");
    lab.end();
}

/// In the join the kernel pins the region, and keeps the killed process for as long as the other
/// node does not answer; the process that started the heartbeat waits for that.
#[test]
fn exec_killed_in_the_join_of_its_domain_leaves_nothing_behind() {
    let lab = Lab::new("exec-killed-join");
    let [disk, second] = ["volume", "second"].map(|name| lab.disk(name).format());
    let nodes: [Node; 2] = lab.boot();
    let mount_second = format!("mount -t ocfs2 {} /srv", second.device());
    for node in &nodes {
        // The connection outlasts the test's silence.
        node.ok("echo O2CB_IDLE_TIMEOUT_MS=120000 > /etc/default/o2cb");
        node.ok(&format!("o2cb online {CLUSTER} && {mount_second}"));
    }
    let [node, other] = &nodes;
    let device = disk.device();
    other.ok(&format!("mount -t ocfs2 {device} /mnt"));
    let exec = node.ok(&format!(
        "o2cb exec -x -d {device} -- sleep 1000 > /dev/null 2>&1 & echo $!"
    ));
    let region = disk.region();
    node.wait_for(&format!("[ -e {region} ]"));
    node.ok("sleep 3; ip route add blackhole 192.0.2.2/32");
    let refers = format!("{} | grep -q ' 1 refs'", super::count(&disk));
    node.wait_for(&refers);
    node.ok(&format!("sleep 1; kill -KILL {exec}"));
    // Longer than the moment that a killed process's locks need.
    std::thread::sleep(std::time::Duration::from_secs(8));
    node.ok(&format!("[ -e {region} ]"));
    node.ok("ip route del blackhole 192.0.2.2/32");
    node.wait_for(&format!("! [ -e {region} ]"));
    for node in &nodes {
        node.ok("umount /srv");
    }
    other.ok("umount /mnt");
    for node in &nodes {
        assert_clean(node);
    }
    lab.end();
}

/// As in `kills::umount`; here it is the rmdir(2) of the domain's directory.
#[test]
fn killed_in_leaving_its_domain_while_the_other_node_does_not_answer() {
    let (lab, [node, other], disk) = online("exec-killed-leaving");
    let exec = |node: &Node| {
        let pid = node.ok(&format!(
            "o2cb exec -d {} -- bash -c 'touch /tmp/up; until [ -e /tmp/go ]; do sleep 0.1; done' \
             > /dev/null 2>&1 & echo $!",
            disk.device()
        ));
        node.wait_for("test -e /tmp/up");
        pid
    };
    let (killed, last) = (exec(&node), exec(&other));
    other.frozen(|| {
        node.ok(&format!(
            "touch /tmp/go; while pgrep -f '^bash -c'; do sleep 0.1; done; sleep 1
             {}",
            kills::ends_by_kill(killed.trim())
        ))
    });
    node.wait_for("! pgrep -x o2cb");
    assert_clean(&node);
    other.ok("touch /tmp/go");
    other.wait_for(&format!("! [ -e /proc/{} ]", last.trim()));
    assert_clean(&other);
    lab.end();
}
