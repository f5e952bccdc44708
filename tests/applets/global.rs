//! Global heartbeat: the cluster's regions started and stopped as a whole.

use crate::world::{Era, Volume, World};
use ocfs2box::ids::Uuid;
use std::fs;
use std::time::Duration;

const NO_SET: [i32; 0] = [];
const MADE: &str = "--cluster-stack=o2cb --cluster-name=webc --global-heartbeat";
const ACTIVE: &str = "/sys/fs/ocfs2/active_cluster_plugin";
const STACK: &str = "/sys/fs/ocfs2/cluster_stack";
const HEARTBEAT: &str = "/sys/kernel/config/cluster/webc/heartbeat";

/// Three volumes that are to carry the heartbeat; drivers are loaded, no more.
fn three() -> (World, [Volume; 3]) {
    let world = World::bare(Era::Now);
    let volumes = ["ubda", "ubdb", "ubdc"].map(|name| world.volume(name, MADE));
    configure(&world, &volumes.each_ref().map(|volume| volume.uuid));
    world.run("o2cb", &["load"]).unwrap();
    world.log.forget();
    (world, volumes)
}

pub fn configure(world: &World, regions: &[Uuid]) {
    world.configure("global");
    let mut text = world.read("/etc/ocfs2/cluster.conf") + "\n\n";
    for region in regions {
        text += &format!("heartbeat:\n\tcluster = webc\n\tregion = {region}\n\n");
    }
    world.write("/etc/ocfs2/cluster.conf", &text);
}

/// Those that beat, and nothing but those is there.
fn beating(world: &World, volumes: &[Volume]) -> Vec<bool> {
    let beats = |volume: &Volume| {
        let there = world.regions().contains(&volume.uuid.to_string());
        assert_eq!(
            volume.counts(),
            if there { &[0, 1, 0][..] } else { &NO_SET }
        );
        there
    };
    volumes.iter().map(beats).collect()
}

#[test]
fn online_starts_all_regions_once() {
    let (world, volumes) = three();
    world.run("o2cb", &["online"]).unwrap();
    let calls = world.calls();
    let at = |wanted: &str| calls.iter().position(|call| call.starts_with(wanted));
    assert!(
        at("write webc/heartbeat/mode global") < at("make webc/heartbeat/"),
        "{calls:?}"
    );
    assert!(
        at("write webc/node/n1/local 1") < at("make webc/heartbeat/"),
        "{calls:?}"
    );
    assert_eq!(beating(&world, &volumes), [true; 3]);
    for args in [
        &["online"][..],
        &["start-heartbeat", "webc"],
        &["online", "--wait=5"],
    ] {
        world.run("o2cb", args).unwrap();
        assert!(
            world
                .calls()
                .iter()
                .all(|call| call.contains("hb_ctl_path"))
        );
        assert_eq!(beating(&world, &volumes), [true; 3]);
    }
    world.run("o2cb", &["status"]).unwrap();
    world.run("o2cb", &["offline"]).unwrap();
    assert_eq!(beating(&world, &volumes), [false; 3]);
    assert!(!world.clusters().join("webc").exists());
}

#[test]
fn one_of_three_that_fails_is_named_and_the_others_are_stopped() {
    let (world, volumes) = three();
    let bad = volumes[1].uuid;
    for registered in [false, true] {
        if registered {
            world.run("o2cb", &["register-cluster", "webc"]).unwrap();
        }
        world
            .log
            .fail(&format!("write webc/heartbeat/{bad}/dev"), libc::EIO);
        let verb = if registered {
            "start-heartbeat"
        } else {
            "online"
        };
        let (code, said) = world.refused("o2cb", &[verb, "webc"]);
        world.log.fail_no_more();
        assert_eq!(code, 1);
        let named =
            format!("heartbeat region {bad} on /dev/ubdb: the heartbeat did not become steady");
        assert!(said.starts_with(&named), "{said}");
        assert_eq!(beating(&world, &volumes), [false; 3]);
        assert_eq!(world.clusters().join("webc").exists(), registered);
    }
    // What beat before stays.
    configure(&world, &[volumes[0].uuid]);
    world.run("o2cb", &["start-heartbeat", "webc"]).unwrap();
    configure(&world, &volumes.each_ref().map(|volume| volume.uuid));
    world
        .log
        .fail(&format!("write webc/heartbeat/{bad}/dev"), libc::EIO);
    world.refused("o2cb", &["start-heartbeat", "webc"]);
    world.log.fail_no_more();
    assert_eq!(beating(&world, &volumes), [true, false, false]);
    world.run("o2cb", &["online"]).unwrap();
    assert_eq!(beating(&world, &volumes), [true; 3]);
}

#[test]
fn regions_are_added_and_removed_live() {
    let (world, volumes) = three();
    let [first, second, third] = volumes.each_ref().map(|volume| volume.uuid);
    configure(&world, &[first, second]);
    world.run("o2cb", &["online"]).unwrap();
    world.run("mount.ocfs2", &["/dev/ubda", "/mnt"]).unwrap();
    configure(&world, &[second, third]);
    // The kernel keeps it while it needs it; what can be done is done.
    world.write(&format!("/.fake/pins/{first}"), "");
    let (code, said) = world.refused("o2cb", &["force-reload"]);
    assert_eq!(code, 6, "{said}");
    let (code, said) = world.refused("o2cb", &["start-heartbeat", "webc"]);
    assert_eq!(code, 1);
    assert!(
        said.starts_with(&format!(
            "heartbeat region {first} is not in the configuration"
        )),
        "{said}"
    );
    assert_eq!(beating(&world, &volumes), [true; 3]);
    world.run("umount.ocfs2", &["/mnt"]).unwrap();
    let _ = fs::remove_file(world.path(&format!("/.fake/pins/{first}")));
    world.run("o2cb", &["start-heartbeat", "webc"]).unwrap();
    assert_eq!(beating(&world, &volumes), [false, true, true]);
}

/// While the regions are removed no volume can be mounted; a process that was killed in it keeps
/// none from it.
#[test]
fn closed_stack_keeps_mounts_out_until_its_process_ends() {
    let (world, volumes) = three();
    world.run("o2cb", &["online"]).unwrap();
    world.write(STACK, "none\n");
    world.write("/run/ocfs2box/stack", "");
    let closing = fs::File::open(world.path("/run/ocfs2box/stack")).unwrap();
    closing.lock().unwrap();
    let (code, said) = world.refused("mount.ocfs2", &["/dev/ubda", "/mnt"]);
    assert_eq!(code, 32);
    assert!(said.contains("is being stopped by another"), "{said}");
    let (_, said) = world.refused("o2cb", &["stop-heartbeat", "webc"]);
    assert!(said.contains("fuser -v"), "{said}");
    assert_eq!(world.read(STACK), "none");
    // To look needs no open stack, nor does a process that was killed leave it unknown.
    let status = world.printed("o2cb", &["status"]);
    assert!(status.contains("Cluster stack: o2cb\n"), "{status}");
    world.run("o2cb", &["online-status"]).unwrap();
    drop(closing);
    world.run("mount.ocfs2", &["/dev/ubda", "/mnt"]).unwrap();
    assert_eq!(world.read(STACK), "o2cb");
    world.run("umount.ocfs2", &["/mnt"]).unwrap();
    // A stop of the regions goes on where another was killed.
    world.write(STACK, "none\n");
    world.run("o2cb", &["stop-heartbeat", "webc"]).unwrap();
    assert_eq!(beating(&world, &volumes), [false; 3]);
    assert_eq!(world.read(STACK), "o2cb");
}

/// Of those that have to go, none goes where the kernel would refuse the last.
#[test]
fn regions_that_are_not_configured_stay_together_under_a_volume() {
    let (world, volumes) = three();
    world.run("o2cb", &["online"]).unwrap();
    world.write(ACTIVE, "o2cb\n");
    configure(&world, &[volumes[0].uuid]);
    let (_, said) = world.refused("o2cb", &["start-heartbeat", "webc"]);
    assert!(said.contains("is not in the configuration"), "{said}");
    assert_eq!(beating(&world, &volumes), [true; 3]);
    world.write(ACTIVE, "");
    world.run("o2cb", &["start-heartbeat", "webc"]).unwrap();
    assert_eq!(beating(&world, &volumes), [true, false, false]);
}

#[test]
fn missing_devices_are_named_before_anything_is_touched() {
    let (world, volumes) = three();
    let gone = [
        "1123456789ABCDEF0123456789ABCDEF",
        "2123456789ABCDEF0123456789ABCDEF",
    ];
    let [first, second] = gone.map(|uuid| uuid.parse().unwrap());
    configure(&world, &[first, volumes[0].uuid, second]);
    for args in [&["online"][..], &["online", "--wait=1"]] {
        let (code, said) = world.refused("o2cb", args);
        assert_eq!(code, 1);
        assert!(
            gone.iter()
                .all(|uuid| said.contains(&format!("no device has the volume {uuid}"))),
            "{said}"
        );
        assert!(
            world
                .calls()
                .iter()
                .all(|call| call.contains("hb_ctl_path"))
        );
    }
    // One that comes late is waited for.
    configure(&world, &[volumes[0].uuid]);
    let (dev, shown) = (world.path("/dev/ubda"), world.path("/sys/class/block/ubda"));
    let away = world.path("/.fake/away");
    fs::rename(&shown, &away).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_secs(1));
            fs::rename(&away, &shown).unwrap();
        });
        world.run("o2cb", &["online", "--wait=60"]).unwrap();
    });
    assert!(dev.exists());
    assert_eq!(beating(&world, &volumes), [true, false, false]);
}

#[test]
fn a_region_of_another_cluster_is_none_of_ours() {
    let (world, volumes) = three();
    let other = world.volume(
        "ubdd",
        "--cluster-stack=o2cb --cluster-name=other --global-heartbeat",
    );
    configure(&world, &[volumes[0].uuid, other.uuid]);
    let (_, said) = world.refused("o2cb", &["online"]);
    assert!(
        said.contains("it belongs to cluster \"other\" (stack o2cb)"),
        "{said}"
    );
    configure(&world, &[]);
    let (_, said) = world.refused("o2cb", &["online"]);
    assert!(
        said.contains("no region to beat on (o2cb add-heartbeat webc DEVICE)"),
        "{said}"
    );
    assert!(!world.clusters().join("webc").exists());
}

#[test]
fn what_is_in_use_is_not_stopped() {
    let (world, volumes) = three();
    world.run("o2cb", &["online"]).unwrap();
    world.run("mount.ocfs2", &["/dev/ubda", "/mnt"]).unwrap();
    for args in [&["stop-heartbeat", "webc"][..], &["offline"], &["stop"]] {
        let (code, said) = world.refused("o2cb", args);
        assert_eq!(code, 1);
        assert!(said.contains("in use: mounted on /mnt ("), "{said}");
        assert_eq!(beating(&world, &volumes), [true; 3]);
    }
    world.run("umount.ocfs2", &["/mnt"]).unwrap();
    // A domain of somebody's, and one that a killed program has left.
    world.directory("/dlm/D1");
    world.directory(&format!("/dlm/{}", volumes[2].uuid));
    let (_, said) = world.refused("o2cb", &["stop-heartbeat", "webc"]);
    assert!(said.contains("in use: lock domain /dlm/D1 ("), "{said}");
    fs::remove_dir(world.path("/dlm/D1")).unwrap();
    assert!(!world.path(&format!("/dlm/{}", volumes[2].uuid)).exists());
    // No mount table shows what is connected.
    world.write(ACTIVE, "o2cb\n");
    let (_, said) = world.refused("o2cb", &["stop-heartbeat", "webc"]);
    assert!(said.contains("in use: a volume is detached"), "{said}");
    assert_eq!(beating(&world, &volumes), [true; 3]);
    world.write(ACTIVE, "");
    for _ in 0..2 {
        world.run("o2cb", &["stop-heartbeat", "webc"]).unwrap();
        assert_eq!(beating(&world, &volumes), [false; 3]);
    }
    // The cluster is there, but no volume can be mounted.
    let (code, said) = world.refused("mount.ocfs2", &["/dev/ubda", "/mnt"]);
    assert_eq!(code, 32);
    assert!(
        said.contains("none of its regions beats (run: o2cb start-heartbeat webc)"),
        "{said}"
    );
    assert_eq!(world.refused("o2cb", &["online-status"]).0, 1);
}

/// A C tool that failed to stop a region has counted it down to nothing.
#[test]
fn a_region_that_nobody_counts_is_stopped_as_well() {
    let (world, volumes) = three();
    world.run("o2cb", &["online"]).unwrap();
    volumes[0].semaphores.remove();
    volumes[1].semaphores.remove();
    volumes[1].semaphores.make_like_c(1);
    world.run("o2cb", &["start-heartbeat", "webc"]).unwrap();
    world.run("o2cb", &["offline"]).unwrap();
    assert_eq!(beating(&world, &volumes), [false; 3]);
}

#[test]
fn words_of_the_c_tool() {
    let world = World::bare(Era::Now);
    for verb in ["start-heartbeat", "stop-heartbeat"] {
        let (code, said) = world.refused("o2cb", &[verb, "webc"]);
        assert_eq!(code, 1);
        assert!(
            said.contains("cluster \"webc\" is not registered on this node"),
            "{said}"
        );
    }
    world.run("o2cb", &["online"]).unwrap();
    world.log.forget();
    for verb in ["start-heartbeat", "stop-heartbeat"] {
        // Local heartbeat.
        world.run("o2cb", &[verb, "webc"]).unwrap();
        assert_eq!(world.refused("o2cb", &[verb, "other"]).0, 1);
    }
    assert!(world.calls().is_empty());
    // The file says global now, the kernel does not.
    configure(
        &world,
        &["1123456789ABCDEF0123456789ABCDEF".parse().unwrap()],
    );
    let (_, said) = world.refused("o2cb", &["start-heartbeat", "webc"]);
    assert!(
        said.contains("no device has the volume") || said.contains("o2cb online"),
        "{said}"
    );
    assert_eq!(world.read(&format!("{HEARTBEAT}/mode")), "local");
}

#[test]
fn the_address_is_waited_for() {
    let world = World::bare(Era::Now);
    world.write(
        "/proc/net/fib_trie",
        "     |-- 127.0.0.1\n  /32 host LOCAL\n",
    );
    let (code, said) = world.refused("o2cb", &["online", "--wait=1"]);
    assert_eq!(code, 1);
    assert!(
        said.contains("does not have the address 192.0.2.1, not even after 1 s"),
        "{said}"
    );
    assert!(!world.clusters().join("webc").exists());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_secs(1));
            let table = "     |-- 192.0.2.1\n  /32 host LOCAL\n";
            world.write("/proc/net/fib_trie", table);
        });
        world.run("o2cb", &["online", "--wait=60"]).unwrap();
    });
    assert_eq!(world.refused("o2cb", &["offline", "--wait=1"]).0, 1);
}
