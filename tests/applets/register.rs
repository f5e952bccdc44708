//! o2cb register-cluster on a node that has the cluster in another form: what changes, and
//! what a failure in the middle leaves.

use crate::world::{Era, World, directories, says};
use std::collections::BTreeMap;
use std::path::Path;

const CONF: &str = "/etc/ocfs2/cluster.conf";
const LIMITS: &str = "O2CB_HEARTBEAT_THRESHOLD=61\nO2CB_IDLE_TIMEOUT_MS=60000\n\
                      O2CB_KEEPALIVE_DELAY_MS=40000\nO2CB_RECONNECT_DELAY_MS=4000\n\
                      O2CB_FENCE_METHOD=panic\n";

/// Every attribute of the cluster.
fn live(world: &World) -> BTreeMap<String, String> {
    fn walk(directory: &Path, below: &str, all: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{below}/{}", path.file_name().unwrap().to_str().unwrap());
            if path.is_dir() {
                walk(&path, &name, all);
            } else {
                all.insert(name, std::fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut all = BTreeMap::new();
    walk(&world.clusters(), "", &mut all);
    all
}

/// All of it is to become otherwise: mode, limits, both nodes, and a third comes.
fn reconfigure(world: &World) {
    let text = world.read(CONF) + "\n\n";
    let third = "node:\n\tcluster = webc\n\tnumber = 7\n\tip_port = 7777\n\tip_address = \
                 192.0.2.7\n\tname = n7\n\nheartbeat:\n\tcluster = webc\n\tregion = \
                 8D55D77D7EF74F4E8E964F519A7060BF\n\n";
    let text = text
        .replace("= local", "= global")
        .replace("_count = 2", "_count = 3")
        .replace("7777", "7778")
        + third;
    world.write(CONF, &text);
    world.write("/etc/default/o2cb", LIMITS);
}

#[test]
fn failure_at_any_call_rolls_back_what_was_changed() {
    let mut at = 1;
    loop {
        let world = World::online(Era::Now);
        let before = live(&world);
        reconfigure(&world);
        world.log.fail(&format!("#{at}"), libc::EIO);
        let done = world.run("o2cb", &["register-cluster", "webc"]);
        world.log.fail_no_more();
        if done.is_ok() {
            break;
        }
        assert_eq!(live(&world), before, "call {at}: {:?}", world.calls());
        world.ok("o2cb", &["register-cluster", "webc"]);
        assert_ne!(live(&world), before);
        at += 1;
    }
    // mode, five limits, two removals, three nodes of five calls each
    assert_eq!(at, 1 + 6 + 2 + 15);
}

/// As after a SIGKILL: nothing is rolled back, and the next call makes it right.
#[test]
fn what_was_cut_off_is_finished_by_the_next_call() {
    let right = {
        let world = World::online(Era::Now);
        reconfigure(&world);
        world.ok("o2cb", &["register-cluster", "webc"]);
        live(&world)
    };
    for at in 1..24 {
        let world = World::online(Era::Now);
        reconfigure(&world);
        for call in at..at + 60 {
            world.log.fail(&format!("#{call}"), libc::EIO);
        }
        world.refused("o2cb", &["register-cluster", "webc"]);
        world.log.fail_no_more();
        world.ok("o2cb", &["register-cluster", "webc"]);
        assert_eq!(live(&world), right, "call {at}");
    }
}

/// The kernel takes one local node.
#[test]
fn a_host_that_became_another_node_is_that_one() {
    let world = World::online(Era::Now);
    world.write("/proc/sys/kernel/hostname", "n2.example.com\n");
    world.ok("o2cb", &["register-cluster", "webc"]);
    let local = |node: &str| {
        world.read(&format!(
            "/sys/kernel/config/cluster/webc/node/{node}/local"
        ))
    };
    assert_eq!((local("n1").trim(), local("n2").trim()), ("0", "1"));
    world.log.forget();
    world.ok("o2cb", &["register-cluster", "webc"]);
    assert!(world.calls().is_empty());
    // The settings have the last word.
    world.write("/etc/default/o2cb", "O2CB_NODE_NAME=N1\n");
    world.ok("o2cb", &["register-cluster", "webc"]);
    assert_eq!((local("n1").trim(), local("n2").trim()), ("1", "0"));
    world.write("/etc/default/o2cb", "O2CB_NODE_NAME=n3\n");
    let (_, said) = world.refused("o2cb", &["register-cluster", "webc"]);
    says(&said, "this machine, \"n3\"; its nodes are: n1, n2");
    // Not while something beats as the other one.
    world.write("/etc/default/o2cb", "O2CB_NODE_NAME=n2\n");
    world.volume("ubda", "");
    world.write("/etc/default/o2cb", "");
    world.write("/proc/sys/kernel/hostname", "n1\n");
    world.mount("/mnt");
    world.write("/proc/sys/kernel/hostname", "n2\n");
    let (_, said) = world.refused("o2cb", &["register-cluster", "webc"]);
    says(&said, "node \"n1\" is not so");
    assert_eq!(local("n1").trim(), "1");
}

/// From nothing to a cluster that is online, without an editor.
#[test]
fn a_cluster_is_made_by_commands() {
    let world = World::bare(Era::Now);
    std::fs::remove_dir_all(world.path("/etc/ocfs2")).unwrap();
    world.write(
        "/etc/hosts",
        "127.0.1.1 n1\n::1 n1\n192.0.2.1 web.example n1 # us\n127.0.0.1 n3\n",
    );
    world.ok("o2cb", &["add-cluster", "webc"]);
    world.ok("o2cb", &["add-node", "webc", "n1"]);
    for (node, said) in [("n3", "only 127.0.0.1"), ("n2", "no IPv4 address")] {
        let (code, text) = world.refused("o2cb", &["add-node", "webc", node]);
        assert!(code == 1 && text.contains(said), "{text}");
    }
    world.ok("o2cb", &["add-node", "webc", "192.0.2.2"]);
    world.ok("o2cb", &["online"]);
    let mut nodes = directories(&world.clusters().join("webc/node"));
    nodes.sort();
    assert_eq!(nodes, ["192.0.2.2", "n1"]);
    assert_eq!(directories(&world.path("/etc/ocfs2")), Vec::<String>::new());
    // A node more, while it is online.
    world.log.forget();
    world.ok("o2cb", &["add-node", "--ip", "192.0.2.3", "webc", "n3"]);
    world.ok("o2cb", &["register-cluster", "webc"]);
    assert_eq!(world.calls()[0], "make webc/node/n3");
    assert_eq!(world.calls().len(), 0);
}
