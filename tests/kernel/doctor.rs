//! `o2cb doctor` and `o2cb diff` on real kernels: nothing is found where nothing is wrong, each
//! fault is, and a live cluster does not notice.

mod regions;

use crate::rig::{Disk, Lab, Node};
use std::thread;

/// What every sane node has set, and this rig's nodes have not.
const SYSCTLS: &str = "sysctl -qw kernel.panic=30 kernel.panic_on_oops=1";
const POINT: &str = "/mnt/shared";
/// What the kernels said of their connections.
const SAID: &str = "dmesg | grep -E 'o2net|o2hb|o2quo|o2cb' || true";

#[track_caller]
fn prepare(node: &Node) {
    node.ok(SYSCTLS);
    node.ok("o2cb online");
}

fn mount(disk: &Disk) -> String {
    let device = disk.device();
    format!("mkdir -p {POINT} && mount -t ocfs2 {device} {POINT}")
}

/// The doctor ends with `code`, and has found these, in this order.
#[track_caller]
fn finds(node: &Node, args: &str, code: i32, codes: &[&str]) -> String {
    let output = node.run(&format!("o2cb doctor {args}"));
    let heads = output
        .stdout
        .lines()
        .filter(|line| !line.starts_with("    "));
    let found: Vec<&str> = heads
        .map(|line| {
            line.rsplit_once(" [")
                .map_or(line, |(_, code)| code.trim_end_matches(']'))
        })
        .collect();
    assert_eq!((output.code, found), (code, codes.to_vec()), "{output}");
    output.stdout
}

#[test]
fn a_sane_cluster_has_nothing_and_is_not_disturbed() {
    let lab = Lab::new("doctor-sane");
    let disk = lab.disk("volume").format();
    let nodes: [Node; 2] = lab.boot();
    let [n1, n2] = &nodes;
    let device = disk.device();
    n1.ok(SYSCTLS);
    // Nothing is loaded yet, anywhere.
    finds(n1, "", 1, &["cluster-offline", "peer-offline"]);
    nodes.iter().for_each(prepare);
    for node in &nodes {
        finds(node, "", 0, &[]);
        finds(node, device, 0, &[]);
    }
    // The higher number beats alone: to connect to the other is not safe. That one may ask.
    n2.ok(&mount(&disk));
    finds(n2, "", 1, &["not-checked"]);
    finds(n1, device, 0, &[]);
    n1.ok(&mount(&disk));
    nodes.iter().for_each(|node| drop(finds(node, "", 0, &[])));

    let said = [n1, n2].map(|node| node.ok(SAID));
    assert!(
        said[0].contains("Accepted connection from node n2"),
        "{said:?}"
    );
    assert!(said[1].contains("Connected to node n1"), "{said:?}");
    thread::scope(|scope| {
        for (node, other) in [(n1, "n2"), (n2, "n1")] {
            // Files cross all the while.
            let name = node.name();
            let write = format!(
                "for ((i = 0; i < 100; i++)); do echo $i > {POINT}/{name}; sync {POINT}/{name}; \
                 cat {POINT}/{other} > /dev/null; sleep 0.2; done"
            );
            scope.spawn(move || node.ok(&write));
            scope.spawn(move || (0..10).for_each(|_| drop(finds(node, "", 0, &[]))));
        }
    });
    for (node, other) in [(n1, "n2"), (n2, "n1")] {
        assert_eq!(node.ok(&format!("cat {POINT}/{other}")), "99\n");
    }
    assert_eq!(
        [n1, n2].map(|node| node.ok(SAID)),
        said,
        "the kernels had nothing to say"
    );

    // A node is added to the file: the kernel can take it at once.
    n1.ok("o2cb add-node webc n9 --ip 192.0.2.9");
    let diff = n1.fails(1, "o2cb diff").stdout;
    let line = "node \"n9\": file 0 192.0.2.9:7777, kernel none (can be applied now: o2cb register-cluster webc)\n";
    assert_eq!(diff, line);
    n1.ok("o2cb register-cluster webc && o2cb diff");
    n1.ok("o2cb remove-node webc n9");
    let diff = n1.fails(1, "o2cb diff").stdout;
    assert!(
        diff.contains("(needs the cluster offline: o2cb offline webc, "),
        "{diff}"
    );
    n1.fails(1, "o2cb register-cluster webc");

    nodes
        .iter()
        .for_each(|node| drop(node.ok(&format!("umount {POINT}"))));
    // With nothing mounted all can be tried again, and n1 take its file.
    n1.ok("o2cb register-cluster webc && o2cb diff");
    nodes
        .iter()
        .for_each(|node| drop(finds(node, device, 0, &[])));
    lab.end();
}

#[test]
fn each_fault_of_a_node_is_found() {
    let lab = Lab::new("doctor-faults");
    let disk = lab.disk("volume").slots(2).format();
    let nodes: [Node; 2] = lab.boot();
    let [n1, n2] = &nodes;
    let device = disk.device();
    nodes.iter().for_each(prepare);

    // A start that was cut off at its beginning.
    let region = disk.region();
    n2.ok(&format!("mkdir {region}"));
    finds(n2, device, 2, &["region-half-started", "not-checked"]);
    n2.ok(&format!("rmdir {region}"));

    // An unmount without umount.ocfs2.
    n1.ok(&mount(&disk));
    n1.ok(&format!("umount -i {POINT}"));
    finds(n1, "", 1, &["region-orphaned"]);
    n1.ok("o2cb offline && o2cb online");
    finds(n1, "", 0, &[]);

    // Nobody is left to stop a heartbeat.
    n1.ok("mv /usr/sbin/umount.ocfs2 /tmp");
    finds(n1, "", 2, &["hb-ctl-path"]);
    n1.ok("echo /usr/sbin/ocfs2_hb_ctl > /proc/sys/fs/ocfs2/nm/hb_ctl_path");
    finds(n1, "", 0, &[]);
    n1.ok("mv /tmp/umount.ocfs2 /usr/sbin; o2cb load");

    // Limits that differ: the heartbeat's are on the disk, the network's in the log.
    n2.ok("echo O2CB_HEARTBEAT_THRESHOLD=61 >> /etc/default/o2cb; o2cb offline && o2cb online");
    n1.ok(&format!("ocfs2_hb_ctl -S -d {device} test"));
    n2.ok(&format!("ocfs2_hb_ctl -S -d {device} test"));
    n1.wait_for("dmesg | grep -q 'but we use .* locally'");
    let said = finds(
        n1,
        "",
        2,
        &["threshold-differs", "peer-cut-off", "references-unowned"],
    );
    for part in [
        "node \"n2\" counts as dead after 122000 ms by its own words, and after 62000 ms here",
        "the kernel's log: o2net: node n2 (num 2) at 192.0.2.2:",
        "locally. Disconnecting.",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    n2.ok(&format!("ocfs2_hb_ctl -K -d {device} test; o2cb offline"));
    n2.ok("sed -i s/=61/=31/ /etc/default/o2cb; echo O2CB_IDLE_TIMEOUT_MS=20000 >> /etc/default/o2cb; o2cb online");
    n1.ok("dmesg -C");
    n2.ok(&format!("ocfs2_hb_ctl -S -d {device} test"));
    n1.wait_for("dmesg | grep -q 'idle timeout of 20000 ms'");
    let said = finds(n1, "", 2, &["peer-cut-off", "references-unowned"]);
    assert!(
        said.contains("idle timeout of 20000 ms, but we use 30000 ms"),
        "{said}"
    );

    // A peer that is cut off the power.
    n1.ok(&format!("ocfs2_hb_ctl -K -d {device} test"));
    n2.kill();
    finds(n1, device, 1, &["peer-unreachable"]);
    lab.end();
}

#[test]
fn nodes_that_should_not_beat_are_found() {
    let lab = Lab::new("doctor-strangers");
    let disk = lab.disk("volume").format();
    let nodes: [Node; 3] = lab.boot();
    let [n1, n2, n3] = &nodes;
    let device = disk.device();
    let beat = format!("ocfs2_hb_ctl -S -d {device} test");
    let stop = format!("ocfs2_hb_ctl -K -d {device} test");
    // Its file is older than the third node, and so is the second's.
    for node in [n1, n2] {
        node.ok("o2cb remove-node webc n3");
    }
    nodes.iter().for_each(prepare);
    finds(n1, device, 0, &[]);
    n3.ok(&beat);
    let said = finds(n1, device, 2, &["foreign-node"]);
    assert!(
        said.contains("node 3 beats, which cluster \"webc\" does not have"),
        "{said}"
    );
    n3.ok(&stop);
    finds(n1, device, 0, &[]);

    // The second takes the first's number. Before the first beats, and while it does.
    n2.ok("o2cb offline");
    n2.ok("sed -i 's/number = 1/number = 7/; s/number = 2/number = 1/' /etc/ocfs2/cluster.conf");
    n2.ok("o2cb online");
    n2.ok(&beat);
    finds(n1, device, 2, &["number-taken"]);
    n2.ok(&stop);
    finds(n1, device, 0, &[]);
    n1.ok(&beat);
    finds(n1, "", 1, &["references-unowned"]);
    // Two that write at the same moments do so for as long as they beat: then once more.
    let found = (0..4).any(|_| {
        n1.ok("dmesg -C");
        let job = n2.start(&beat);
        n1.wait_for("dmesg | grep -q 'generation mismatch'");
        let output = n1.run("o2cb doctor");
        job.wait();
        n2.run(&stop);
        let taken = output.stdout.contains("[number-taken]");
        assert_eq!(output.code, if taken { 2 } else { 1 }, "{output}");
        taken
    });
    assert!(found);
    lab.end();
}
