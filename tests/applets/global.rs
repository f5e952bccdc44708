//! Global heartbeat: the cluster's regions started and stopped as a whole.

mod in_use;

use crate::world::{Era, Volume, World, says};
use ocfs2box::ids::Uuid;
use std::fs;
use std::time::Duration;

const NO_SET: [i32; 0] = [];
const MADE: &str = "--cluster-stack=o2cb --cluster-name=webc --global-heartbeat";
const HEARTBEAT: &str = "/sys/kernel/config/cluster/webc/heartbeat";

/// Three volumes that are to carry the heartbeat; drivers are loaded, no more.
fn three() -> (World, [Volume; 3]) {
    let world = World::bare(Era::Now);
    let volumes = ["ubda", "ubdb", "ubdc"].map(|name| world.volume(name, MADE));
    configure(&world, &volumes.each_ref().map(|volume| volume.uuid));
    world.ok("o2cb", &["load"]);
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
    world.ok("o2cb", &["online"]);
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
        world.ok("o2cb", args);
        assert!(
            world
                .calls()
                .iter()
                .all(|call| call.contains("hb_ctl_path"))
        );
        assert_eq!(beating(&world, &volumes), [true; 3]);
    }
    world.ok("o2cb", &["status"]);
    world.ok("o2cb", &["offline"]);
    assert_eq!(beating(&world, &volumes), [false; 3]);
    assert!(!world.clusters().join("webc").exists());
}

#[test]
fn one_of_three_that_fails_is_named_and_the_others_are_stopped() {
    let (world, volumes) = three();
    let bad = volumes[1].uuid;
    for registered in [false, true] {
        if registered {
            world.ok("o2cb", &["register-cluster", "webc"]);
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
    world.ok("o2cb", &["start-heartbeat", "webc"]);
    configure(&world, &volumes.each_ref().map(|volume| volume.uuid));
    world
        .log
        .fail(&format!("write webc/heartbeat/{bad}/dev"), libc::EIO);
    world.refused("o2cb", &["start-heartbeat", "webc"]);
    world.log.fail_no_more();
    assert_eq!(beating(&world, &volumes), [true, false, false]);
    world.ok("o2cb", &["online"]);
    assert_eq!(beating(&world, &volumes), [true; 3]);
}

#[test]
fn regions_are_added_and_removed_live() {
    let (world, volumes) = three();
    let [first, second, third] = volumes.each_ref().map(|volume| volume.uuid);
    configure(&world, &[first, second]);
    world.ok("o2cb", &["online"]);
    world.mount("/mnt");
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
    world.umount("/mnt");
    let _ = fs::remove_file(world.path(&format!("/.fake/pins/{first}")));
    world.ok("o2cb", &["start-heartbeat", "webc"]);
    assert_eq!(beating(&world, &volumes), [false, true, true]);
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
        world.ok("o2cb", &["online", "--wait=60"]);
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
    says(&said, "it belongs to cluster \"other\" (stack o2cb)");
    configure(&world, &[]);
    let (_, said) = world.refused("o2cb", &["online"]);
    says(
        &said,
        "no region to beat on (o2cb add-heartbeat webc DEVICE)",
    );
    assert!(!world.clusters().join("webc").exists());
}

#[test]
fn words_of_the_c_tool() {
    let world = World::bare(Era::Now);
    for verb in ["start-heartbeat", "stop-heartbeat"] {
        let (code, said) = world.refused("o2cb", &[verb, "webc"]);
        assert_eq!(code, 1);
        says(&said, "cluster \"webc\" is not registered on this node");
    }
    world.ok("o2cb", &["online"]);
    world.log.forget();
    for verb in ["start-heartbeat", "stop-heartbeat"] {
        // Local heartbeat.
        world.ok("o2cb", &[verb, "webc"]);
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
    says(
        &said,
        "does not have the address 192.0.2.1, not even after 1 s",
    );
    assert!(!world.clusters().join("webc").exists());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_secs(1));
            let table = "     |-- 192.0.2.1\n  /32 host LOCAL\n";
            world.write("/proc/net/fib_trie", table);
        });
        world.ok("o2cb", &["online", "--wait=60"]);
    });
    assert_eq!(world.refused("o2cb", &["offline", "--wait=1"]).0, 1);
}
