//! Each fault of a node by itself.

use super::{finds, sane};
use crate::world::World;

/// Each breaks one thing of a sane node, and is found as that and nothing else.
#[test]
fn each_fault_is_found_by_its_code() {
    type Break = fn(&World);
    let cases: &[(Break, u8, &[&str])] = &[
        (
            |world| {
                let text = world.read("/etc/ocfs2/cluster.conf");
                let odd = text.replace("node_count = 2", "node_count = 3") + "\n";
                world.write("/etc/ocfs2/cluster.conf", &odd);
            },
            1,
            &["config-odd"],
        ),
        (
            |world| world.write("/etc/default/o2cb", "if [ -e /x ]; then :; fi\n"),
            1,
            &["config-odd"],
        ),
        (
            |world| world.write("/etc/default/o2cb", " O2CB_ENABLED=true\n"),
            2,
            &["settings-invalid"],
        ),
        (
            |world| world.write("/etc/ocfs2/cluster.conf", "cluster\n"),
            2,
            &["config-invalid"],
        ),
        (
            |world| world.write("/etc/default/o2cb", "O2CB_HEARTBEAT_THRESHOLD=2\n"),
            2,
            &["settings-invalid"],
        ),
        (
            |world| world.write("/etc/default/o2cb", "O2CB_STACK=abcd\n"),
            2,
            &["settings-invalid"],
        ),
        (
            |world| world.write("/etc/default/o2cb", "O2CB_BOOTCLUSTER=ocfs2\n"),
            2,
            &["settings-invalid"],
        ),
        (
            |world| world.write("/etc/default/o2cb", "O2CB_HB_CTL_PATH=/none\n"),
            1,
            &["hb-ctl-missing"],
        ),
        (
            |world| world.write("/proc/sys/fs/ocfs2/nm/hb_ctl_path", "/none\n"),
            1,
            &["hb-ctl-missing"],
        ),
        (
            |world| {
                drop(world.run("o2cb", &["offline"]));
                world.write("/.fake/ports/192.0.2.1:7777", "");
            },
            2,
            &["port-taken", "cluster-offline"],
        ),
        (
            // The kernel itself listens there.
            |world| world.write("/.fake/ports/192.0.2.1:7777", ""),
            0,
            &[],
        ),
        (
            |world| world.write("/proc/sys/kernel/hostname", "n9\n"),
            2,
            &["not-a-node"],
        ),
        (
            |world| {
                world.write(
                    "/proc/net/fib_trie",
                    "     |-- 192.0.2.9\n  /32 host LOCAL\n",
                )
            },
            2,
            &["address-missing"],
        ),
        (
            |world| std::fs::remove_file(world.path("/proc/net/fib_trie")).unwrap(),
            1,
            &["not-checked"],
        ),
        (
            |world| world.write("/etc/default/o2cb", "O2CB_HEARTBEAT_THRESHOLD=61\n"),
            1,
            &["config-not-applied"],
        ),
        (
            |world| drop(world.run("o2cb", &["offline"])),
            1,
            &["cluster-offline"],
        ),
        (
            |world| std::fs::remove_file(world.path("/sbin/umount.ocfs2")).unwrap(),
            2,
            &["hb-ctl-path"],
        ),
        (
            |world| world.write("/proc/sys/kernel/panic", "0\n"),
            1,
            &["panic-hangs"],
        ),
        (
            |world| world.write("/proc/sys/kernel/panic_on_oops", "0\n"),
            1,
            &["oops-survived"],
        ),
        (
            |world| {
                let region = "8D55D77D7EF74F4E8E964F519A7060BF";
                world.write(
                    &format!("/sys/kernel/config/cluster/webc/heartbeat/{region}/dev"),
                    "\n",
                );
            },
            2,
            &["region-half-started"],
        ),
        (
            |world| {
                let region = "8D55D77D7EF74F4E8E964F519A7060BF";
                let directory = format!("/sys/kernel/config/cluster/webc/heartbeat/{region}");
                world.write(&format!("{directory}/dev"), "gone\n");
            },
            2,
            &["device-unreadable", "region-orphaned"],
        ),
        (
            |world| {
                world.write(
                    "/etc/fstab",
                    "# x ocfs2\nUUID=\"0-1\" /mnt ocfs2 noauto 0 0\n",
                )
            },
            2,
            &["device-unreadable"],
        ),
        (
            |world| {
                world.write(
                    "/.fake/peers/192.0.2.2:7777",
                    &libc::ECONNREFUSED.to_string(),
                )
            },
            1,
            &["peer-offline"],
        ),
        (
            |world| {
                world.write(
                    "/.fake/peers/192.0.2.2:7777",
                    &libc::EINPROGRESS.to_string(),
                )
            },
            1,
            &["peer-unreachable"],
        ),
        (
            |world| {
                world.write(
                    "/.fake/peers/192.0.2.2:7777",
                    &libc::EHOSTUNREACH.to_string(),
                )
            },
            1,
            &["peer-unreachable"],
        ),
        (
            |world| {
                world.write("/sys/class/block/dm-0/dm/uuid", "mpath-3600\n");
                world.write(
                    "/etc/multipath.conf",
                    "defaults {\n\tno_path_retry queue\n}\n",
                );
            },
            1,
            &["threshold-low"],
        ),
        (
            // 59 seconds: this node restarts after 60.
            |world| world.write("/sys/class/iscsi_session/session1/recovery_tmo", "59\n"),
            0,
            &[],
        ),
        (
            |world| world.write("/sys/class/iscsi_session/session1/recovery_tmo", "120\n"),
            1,
            &["threshold-low"],
        ),
    ];
    for (break_it, code, codes) in cases {
        let world = sane();
        world.directory("/etc/default");
        break_it(&world);
        world.log.forget();
        finds(&world, &[], *code, codes);
    }
}
