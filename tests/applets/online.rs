//! o2cb: how a cluster comes up, and what a failure in the middle leaves.

mod limits;

use crate::world::{Era, World, directories, says};

const NODES: [&str; 10] = [
    "make webc/node/n1",
    "write webc/node/n1/ipv4_port 7777",
    "write webc/node/n1/ipv4_address 192.0.2.1",
    "write webc/node/n1/num 1",
    "write webc/node/n1/local 1",
    "make webc/node/n2",
    "write webc/node/n2/ipv4_port 7777",
    "write webc/node/n2/ipv4_address 192.0.2.2",
    "write webc/node/n2/num 2",
    "write webc/node/n2/local 0",
];
const CALL_OUT: &str = "write /proc/sys/fs/ocfs2/nm/hb_ctl_path /bin/true";

/// Drivers and their filesystems are there, no cluster.
fn loaded() -> World {
    let world = World::bare(Era::Now);
    world.ok("o2cb", &["load"]);
    world.log.forget();
    world
}

#[test]
fn load_brings_what_is_missing_and_nothing_else() {
    let world = World::bare(Era::Now);
    world.ok("o2cb", &["load"]);
    assert_eq!(
        world.calls(),
        [
            "load configfs",
            "mount configfs /sys/kernel/config configfs 0x0 ",
            "load ocfs2",
            "load ocfs2_stack_o2cb",
            "load ocfs2_dlmfs",
            "mount ocfs2_dlmfs /dlm ocfs2_dlmfs 0x0 ",
            CALL_OUT,
        ]
    );
    world.ok("o2cb", &["load"]);
    assert_eq!(world.calls(), [CALL_OUT]);
}

#[test]
fn online_writes_in_the_kernel_s_order() {
    let world = loaded();
    world.ok("o2cb", &["online", "webc"]);
    let mut calls = vec![CALL_OUT, "make webc"];
    calls.extend(NODES);
    assert_eq!(world.calls(), calls);
    // Again: all is there. So it is for the two other ways to say it.
    for args in [&["online"][..], &["register-cluster", "webc"]] {
        world.ok("o2cb", args);
        let made = world.calls().into_iter().filter(|call| call != CALL_OUT);
        assert_eq!(made.count(), 0);
    }
}

#[test]
fn a_node_is_added_changed_and_removed_live() {
    let world = World::online(Era::Now);
    let text = world.read("/etc/ocfs2/cluster.conf");
    let third = "\nnode:\n\tcluster = webc\n\tnumber = 7\n\tip_port = 7778\n\t\
                 ip_address = 192.0.2.7\n\tname = n7\n";
    let three = text.replace("node_count = 2", "node_count = 3") + "\n" + third;
    world.write("/etc/ocfs2/cluster.conf", &three);
    world.ok("o2cb", &["register-cluster", "webc"]);
    let node = |name: &str, port: &str| {
        [
            format!("make webc/node/{name}"),
            format!("write webc/node/{name}/ipv4_port {port}"),
            format!("write webc/node/{name}/ipv4_address 192.0.2.7"),
            format!("write webc/node/{name}/num 7"),
            format!("write webc/node/{name}/local 0"),
        ]
    };
    assert_eq!(world.calls(), node("n7", "7778"));
    world.write("/etc/ocfs2/cluster.conf", &three.replace("7778", "7779"));
    world.ok("o2cb", &["register-cluster", "webc"]);
    let mut calls = vec!["remove webc/node/n7".to_owned()];
    calls.extend(node("n7", "7779"));
    assert_eq!(world.calls(), calls);
    world.configure("local");
    world.ok("o2cb", &["online"]);
    assert_eq!(world.calls(), [CALL_OUT, "remove webc/node/n7"]);
}

/// While volumes are mounted, too: the nodes that are there stay as they are.
#[test]
fn a_node_is_added_while_a_volume_is_mounted() {
    let (world, _) = World::with_volume();
    world.mount("/mnt");
    let third = "\nnode:\n\tcluster = webc\n\tnumber = 3\n\tip_port = 7777\n\t\
                 ip_address = 192.0.2.3\n\tname = n3\n";
    let text = world.read("/etc/ocfs2/cluster.conf");
    let three = text.replace("node_count = 2", "node_count = 3") + "\n" + third;
    world.write("/etc/ocfs2/cluster.conf", &three);
    world.log.forget();
    world.ok("o2cb", &["online"]);
    assert_eq!(
        world.calls(),
        [
            CALL_OUT,
            "make webc/node/n3",
            "write webc/node/n3/ipv4_port 7777",
            "write webc/node/n3/ipv4_address 192.0.2.3",
            "write webc/node/n3/num 3",
            "write webc/node/n3/local 0",
        ]
    );
}

/// To change one would cut its connection, and what it holds locks on with it.
#[test]
fn no_node_is_changed_or_removed_while_a_volume_is_mounted() {
    let (world, _) = World::with_volume();
    world.mount("/mnt");
    let text = world.read("/etc/ocfs2/cluster.conf");
    let without = text.replace("node_count = 2", "node_count = 1");
    let without = without.rsplit_once("node:").unwrap().0;
    world.log.forget();
    for changed in [
        &text.replace("name = n2", "name = n3"),
        &text.replace("192.0.2.2", "192.0.2.3"),
        without,
    ] {
        world.write(
            "/etc/ocfs2/cluster.conf",
            &format!("{}\n", changed.trim_end()),
        );
        for args in [&["online"][..], &["register-cluster", "webc"]] {
            let (code, said) = world.refused("o2cb", args);
            assert_eq!(code, 1);
            says(
                &said,
                "node \"n2\" is not so in the configuration, and cannot be changed",
            );
            assert!(world.calls().iter().all(|call| call == CALL_OUT));
        }
    }
    let mut nodes = directories(&world.clusters().join("webc/node"));
    nodes.sort();
    assert_eq!(nodes, ["n1", "n2"]);
    // Once nothing beats, it is.
    world.umount("/mnt");
    world.log.forget();
    world.ok("o2cb", &["online"]);
    assert_eq!(world.calls(), [CALL_OUT, "remove webc/node/n2"]);
}

const LIMITS: &str = "O2CB_HEARTBEAT_THRESHOLD=61\nO2CB_IDLE_TIMEOUT_MS=60000\n\
                      O2CB_KEEPALIVE_DELAY_MS=40000\nO2CB_RECONNECT_DELAY_MS=4000\n\
                      O2CB_FENCE_METHOD=panic\n";

/// One call fails, whichever: what this call made goes, what was there stays.
#[test]
fn failure_at_any_call_removes_what_was_made() {
    for registered in [false, true] {
        let mut at = 1;
        loop {
            let world = loaded();
            if registered {
                world.ok("o2cb", &["register-cluster", "webc"]);
                std::fs::remove_dir_all(world.clusters().join("webc/node/n2")).unwrap();
                let _ = std::fs::remove_dir_all(world.path("/.fake/set"));
                world.log.forget();
            }
            world.write("/etc/default/o2cb", LIMITS);
            world.log.fail(&format!("#{at}"), libc::EIO);
            let done = world.run("o2cb", &["online"]);
            let cluster = world.clusters().join("webc");
            if done.is_ok() {
                assert_eq!(directories(&cluster.join("node")).len(), 2);
                break;
            }
            assert!(!cluster.join("node/n2").exists());
            assert_eq!(
                cluster.exists(),
                registered,
                "call {at}: {:?}",
                world.calls()
            );
            // Nothing is in the way of the next try.
            world.log.fail_no_more();
            world.ok("o2cb", &["online"]);
            at += 1;
        }
        assert_eq!(at, if registered { 12 } else { 18 });
    }
}

#[test]
fn what_is_wrong_in_the_files_is_found_before_anything_is_touched() {
    for (path, text, sentence) in [
        (
            "/etc/ocfs2/cluster.conf",
            "cluster:\n\tname = other\n\tnode_count = 0\n",
            "no cluster \"webc\"",
        ),
        ("/etc/ocfs2/cluster.conf", "what is this", "line 1"),
        (
            "/etc/sysconfig/o2cb",
            "O2CB_IDLE_TIMEOUT_MS=1\n",
            "O2CB_IDLE_TIMEOUT_MS",
        ),
        (
            "/proc/sys/kernel/hostname",
            "stranger\n",
            "is named like this machine",
        ),
    ] {
        let world = World::bare(Era::Now);
        world.write(path, text);
        let (code, said) = world.refused("o2cb", &["online", "webc"]);
        assert_eq!(code, 1);
        says(&said, sentence);
        assert!(world.calls().is_empty());
    }
}

#[test]
fn one_cluster_at_a_time_and_one_stack() {
    let world = World::online(Era::Now);
    let other = world
        .read("/etc/ocfs2/cluster.conf")
        .replace("webc", "other")
        + "\n";
    world.write("/etc/ocfs2/cluster.conf", &other);
    let (_, said) = world.refused("o2cb", &["online", "other"]);
    says(&said, "cluster \"webc\" is registered");
    world.write("/sys/fs/ocfs2/cluster_stack", "pcmk\n");
    world.write("/sys/fs/ocfs2/active_cluster_plugin", "user\n");
    world.configure("local");
    let (_, said) = world.refused("o2cb", &["online"]);
    says(&said, "the stack pcmk is in use on this node");
    assert!(world.calls().iter().all(|call| call == CALL_OUT));
}
