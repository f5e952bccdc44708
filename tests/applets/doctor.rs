//! o2cb doctor: what it finds, and that it finds nothing where nothing is wrong.

mod disks;
mod faults;
pub mod regions;

use crate::world::{DEAD_MS, Era, World, Writer};

/// A node on which all is well: n1 of two, online, with nothing mounted.
pub fn sane() -> World {
    let world = World::online(Era::Now);
    furnish(&world);
    world
}

pub fn furnish(world: &World) {
    world.write(
        "/proc/net/fib_trie",
        "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 192.0.2.1\n        /32 host LOCAL\n     |-- \
         192.0.2.2\n        /24 link UNICAST\n",
    );
    connect(world, &[]);
    world.write("/proc/sys/kernel/panic", "30\n");
    world.write("/proc/sys/kernel/panic_on_oops", "1\n");
    world.write("/proc/sys/kernel/osrelease", "6.1.0\n");
    world.write("/sbin/umount.ocfs2", "");
}

/// The kernel of 192.0.2.1 is connected to these, which have called it.
fn connect(world: &World, peers: &[[u8; 4]]) {
    let word = |address: [u8; 4]| u32::from_ne_bytes(address);
    let mut table = "  sl  local_address rem_address   st tx_queue rx_queue\n".to_owned();
    for (at, peer) in peers.iter().enumerate() {
        let (here, there) = (word([192, 0, 2, 1]), word(*peer));
        table += &format!("   {at}: {here:08X}:1E61 {there:08X}:C001 01 00000000:00000000\n");
    }
    world.write("/proc/net/tcp", &table);
}

/// A mounted volume on ubda, on which this node's kernel beats.
fn mounted(world: &World) -> Writer {
    world.volume("ubda", "-N 2");
    world.mount("/mnt");
    Writer::start(world, "ubda", 1, DEAD_MS)
}

/// What is found, in order, and the exit code.
#[track_caller]
fn found(world: &World, args: &[&str]) -> (u8, Vec<String>) {
    let args = [&["doctor"], args].concat();
    let before = world.log.calls();
    let (code, printed) = world.ended("o2cb", &args);
    assert_eq!(world.log.calls(), before, "it changes nothing");
    let heads = printed.lines().filter(|line| !line.starts_with("    "));
    let codes = heads.map(|line| {
        let (_, code) = line.rsplit_once(" [").expect(line);
        code.trim_end_matches(']').to_owned()
    });
    (code, codes.collect())
}

#[track_caller]
fn finds(world: &World, args: &[&str], code: u8, codes: &[&str]) {
    let (ended, found) = found(world, args);
    if (ended, found.iter().map(String::as_str).collect::<Vec<_>>()) != (code, codes.to_vec()) {
        let (_, printed) = world.ended("o2cb", &["doctor"]);
        panic!("{ended} {found:?}, not {code} {codes:?}: {printed}");
    }
}

#[test]
fn a_sane_node_has_nothing() {
    let world = sane();
    finds(&world, &[], 0, &[]);
    assert_eq!(world.log.all(), ["? connect 192.0.2.2:7777"]);
    let json = world.ended("o2cb", &["doctor", "--json"]);
    assert_eq!(json, (0, "{\"schema\": 1, \"findings\": []}\n".into()));
    world.volume("ubda", "-N 2");
    finds(&world, &["/dev/ubda"], 0, &[]);
}

/// From a machine on which nothing was ever set up.
#[test]
fn a_bare_machine_is_diagnosed() {
    let world = World::bare(Era::Now);
    std::fs::remove_file(world.path("/etc/ocfs2/cluster.conf")).unwrap();
    finds(
        &world,
        &[],
        2,
        &[
            "config-missing",
            "not-checked",
            "cluster-offline",
            "not-checked",
        ],
    );
    furnish(&world);
    world.configure("local");
    let modules = "kernel/fs/configfs/configfs.ko:\nkernel/fs/ocfs2/ocfs2.ko.xz: x.ko\n\
                   kernel/fs/ocfs2/ocfs2_stack_o2cb.ko.xz:\n";
    world.write("/lib/modules/6.1.0/modules.dep", modules);
    finds(&world, &[], 2, &["module-missing", "cluster-offline"]);
    world.write(
        "/lib/modules/6.1.0/modules.builtin",
        "kernel/fs/ocfs2/dlmfs/ocfs2_dlmfs.ko\n",
    );
    finds(&world, &[], 1, &["cluster-offline"]);
}

#[test]
fn another_stack_is_left_to_its_daemon() {
    let world = sane();
    world.ok("o2cb", &["offline"]);
    world.write("/sys/fs/ocfs2/cluster_stack", "pcmk\n");
    finds(&world, &[], 1, &["not-checked"]);
}

#[test]
fn the_drivers_of_old_are_diagnosed_too() {
    let world = World::online(Era::Old);
    furnish(&world);
    finds(&world, &[], 0, &[]);
    world.write("/proc/fs/ocfs2_nodemanager/hb_dead_threshold", "7\n");
    world.write("/sys/class/iscsi_session/session1/recovery_tmo", "-1\n");
    let (code, printed) = world.ended("o2cb", &["doctor"]);
    assert_eq!(code, 1);
    let head = "warning: iSCSI (session1/recovery_tmo) tries for ever, and this node restarts \
                after 12 s [threshold-low]\n";
    assert!(printed.starts_with(head), "{printed}");
}
