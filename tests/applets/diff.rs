//! o2cb diff: what it says of files, kernel and volumes, and that `register-cluster` agrees.

use crate::doctor::sane;
use crate::world::World;

#[track_caller]
fn differs(world: &World, args: &[&str], code: u8, lines: &[&str]) {
    let args = [&["diff"], args].concat();
    let before = world.log.calls();
    let (ended, printed) = world.ended("o2cb", &args);
    assert_eq!(world.log.calls(), before, "it changes nothing");
    let said: Vec<&str> = printed.lines().collect();
    assert_eq!((ended, said), (code, lines.to_vec()));
}

fn change(world: &World, from: &str, to: &str) {
    let text = world.read("/etc/ocfs2/cluster.conf") + "\n";
    assert!(text.contains(from));
    world.write("/etc/ocfs2/cluster.conf", &text.replace(from, to));
}

const THIRD: &str = "\nnode:\n\tcluster = webc\n\tnumber = 3\n\tip_port = 7777\n\tip_address = \
                     192.0.2.3\n\tname = n3\n";

#[test]
fn no_difference_is_no_line() {
    let world = sane();
    differs(&world, &[], 0, &[]);
    let json = world.ended("o2cb", &["diff", "--json"]);
    let nothing = "{\"schema\": 1, \"differences\": [], \"unknown\": []}\n";
    assert_eq!(json, (0, nothing.into()));
}

#[test]
fn what_can_be_applied_is_said_and_then_applied() {
    let world = sane();
    world.volume("ubda", "");
    world.mount("/mnt");
    let text = world.read("/etc/ocfs2/cluster.conf");
    let three = text.replace("node_count = 2", "node_count = 3") + "\n" + THIRD;
    world.write("/etc/ocfs2/cluster.conf", &three);
    world.directory("/etc/default");
    world.write(
        "/etc/default/o2cb",
        "O2CB_RECONNECT_DELAY_MS=3000\nO2CB_FENCE_METHOD=panic\n",
    );
    differs(
        &world,
        &[],
        1,
        &[
            "node \"n3\": file 3 192.0.2.3:7777, kernel none (can be applied now: o2cb register-cluster webc)",
            "reconnect_delay_ms: file 3000, kernel 2000 (can be applied now: o2cb register-cluster webc)",
            "fence_method: file panic, kernel reset (can be applied now: o2cb register-cluster webc)",
        ],
    );
    world.ok("o2cb", &["register-cluster", "webc"]);
    differs(&world, &[], 0, &[]);
}

#[test]
fn what_needs_the_cluster_offline_is_said_and_refused() {
    let world = sane();
    world.volume("ubda", "");
    world.directory("/etc/default");
    world.write(
        "/etc/default/o2cb",
        "O2CB_HEARTBEAT_THRESHOLD=61\nO2CB_IDLE_TIMEOUT_MS=40000\n",
    );
    change(&world, "192.0.2.2", "192.0.2.4");
    let lines = |end: &str| {
        [
            format!("node \"n2\": file 2 192.0.2.4:7777, kernel 2 192.0.2.2:7777 ({end})"),
            format!("dead_threshold: file 61, kernel 31 ({end})"),
            format!("idle_timeout_ms: file 40000, kernel 30000 ({end})"),
        ]
    };
    let now = lines("can be applied now: o2cb register-cluster webc");
    differs(&world, &[], 1, &now.each_ref().map(String::as_str));
    world.mount("/mnt");
    let offline = lines("needs the cluster offline: o2cb offline webc, then o2cb online webc");
    differs(&world, &[], 1, &offline.each_ref().map(String::as_str));
    world
        .run("o2cb", &["register-cluster", "webc"])
        .unwrap_err();
    world.umount("/mnt");
    world.ok("o2cb", &["register-cluster", "webc"]);
    differs(&world, &[], 0, &[]);
}

#[test]
fn a_cluster_that_is_not_there_or_is_another_differs() {
    let world = sane();
    world.ok("o2cb", &["offline"]);
    let line = "cluster: file webc, kernel none (can be applied now: o2cb online webc)";
    differs(&world, &[], 1, &[line]);
    world.ok("o2cb", &["online"]);
    change(&world, "webc", "shop");
    let line = "cluster: file shop, kernel webc (needs the cluster offline: o2cb offline webc, then o2cb \
                online shop)";
    differs(&world, &[], 1, &[line]);
    world
        .run("o2cb", &["register-cluster", "shop"])
        .unwrap_err();
}

/// The node can join no lock domain of nodes with other regions.
#[test]
fn regions_of_the_file_and_of_the_kernel_are_compared() {
    let world = World::bare(crate::world::Era::Now);
    let [kept, removed, added] = ["ubda", "ubdb", "ubdc"].map(|name| {
        let args = "-N 2 -H --cluster-stack=o2cb --cluster-name=webc --global-heartbeat";
        world.volume(name, args).uuid
    });
    crate::global::configure(&world, &[kept, removed]);
    world.ok("o2cb", &["online"]);
    crate::doctor::furnish(&world);
    differs(&world, &[], 0, &[]);
    crate::global::configure(&world, &[kept, added]);
    let line = |region, places| {
        format!(
            "heartbeat region {region}: {places} (can be applied now: o2cb start-heartbeat webc)"
        )
    };
    let lines = [
        line(added, "file present, kernel none"),
        line(removed, "file none, kernel present"),
    ];
    differs(&world, &[], 1, &lines.each_ref().map(String::as_str));
    let (code, printed) = world.ended("o2cb", &["doctor"]);
    assert_eq!(code, 1);
    for line in &lines {
        let line = format!("warning: {line} [config-not-applied]");
        assert!(printed.contains(&line), "{line} in {printed}");
    }
    // While anything is connected, the kernel keeps the regions, of which there are few.
    world.write("/sys/fs/ocfs2/active_cluster_plugin", "o2cb\n");
    let pinned = lines[1].replace(
        "can be applied now: o2cb start-heartbeat webc",
        "needs the cluster offline: o2cb offline webc, then o2cb online webc",
    );
    differs(&world, &[], 1, &[&lines[0], &pinned]);
    world.write("/sys/fs/ocfs2/active_cluster_plugin", "\n");
    world.ok("o2cb", &["start-heartbeat", "webc"]);
    differs(&world, &[], 0, &[]);
}

/// Debian's default is `ocfs2`, whatever the cluster.
#[test]
fn a_boot_cluster_that_is_not_there_leaves_the_one_that_is_online() {
    let world = sane();
    world.write("/etc/default/o2cb", "O2CB_BOOTCLUSTER=ocfs2\n");
    differs(&world, &[], 0, &[]);
    change(&world, "192.0.2.2", "192.0.2.4");
    let (code, printed) = world.ended("o2cb", &["diff"]);
    assert_eq!(code, 1, "{printed}");
    assert!(
        printed.starts_with("node \"n2\": file 2 192.0.2.4:7777"),
        "{printed}"
    );
}

#[test]
fn stamps_of_volumes_are_compared() {
    let world = sane();
    let stamp = |words: &str| format!("-N 2 --cluster-stack={words}");
    world.volume("ubda", &stamp("o2cb --cluster-name=webc"));
    world.volume(
        "ubdb",
        &stamp("o2cb --cluster-name=other --global-heartbeat"),
    );
    world.volume("ubdc", &stamp("pcmk --cluster-name=webc"));
    world.volume("ubdd", "");
    let devices = ["/dev/ubda", "/dev/ubdb", "/dev/ubdc", "/dev/ubdd"];
    let end = "(needs the cluster offline: tunefs.ocfs2 --update-cluster-stack";
    differs(
        &world,
        &devices,
        1,
        &[
            &format!("/dev/ubdb: file o2cb webc local, volume o2cb other global {end} /dev/ubdb)"),
            &format!("/dev/ubdc: file o2cb webc local, volume pcmk webc {end} /dev/ubdc)"),
        ],
    );
    let (code, printed) = world.ended("o2cb", &["diff", "--json", "/dev/ubdb", "/dev/none"]);
    assert_eq!(code, 2);
    assert!(
        printed.starts_with(
            "{\"schema\": 1, \"differences\": [{\"what\": \"/dev/ubdb\", \"file\": \"o2cb webc \
             local\", \"kernel\": null, \"volume\": \"o2cb other global\", \"apply\": \
             \"offline\", \"run\": \"tunefs.ocfs2 --update-cluster-stack /dev/ubdb\"}], \
             \"unknown\": [\"/dev/none: "
        ),
        "{printed}"
    );
}

#[test]
fn unknown_state_ends_with_two() {
    let world = sane();
    world.write("/etc/ocfs2/cluster.conf", "cluster\n");
    differs(&world, &[], 2, &[]);
}
