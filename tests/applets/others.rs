//! Volumes without a heartbeat of their own, and those that belong elsewhere.

use crate::world::{Era, Volume, World, says};

const NO_SET: [i32; 0] = [];
const O2CB: &str = "--cluster-stack=o2cb --cluster-name=";

#[test]
fn a_local_volume_joins_nothing() {
    let world = World::bare(Era::Now);
    let volume = world.volume("ubda", "-M local");
    world.mount("/mnt");
    let mount = "mount /dev/ubda /mnt ocfs2 0x0 heartbeat=none";
    assert_eq!(world.calls(), ["load ocfs2", mount]);
    world.umount("/mnt");
    assert_eq!(world.calls(), ["umount /mnt 0x8"]);
    assert_eq!(volume.counts(), NO_SET);
}

fn global() -> (World, Volume) {
    let world = World::online(Era::Now);
    let mode = "/sys/kernel/config/cluster/webc/heartbeat/mode";
    world.write(mode, "global\n");
    let region = "/sys/kernel/config/cluster/webc/heartbeat/0123456789ABCDEF0123456789ABCDEF";
    world.write(&format!("{region}/dev"), "ubdz\n");
    let volume = world.volume("ubda", &format!("{O2CB}webc --global-heartbeat"));
    (world, volume)
}

#[test]
fn with_global_heartbeat_no_region_is_touched() {
    let (world, volume) = global();
    world.mount("/mnt");
    let mount = "mount /dev/ubda /mnt ocfs2 0x0 heartbeat=global";
    assert_eq!(world.calls(), [mount, "prefer the heartbeat's I/O"][..1]);
    world.umount("/mnt");
    assert_eq!(world.calls(), ["umount /mnt 0x8"]);
    let uuid = volume.uuid.to_string();
    for args in [
        &["-K", "-u", &uuid][..],
        &["-S", "-d", "/dev/ubda", "x"],
        &["-K", "-d", "/dev/ubda", "x"],
    ] {
        world.ok("ocfs2_hb_ctl", args);
    }
    assert!(world.calls().is_empty());
    assert_eq!(volume.counts(), NO_SET);
}

#[test]
fn both_sides_of_a_mismatch_are_named() {
    let world = World::online(Era::Now);
    world.volume("ubda", &format!("{O2CB}other"));
    world.volume("ubdb", &format!("{O2CB}webc --global-heartbeat"));
    world.volume("ubdc", "--cluster-stack=pcmk --cluster-name=hacl");
    for (device, both) in [
        (
            "/dev/ubda",
            ["belongs to cluster \"other\"", "this node runs \"webc\""],
        ),
        (
            "/dev/ubdb",
            ["made for global heartbeat", "\"webc\" runs local heartbeat"],
        ),
        (
            "/dev/ubdc",
            ["the kernel's DLM is not up", "start corosync"],
        ),
    ] {
        let (code, said) = world.refused("mount.ocfs2", &[device, "/mnt"]);
        assert_eq!(code, 32);
        assert!(both.iter().all(|side| said.contains(side)), "{said}");
        // A driver at most.
        assert!(world.calls().iter().all(|call| call.starts_with("load")));
        assert_eq!(world.read("/sys/fs/ocfs2/cluster_stack"), "o2cb");
    }
}

#[test]
fn a_local_mode_volume_in_a_global_cluster() {
    let (world, _) = global();
    world.volume("ubdb", "");
    let (_, said) = world.refused("mount.ocfs2", &["/dev/ubdb", "/mnt"]);
    let both = "made for local heartbeat, cluster \"webc\" runs global heartbeat";
    says(&said, both);
}

/// The stack is switched for a volume that names it, unless another one is in use.
#[test]
fn another_stack_runs() {
    for (args, active, switched) in [
        (format!("{O2CB}webc"), "", true),
        (format!("{O2CB}webc"), "user\n", false),
        (String::new(), "", false),
    ] {
        let world = World::online(Era::Now);
        world.volume("ubda", &args);
        world.write("/sys/fs/ocfs2/cluster_stack", "pcmk\n");
        world.write("/sys/fs/ocfs2/active_cluster_plugin", active);
        let faked = world.run("mount.ocfs2", &["-f", "/dev/ubda", "/mnt"]);
        assert_eq!(faked.is_ok(), switched);
        assert!(world.calls().is_empty());
        let mounted = world.run("mount.ocfs2", &["/dev/ubda", "/mnt"]);
        let calls = world.calls();
        if switched {
            mounted.unwrap();
            assert_eq!(calls[0], "write /sys/fs/ocfs2/cluster_stack o2cb");
        } else {
            let said = mounted.unwrap_err().to_string();
            says(&said, "(stack o2cb); this node runs the stack pcmk");
            assert!(calls.is_empty(), "{calls:?}");
        }
    }
}

#[test]
fn what_is_not_online_says_what_to_run() {
    let world = World::bare(Era::Now);
    world.volume("ubda", "");
    world.volume("ubdb", &format!("{O2CB}webc"));
    let said = |device: &str| world.refused("mount.ocfs2", &[device, "/mnt"]).1;
    let check = || {
        let none = said("/dev/ubda");
        assert!(none.contains("no cluster is online on this node (run: o2cb online NAME)"));
        let named = said("/dev/ubdb");
        assert!(named.contains("cluster \"webc\" is not online (run: o2cb online webc)"));
    };
    check();
    world.ok("o2cb", &["load"]);
    check();
    world.ok("o2cb", &["online"]);
    world.write("/sys/kernel/config/cluster/webc/node/n1/local", "0\n");
    assert!(said("/dev/ubdb").contains("none of its nodes (n1, n2) is this host"));
}

#[test]
fn fake_changes_nothing() {
    for (world, clustered) in [
        (World::online(Era::Now), true),
        (World::bare(Era::Now), false),
    ] {
        world.volume("ubda", &format!("{O2CB}webc"));
        world.volume("ubdb", "-M local");
        let faked = world.run("mount.ocfs2", &["-f", "/dev/ubda", "/mnt"]);
        assert_eq!(faked.is_ok(), clustered);
        for args in [
            &["-f", "/dev/ubdb", "/mnt"][..],
            &["-f", "-o", "remount,ro", "/dev/ubdb", "/mnt"],
            &["-f", "-o", "nocluster=yes", "/dev/ubda", "/mnt"],
            &["-f", "-o", "bind", "/mnt", "/mnt2"],
        ] {
            world.ok("mount.ocfs2", args);
        }
        let calls = world.calls();
        assert!(calls.is_empty(), "{calls:?}");
    }
}

/// An image in a file has no number for the kernel to beat on.
#[test]
fn an_image_is_no_block_device() {
    let (world, _) = World::with_volume();
    world.refuse_image();
    assert!(world.calls().is_empty());
}
