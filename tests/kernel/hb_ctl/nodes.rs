//! Who beats on a disk.

use super::Stranger;
use crate::rig::{Lab, has};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

#[test]
fn each_node_is_named_and_a_dead_or_unknown_one_is_shown() {
    let lab = Lab::new("hb-nodes");
    let disk = lab.disk("volume").label("data").format();
    let device = disk.device();
    let [n1, n2] = lab.boot();
    n1.ok("echo 'O2CB_HEARTBEAT_THRESHOLD=16' > /etc/default/o2cb");
    n2.ok("echo 'O2CB_HEARTBEAT_THRESHOLD=16' > /etc/default/o2cb");
    n1.ok(&format!("o2cb online && mount.ocfs2 {device} /mnt"));
    // No driver is loaded, no cluster online: the disk and cluster.conf tell.
    let nodes = format!("ocfs2_hb_ctl -I -d {device} --nodes");
    has(
        &n2.wait_until(&nodes, |output| output.stdout.contains(": alive")),
        &[
            " on /dev/ubda, label data, cluster webc (o2cb)\n",
            "  node 1 n1: alive, dead after 32 s, generation ",
            "  node 2 n2 (this node): never\n",
        ],
    );
    assert_eq!(n2.ok("lsmod | grep -c ocfs2; true").trim(), "0");
    n2.fails(1, &format!("ocfs2_hb_ctl -I -d {device} --quiet"));

    n2.ok(&format!("o2cb online && mount.ocfs2 {device} /mnt"));
    let both = [
        "  node 1 n1 (this node): alive",
        "  node 2 n2: alive, dead after 32 s",
    ];
    let text = n1.wait_until("ocfs2_hb_ctl -I --nodes", |output| {
        output.stdout.matches(": alive").count() == 2
    });
    has(&text, &both);
    let long = n1.ok("ocfs2_hb_ctl -I --long");
    println!("{long}");
    has(
        &long,
        &[
            "cluster webc, local heartbeat\n",
            "  state: beats on ubda\n",
            "  references: 1, one marked as the mounted volume's; last changed by process ",
            "  mounted on: /mnt\n",
            "  needed by: the mounted volume\n",
            "  thread: ",
        ],
    );
    assert!(!long.contains("wrong"), "{long}");
    n1.ok("ocfs2_hb_ctl -I --quiet");
    n1.ok(&format!(
        "ocfs2_hb_ctl -I --quiet -u {}",
        disk.uuid().to_lowercase()
    ));

    // Another machine, and rubbish in slots of no node.
    let json = n1.ok(&format!("ocfs2_hb_ctl -I -d {device} --json"));
    let stranger = Stranger::on(&disk, &json);
    stranger.write(20, &[0xFF; 512]);
    stranger.write(21, b"#!/bin/sh");
    let noise: Vec<u8> = (0..512u32).map(|n| (n * n % 251) as u8).collect();
    stranger.write(22, &noise);
    let done = AtomicBool::new(false);
    let text = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                stranger.beat(3);
                thread::sleep(Duration::from_secs(2));
            }
        });
        // A node that stands still for a while is not seen to beat.
        let text = n1.wait_until("ocfs2_hb_ctl -I --nodes", |output| {
            output.stdout.matches(": alive").count() == 3
        });
        done.store(true, Ordering::Relaxed);
        text
    });
    has(&text, &both);
    let foreign = "  node 3: alive, and the cluster has no such node, dead after 62 s, generation 0000000000005eed\n";
    has(&text, &[foreign]);
    for slot in [20, 21, 22] {
        let damaged = format!("  node {slot}: damaged: a block with a wrong checksum\n");
        has(&text, &[&damaged]);
    }

    // A power cut.
    n2.kill();
    n1.wait_for("ocfs2_hb_ctl -I --nodes | grep -q 'node 2 n2: stale, last beat'");
    let json = n1.ok("ocfs2_hb_ctl -I --nodes --json");
    let stale = r#"{"number": 2, "name": "n2", "known": true, "local": false, "state": "stale""#;
    has(&json, &[stale, r#""state": "beating""#, r#""thread": "#]);
    // It comes back, and leaves in good order.
    n2.power_on();
    n2.ok("echo 'O2CB_HEARTBEAT_THRESHOLD=16' > /etc/default/o2cb");
    n2.ok(&format!(
        "o2cb online && mount.ocfs2 {device} /mnt && umount.ocfs2 /mnt"
    ));
    has(&n1.ok("ocfs2_hb_ctl -I --nodes"), &["  node 2 n2: left "]);
    n1.ok("umount.ocfs2 /mnt && o2cb offline");
    lab.end();
}
