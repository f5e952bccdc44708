//! What the doctor finds on disks, and of the nodes that beat on them.

use super::{connect, finds, furnish, mounted, sane};
use crate::world::{DEAD_MS, Disk, Era, World, Writer, says};

#[test]
fn a_sane_node_with_a_mounted_volume_has_nothing() {
    let world = sane();
    let _own = mounted(&world);
    let peer = Writer::start(&world, "ubda", 2, DEAD_MS);
    connect(&world, &[[192, 0, 2, 2]]);
    world.log.forget();
    finds(&world, &[], 0, &[]);
    assert!(world.log.all().is_empty(), "nobody else connects");
    // The peer has unmounted, and the kernels are no more connected.
    drop(peer);
    connect(&world, &[]);
    finds(&world, &[], 0, &[]);
    assert_eq!(world.log.all(), ["? connect 192.0.2.2:7777"]);
}

#[test]
fn a_volume_s_own_faults_are_found() {
    let world = sane();
    world.volume("ubda", "-N 1");
    finds(&world, &["/dev/ubda"], 1, &["slots-few"]);
    let stamp = |cluster: &str| format!("-N 2 --cluster-stack=o2cb --cluster-name={cluster}");
    world.volume("ubdb", &stamp("other"));
    finds(&world, &["/dev/ubdb"], 1, &["volume-elsewhere"]);
    let (_, printed) = world.ended("o2cb", &["doctor", "/dev/ubdb"]);
    says(
        &printed,
        "it belongs to cluster \"other\" (stack o2cb), not to \"webc\"",
    );
    world.volume("ubdc", &stamp("webc"));
    finds(&world, &["/dev/ubdc"], 0, &[]);
    Disk::open(&world, "ubdc").mounted_by(&[1, 7]);
    finds(&world, &["/dev/ubdc"], 0, &[]);
    Disk::open(&world, "ubdc").mounted_by(&[5, 7]);
    finds(&world, &["/dev/ubdc"], 2, &["slots-full"]);
    world.volume("ubdd", "-M local");
    finds(&world, &["/dev/ubdd"], 0, &[]);
    world.write("/dev/ubde", "text");
    finds(&world, &["/dev/ubde"], 2, &["device-unreadable"]);
    finds(&world, &["/dev/none"], 2, &["device-unreadable"]);
}

#[test]
fn strangers_on_the_disk_are_found() {
    let world = sane();
    world.volume("ubda", "-N 2");
    let args = ["/dev/ubda"];
    let stranger = Writer::start(&world, "ubda", 7, DEAD_MS);
    finds(&world, &args, 2, &["foreign-node"]);
    drop(stranger);
    // It has stopped, and nothing beats.
    finds(&world, &args, 0, &[]);
    let double = Writer::start(&world, "ubda", 1, DEAD_MS);
    finds(&world, &args, 2, &["number-taken"]);
    drop(double);
    let other = Writer::start(&world, "ubda", 2, 122_000);
    finds(&world, &args, 2, &["threshold-differs"]);
    drop(other);
    // Of the 1.2 era, which does not say.
    let old = Writer::start(&world, "ubda", 2, 0);
    finds(&world, &args, 0, &[]);
    // It beats, and would not be reached.
    let refusal = libc::ECONNREFUSED.to_string();
    world.write("/.fake/peers/192.0.2.2:7777", &refusal);
    finds(&world, &args, 2, &["peer-cut-off"]);
    drop(old);
    // Another cluster's node of the same number is another node.
    world.volume("ubdb", "-N 2 --cluster-stack=o2cb --cluster-name=other");
    let theirs = Writer::start(&world, "ubdb", 2, DEAD_MS);
    finds(
        &world,
        &["/dev/ubdb"],
        1,
        &["volume-elsewhere", "peer-offline"],
    );
    drop(theirs);
    Disk::open(&world, "ubda").write(200, &[0xA5; 512]);
    world.write("/.fake/peers/192.0.2.2:7777", "");
    finds(&world, &args, 1, &["slot-damaged"]);
}

#[test]
fn two_machines_of_one_number_are_found_while_both_beat() {
    let world = sane();
    let own = mounted(&world);
    finds(&world, &[], 0, &[]);
    drop(own);
    let _both = Writer::of_machines(&world, "ubda", 1, 2, DEAD_MS);
    finds(&world, &[], 2, &["number-taken"]);
}

#[test]
fn a_peer_that_beats_and_is_not_connected_is_cut_off() {
    let world = sane();
    let _own = mounted(&world);
    let _peer = Writer::start(&world, "ubda", 2, DEAD_MS);
    world.write(
        "/dev/kmsg",
        "5,1,9,-;o2net: node n2 (num 2) at 192.0.2.2:7777 uses a network idle timeout of 10000 \
         ms, but we use 30000 ms locally. Disconnecting.\n",
    );
    let (code, printed) = world.ended("o2cb", &["doctor", "--json"]);
    assert_eq!(code, 2, "{printed}");
    assert!(
        printed.contains("\"code\": \"peer-cut-off\"")
            && printed.contains("the kernel's log: o2net: node n2 (num 2)")
            && printed.contains("but we use 30000 ms"),
        "{printed}"
    );
}

/// What a node of a lower number would take for the kernel's own connection is not made.
#[test]
fn no_node_connects_downward_while_a_region_beats() {
    let world = World::bare(Era::Now);
    world.write("/proc/sys/kernel/hostname", "n2\n");
    world.ok("o2cb", &["online"]);
    furnish(&world);
    world.write(
        "/proc/net/fib_trie",
        "     |-- 192.0.2.2\n  /32 host LOCAL\n",
    );
    world.log.forget();
    finds(&world, &[], 0, &[]);
    assert_eq!(world.log.all(), ["? connect 192.0.2.1:7777"]);
    world.volume("ubda", "-N 2");
    world.mount("/mnt");
    world.log.forget();
    finds(&world, &[], 1, &["not-checked"]);
    assert!(world.log.all().is_empty());
}

/// The kernel's heartbeat goes on where configfs is not to be seen, such as in a container.
#[test]
fn its_own_heartbeat_is_not_taken_for_another_s() {
    let world = sane();
    let _own = mounted(&world);
    let mounts = world.read("/proc/self/mountinfo");
    let hidden: Vec<&str> = mounts
        .lines()
        .filter(|line| !line.contains("configfs"))
        .collect();
    world.write("/proc/self/mountinfo", &(hidden.join("\n") + "\n"));
    world.log.forget();
    finds(&world, &[], 1, &["configfs-unmounted", "not-checked"]);
    assert_eq!(world.log.all(), ["? connect 192.0.2.2:7777"]);
}
