//! Each fault of a node by itself.

use super::{finds, sane};
use crate::world::World;
use std::fs;

const DEFAULTS: &str = "/etc/default/o2cb";
const PEER: &str = "/.fake/peers/192.0.2.2:7777";
const PORT: &str = "/.fake/ports/192.0.2.1:7777";
const REGION: &str =
    "/sys/kernel/config/cluster/webc/heartbeat/8D55D77D7EF74F4E8E964F519A7060BF/dev";
const RECOVERY: &str = "/sys/class/iscsi_session/session1/recovery_tmo";

/// A file of a sane node, a text that it gets, the exit code then, and what is found.
type Written<'a> = (&'a str, &'a str, u8, &'a [&'a str]);

/// Each breaks one thing of a sane node, and is found as that and nothing else.
#[test]
fn each_file_with_a_fault_is_found_by_its_code() {
    let [refused, waiting, unreachable] =
        [libc::ECONNREFUSED, libc::EINPROGRESS, libc::EHOSTUNREACH].map(|errno| errno.to_string());
    let fib = "     |-- 192.0.2.9\n  /32 host LOCAL\n";
    let fstab = "# x ocfs2\nUUID=\"0-1\" /mnt ocfs2 noauto 0 0\n";
    let cases: &[Written] = &[
        (DEFAULTS, "if [ -e /x ]; then :; fi\n", 1, &["config-odd"]),
        (DEFAULTS, " O2CB_ENABLED=true\n", 2, &["settings-invalid"]),
        (
            "/etc/ocfs2/cluster.conf",
            "cluster\n",
            2,
            &["config-invalid"],
        ),
        (
            DEFAULTS,
            "O2CB_HEARTBEAT_THRESHOLD=2\n",
            2,
            &["settings-invalid"],
        ),
        (DEFAULTS, "O2CB_STACK=abcd\n", 2, &["settings-invalid"]),
        (
            DEFAULTS,
            "O2CB_BOOTCLUSTER=ocfs2\n",
            2,
            &["settings-invalid"],
        ),
        (DEFAULTS, "O2CB_HB_CTL_PATH=/none\n", 1, &["hb-ctl-missing"]),
        (
            "/proc/sys/fs/ocfs2/nm/hb_ctl_path",
            "/none\n",
            1,
            &["hb-ctl-missing"],
        ),
        // The kernel itself listens there.
        (PORT, "", 0, &[]),
        ("/proc/sys/kernel/hostname", "n9\n", 2, &["not-a-node"]),
        ("/proc/net/fib_trie", fib, 2, &["address-missing"]),
        (
            DEFAULTS,
            "O2CB_HEARTBEAT_THRESHOLD=61\n",
            1,
            &["config-not-applied"],
        ),
        ("/proc/sys/kernel/panic", "0\n", 1, &["panic-hangs"]),
        (
            "/proc/sys/kernel/panic_on_oops",
            "0\n",
            1,
            &["oops-survived"],
        ),
        (REGION, "\n", 2, &["region-half-started"]),
        (
            REGION,
            "gone\n",
            2,
            &["device-unreadable", "region-orphaned"],
        ),
        ("/etc/fstab", fstab, 2, &["device-unreadable"]),
        (PEER, &refused, 1, &["peer-offline"]),
        (PEER, &waiting, 1, &["peer-unreachable"]),
        (PEER, &unreachable, 1, &["peer-unreachable"]),
        // 59 seconds: this node fences itself after 60.
        (RECOVERY, "59\n", 0, &[]),
        (RECOVERY, "120\n", 1, &["threshold-low"]),
    ];
    for (path, text, code, codes) in cases {
        check(|world| world.write(path, text), *code, codes);
    }
}

#[track_caller]
fn check(break_it: impl Fn(&World), code: u8, codes: &[&str]) {
    let world = sane();
    world.directory("/etc/default");
    break_it(&world);
    world.log.forget();
    finds(&world, &[], code, codes);
}

#[test]
fn each_other_fault_is_found_by_its_code() {
    let odd = |world: &World| {
        let text = world.read("/etc/ocfs2/cluster.conf");
        let odd = text.replace("node_count = 2", "node_count = 3") + "\n";
        world.write("/etc/ocfs2/cluster.conf", &odd);
    };
    check(odd, 1, &["config-odd"]);
    let offline = |world: &World| drop(world.run("o2cb", &["offline"]));
    check(offline, 1, &["cluster-offline"]);
    let taken = |world: &World| {
        offline(world);
        world.write(PORT, "");
    };
    check(taken, 2, &["port-taken", "cluster-offline"]);
    let remove =
        |path: &'static str| move |world: &World| fs::remove_file(world.path(path)).unwrap();
    check(remove("/proc/net/fib_trie"), 1, &["not-checked"]);
    check(remove("/sbin/umount.ocfs2"), 2, &["hb-ctl-path"]);
    let queues = |world: &World| {
        world.write("/sys/class/block/dm-0/dm/uuid", "mpath-3600\n");
        let defaults = "defaults {\n\tno_path_retry queue\n}\n";
        world.write("/etc/multipath.conf", defaults);
    };
    check(queues, 1, &["threshold-low"]);
}
