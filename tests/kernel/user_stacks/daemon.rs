//! A volume of the cman stack: the kernel's part by dlm_controld, the daemon's by the peer.

mod doubt;

use super::{CONF, corosync_conf, up};
use crate::rig::{CLUSTER, Disk, Lab, Node};

/// A node, alone in its cluster, and a volume of that; no daemon runs.
fn cman(name: &str) -> (Lab, Disk, Node) {
    let lab = Lab::new(name);
    let disk = lab.disk("volume").cluster("cman", CLUSTER).format();
    let [node] = lab.nodes().file(CONF, &corosync_conf(1)).boot();
    (lab, disk, node)
}

/// Starts the peer in the node.
#[track_caller]
fn start_peer(node: &Node) {
    let program = std::env::current_exe().expect("this program's own name");
    node.ok(&format!(
        "export PEER_DIRECTORY=/run/peer
        /host{} --exact --nocapture peer::rules::the_peer_keeps_the_daemons_rules \
         > /run/peer.log 2>&1 &",
        program.display()
    ));
    node.wait_for("grep -q ocfs2_controld_sock /proc/net/unix");
}

#[track_caller]
fn order(node: &Node, orders: &str) {
    node.ok(&format!("echo '{orders}' > /run/peer/orders"));
}

/// What was said to the peer and by it since the last time.
#[track_caller]
fn notes(node: &Node, disk: &Disk) -> Vec<String> {
    let text = node.ok("[ ! -e /run/peer/notes ] || { cat /run/peer/notes; rm /run/peer/notes; }");
    let lines = text.lines().filter(|line| !line.ends_with(" ."));
    lines.map(|line| line.replace(&disk.uuid(), "U")).collect()
}

/// The same, but only what was said to the peer: its answer to a process that was killed may
/// come late.
#[track_caller]
fn heard(node: &Node, disk: &Disk) -> Vec<String> {
    let mut notes = notes(node, disk);
    notes.retain(|note| note.contains(" < "));
    notes
}

/// No bug of the daemon has been set off since the last time.
#[track_caller]
fn sound(node: &Node, disk: &Disk) {
    let said = notes(node, disk);
    assert!(!said.iter().any(|note| note.starts_with('!')), "{said:?}");
}

/// What the kernel runs when a superblock ends; its default, before the first call of o2cb, is
/// /sbin/ocfs2_hb_ctl.
#[track_caller]
fn callout(node: &Node, program: &str) {
    node.ok(&format!(
        "modprobe ocfs2 && echo {program} > /proc/sys/fs/ocfs2/nm/hb_ctl_path"
    ));
}

/// The services that the daemon has.
#[track_caller]
fn services(node: &Node, disk: &Disk) -> Vec<String> {
    let shown = node.ok(&format!("ocfs2_hb_ctl -I -u {}", disk.uuid()));
    notes(node, disk);
    let own = format!("\t{} ", disk.uuid());
    let line = shown.lines().find_map(|line| line.strip_prefix(&own));
    let services = line.unwrap_or_default().split(',').map(str::to_owned);
    services.filter(|service| !service.is_empty()).collect()
}

#[test]
fn cman_volumes_are_joined_and_left_through_the_daemon() {
    let (lab, disk, node) = cman("cman");
    let device = disk.device();
    up(&node);
    start_peer(&node);
    callout(&node, "/bin/true");

    node.ok(&format!(
        "mkdir '/run/a b' /run/c /run/d && mount -t ocfs2 {device} '/run/a b'"
    ));
    assert_eq!(
        notes(&node, &disk),
        [
            "1 < MOUNT ocfs2 U webc /dev/ubda /run/a b",
            "1 > STATUS 0 OK",
            "1 < MRESULT ocfs2 U 0 /run/a b",
            "1 > STATUS 0 OK",
        ]
    );
    assert_eq!(node.ok("cat /sys/fs/ocfs2/cluster_stack"), "cman\n");
    node.ok("echo x > '/run/a b/file'");

    // One more mount is one more service, a bind mount none, and none goes before the last.
    node.ok(&format!("mount -t ocfs2 {device} /run/c"));
    let said = notes(&node, &disk);
    assert_eq!(
        said[1], "2 > STATUS 114 Already mounted, go ahead",
        "{said:?}"
    );
    node.ok("mount --bind /run/c /run/d && umount /run/d && umount '/run/a b'");
    assert_eq!(notes(&node, &disk), [""; 0]);
    // Its service is there yet.
    node.ok(&format!("mount -t ocfs2 {device} '/run/a b'"));
    assert_eq!(notes(&node, &disk), [""; 0]);
    node.ok("mount --move '/run/a b' /run/d && umount /run/c");
    assert_eq!(services(&node, &disk), ["/run/a b", "/run/c"]);
    let refused = node.fails(1, &format!("ocfs2_hb_ctl -K -u {}", disk.uuid()));
    let reason = "the volume is mounted, and its group must not be left (unmount it first)";
    refused.says(reason);
    assert_eq!(notes(&node, &disk), [""; 0]);
    node.ok("umount /run/d");
    let left = heard(&node, &disk);
    assert!(left[0].ends_with("< UNMOUNT ocfs2 U /run/a b"), "{left:?}");
    assert!(left[1].ends_with("< UNMOUNT ocfs2 U /run/c"), "{left:?}");
    assert_eq!(services(&node, &disk), [""; 0]);
    assert_eq!(
        node.ok("ls /run/ocfs2box /sys/kernel/dlm"),
        "/run/ocfs2box:\n\n/sys/kernel/dlm:\n"
    );

    further_mounts_and_names(&node, &disk);

    // Two at once take turns.
    order(&node, "MOUNT slow 500");
    node.ok(&format!(
        "mount -t ocfs2 {device} /run/c & first=$!
        mount -t ocfs2 {device} /run/d && wait $first"
    ));
    assert_eq!(services(&node, &disk).len(), 2);
    node.ok("umount /run/c & first=$!; umount /run/d && wait $first");
    assert_eq!(services(&node, &disk), [""; 0]);

    // Killed while the daemon joins, and while it takes the result.
    for (orders, message) in [("MOUNT held", "MOUNT"), ("MRESULT silence", "MRESULT")] {
        notes(&node, &disk);
        order(&node, orders);
        node.ok(&format!(
            "mount.ocfs2 {device} /run/c & pid=$!
            until grep -q '< {message}' /run/peer/notes; do sleep 0.1; done
            kill -9 $pid; wait $pid; true"
        ));
        order(&node, "");
        if message == "MRESULT" {
            assert_eq!(services(&node, &disk), ["/run/c"], "it is mounted");
        } else {
            node.ok(&format!("mount -t ocfs2 {device} /run/c"));
        }
        node.ok("umount /run/c");
        assert_eq!(services(&node, &disk), [""; 0], "{orders}");
    }
    assert_eq!(
        node.ok("ls /run/ocfs2box /sys/kernel/dlm"),
        "/run/ocfs2box:\n\n/sys/kernel/dlm:\n"
    );
    notes(&node, &disk);

    // Who cannot lock does not join.
    node.ok("o2cb online-status");
    notes(&node, &disk);
    let refused = node.fails(125, &format!("o2cb exec -d {device} -- true"));
    let said = "locks of the stack cman are not supported here: this kernel's dlmfs does not";
    refused.says(said);
    assert_eq!(heard(&node, &disk), [""; 0]);

    // The driver refuses: the daemon hears which errno, and nothing stays joined.
    let refused = node.fails(32, &format!("mount -t ocfs2 -o nonsense {device} /run/c"));
    let said = heard(&node, &disk);
    assert!(
        said[1].ends_with("< MRESULT ocfs2 U 22 /run/c"),
        "{said:?} {refused}"
    );
    assert_eq!(services(&node, &disk), [""; 0]);
    node.assert_clean();
    lab.end();
}

#[test]
fn detached_superblock_keeps_the_daemons_group() {
    let (lab, disk, node) = cman("cman-unseen");
    let device = disk.device();
    up(&node);
    start_peer(&node);

    for program in ["/bin/true", "/sbin/ocfs2_hb_ctl"] {
        callout(&node, program);
        outlive(&node, &disk);
    }

    callout(&node, "/bin/true");
    // No process waits any more: the next call makes up for it.
    node.ok(&format!(
        "set -e; mount -t ocfs2 {device} /mnt; exec 9> /mnt/open; umount -l /mnt
        pkill -9 -x umount.ocfs2; exec 9>&-"
    ));
    node.wait_until_released(device);
    assert_eq!(services(&node, &disk), ["/mnt"]);
    node.fails(1, &format!("ocfs2_hb_ctl -K -d {device} nobody"));
    assert_eq!(services(&node, &disk), [""; 0]);
    assert_eq!(node.ok("ls /sys/kernel/dlm"), "");
    node.wait_until_clean();

    // By the kernel's callout, even where no applet was called.
    callout(&node, "/sbin/ocfs2_hb_ctl");
    node.ok(&format!("mount -t ocfs2 {device} /mnt && umount -i /mnt"));
    let said = notes(&node, &disk);
    let left: Vec<_> = said
        .iter()
        .filter(|note| note.contains("UNMOUNT"))
        .collect();
    assert_eq!(left.len(), 1, "{said:?}");
    assert_eq!(services(&node, &disk), [""; 0]);
    node.ok(&format!("mount -t ocfs2 {device} /mnt && umount /mnt"));
    assert_eq!(services(&node, &disk), [""; 0]);
    node.assert_clean();
    lab.end();
}

/// One that fails, and places whose names are no text, long ones cut inside a character.
#[track_caller]
fn further_mounts_and_names(node: &Node, disk: &Disk) {
    let device = disk.device();
    node.ok(&format!("mount -t ocfs2 {device} /run/d"));
    for _ in 0..2 {
        notes(node, disk);
        node.fails(32, &format!("mount -t ocfs2 -o ro {device} /run/c"));
        let said = heard(node, disk);
        let said: Vec<_> = said.iter().map(|note| &note[note.len() - 20..]).collect();
        assert_eq!(
            said[1..],
            ["RESULT ocfs2 U 0 /run/c", "UNMOUNT ocfs2 U /run/c"]
                .map(|text| &text[text.len() - 20..])
        );
        assert_eq!(services(node, disk), ["/run/d"]);
    }
    node.ok(&format!(
        r#"set -e
        for name in 'caf\351' 'cut \303' $(printf 'x%.0s' {{1..59}})$(printf '\\303\\251%.0s' {{1..40}}); do
            point=$(printf /run/$name'x') point=${{point%x}}
            mkdir -- "$point"
            mount -t ocfs2 {device} "$point"
            ! ocfs2_hb_ctl -S -d {device} "$point" 2> /run/said
            grep -a 'already mounted on' /run/said
            ocfs2_hb_ctl -I -d {device} > /dev/null
            umount "$point"
            ocfs2_hb_ctl -K -d {device} "$point"
            mount -t ocfs2 {device} "$point"
            umount "$point"
        done
        umount /run/d"#
    ));
    assert_eq!(services(node, disk), [""; 0]);
}

/// By the process that waits, or by the kernel's callout.
#[track_caller]
fn outlive(node: &Node, disk: &Disk) {
    let device = disk.device();
    // A lazy unmount, while a file is open.
    node.ok(&format!(
        "mount -t ocfs2 {device} /mnt
        (exec 9> /mnt/open; echo > /run/ready; while [ ! -e /run/stop ]; do sleep 0.2; done) \
         < /dev/null > /dev/null 2>&1 &
        until [ -e /run/ready ]; do sleep 0.1; done
        umount -l /mnt"
    ));
    assert_eq!(node.run("grep ' ocfs2 ' /proc/mounts").stdout, "");
    node.ok("sleep 3");
    assert_eq!(services(node, disk), ["/mnt"]);
    // Mounted again, it is the same superblock and the same service.
    node.ok(&format!("mount -t ocfs2 {device} /mnt && umount /mnt"));
    assert_eq!(services(node, disk), ["/mnt"]);
    node.ok("touch /run/stop");
    node.wait_for("[ ! -e /run/ocfs2box/* ]");
    assert_eq!(services(node, disk), [""; 0]);
    node.wait_until_clean();

    // Another mount namespace, which no process here sees.
    node.ok(&format!(
        "rm /run/ready /run/stop; mount -t ocfs2 {device} /mnt"
    ));
    let other = node.start("unshare -m --propagation private bash -c 'echo > /run/ready; while [ ! -e /run/stop ]; do sleep 0.2; done; echo there > /mnt/file'");
    node.wait_for("[ -e /run/ready ]");
    node.ok("umount /mnt && sleep 3");
    assert_eq!(services(node, disk), ["/mnt"]);
    node.ok("touch /run/stop");
    assert_eq!(other.wait().code, 0);
    node.wait_for("[ ! -e /run/ocfs2box/* ]");
    assert_eq!(services(node, disk), [""; 0]);
    node.ok("rm /run/ready /run/stop");
}
