//! Global heartbeat: regions that are the cluster's, one to four of them, on two and three nodes.

mod beside_c;
mod diff;
mod failures;
mod in_use;

use crate::rig::{CLUSTER, Disk, Lab, Node};
use std::time::{Duration, Instant};

/// A lab with `count` disks that carry nothing but a heartbeat, and one with a volume.
fn lab(name: &str, count: usize) -> (Lab, Vec<Disk>, Disk) {
    let lab = Lab::new(name);
    let global = "--global-heartbeat";
    let regions = (0..count)
        .map(|number| {
            lab.disk(&format!("region{number}"))
                .block_size(512)
                .mkfs_args(&[global, "-H"])
                .format()
        })
        .collect();
    let volume = lab.disk("volume").mkfs_args(&[global]).format();
    (lab, regions, volume)
}

/// Puts a device between each region's disk and its users: its table can be changed under them,
/// and the C tools find it.
const BETWEEN: &str = r#"
export DM_DISABLE_UDEV=1
between() {
	for device; do
		local name=${device##*/} sectors
		read -r sectors < /sys/block/$name/size
		dmsetup create $name --table "0 $sectors linear $device 0" || exit 90
	done
}

# Another table for it. What is under way is not waited for.
become() {
	local name=$1 sectors kind=$2
	shift 2
	read -r sectors < /sys/block/$name/size
	dmsetup suspend --noflush --nolockfs $name &&
		dmsetup load $name --table "0 $sectors $kind $*" &&
		dmsetup resume $name || exit 91
}

# Sets the regions in cluster.conf.
configure() {
	local region
	o2cb heartbeat-mode webc global || exit 92
	for region in $(o2cb list-heartbeats --oneline webc | cut -d' ' -f2); do
		o2cb remove-heartbeat webc $region || exit 92
	done
	for region; do
		o2cb add-heartbeat webc $region || exit 92
	done
}
"#;

fn words(disks: &[Disk], of: impl Fn(&Disk) -> String) -> String {
    disks.iter().map(of).collect::<Vec<_>>().join(" ")
}

fn uuids(disks: &[Disk]) -> String {
    words(disks, Disk::uuid)
}

/// Each disk has its device between, and all of them are in cluster.conf.
fn prepare(node: &Node, disks: &[Disk]) {
    let devices = words(disks, |disk| disk.device().to_owned());
    node.ok("modprobe -a dm-mod dm-flakey");
    run(
        node,
        &format!("between {devices}; configure {}", uuids(disks)),
    );
}

fn run(node: &Node, script: &str) -> String {
    node.ok(&format!("{BETWEEN}{script}"))
}

/// On all nodes at the same time; the longest time that it took.
fn everywhere(nodes: &[Node], command: &str) -> Duration {
    let started = Instant::now();
    let jobs: Vec<_> = nodes.iter().map(|node| node.start(command)).collect();
    for (node, job) in nodes.iter().zip(jobs) {
        let output = job.wait();
        assert_eq!(output.code, 0, "{} `{command}`: {output}", node.name());
    }
    started.elapsed()
}

/// Every node reads what each has written.
fn files_cross(nodes: &[Node], round: &str) {
    for node in nodes {
        node.ok(&format!("echo {round} > /mnt/{}", node.name()));
    }
    for node in nodes {
        for other in nodes {
            assert_eq!(
                node.ok(&format!("cat /mnt/{}", other.name())),
                format!("{round}\n")
            );
        }
    }
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

fn assert_beating(node: &Node, disks: &[Disk]) {
    assert_eq!(
        sorted(node.regions()),
        sorted(disks.iter().map(Disk::uuid).collect())
    );
    for disk in disks {
        assert_eq!(node.references(&disk.uuid()), 1);
    }
}

#[test]
fn two_nodes_on_one_region_and_on_three() {
    let (lab, regions, volume) = lab("global-two", 3);
    let nodes: [Node; 2] = lab.boot();
    let mount = format!("mount -t ocfs2 {} /mnt", volume.device());
    for (round, count) in [("first", 1), ("second", 3)] {
        let used = &regions[..count];
        for node in &nodes {
            match round {
                "first" => prepare(node, used),
                _ => {
                    let rest = words(&regions[1..], |disk| disk.device().to_owned());
                    drop(run(
                        node,
                        &format!("between {rest}; configure {}", uuids(used)),
                    ));
                }
            }
            // Nothing can be mounted before.
            node.ok(&format!("o2cb load && ! {mount}"));
        }
        let took = everywhere(&nodes, &format!("o2cb online {CLUSTER}"));
        println!("{count} regions: online took {took:?}");
        for node in &nodes {
            assert_beating(node, used);
            node.ok("o2cb online && o2cb start-heartbeat webc && o2cb online-status");
            let status = node.ok("o2cb status");
            assert!(status.contains("heartbeat: global"), "{status}");
            for disk in used {
                let line = format!("region {}: beats on dm-", disk.uuid());
                assert!(status.contains(&line), "{status}");
            }
        }
        everywhere(&nodes, &mount);
        files_cross(&nodes, round);
        asked(&nodes[0], used, &volume);
        for node in &nodes {
            let refused = node.fails(1, "o2cb stop-heartbeat webc");
            refused.says("mounted on /mnt");
            let refused = node.fails(1, "o2cb offline");
            refused.says("mounted on /mnt");
            assert_beating(node, used);
        }
        everywhere(&nodes, "umount /mnt");
        for node in &nodes {
            assert_beating(node, used);
        }
        // A mount says what is missing.
        nodes[0].ok("o2cb stop-heartbeat webc");
        let refused = nodes[0].fails(32, &mount);
        let says = "none of its regions beats (run: o2cb start-heartbeat webc)";
        refused.says(says);
        let took = everywhere(&nodes, "o2cb offline");
        println!("{count} regions: offline took {took:?}");
        for node in &nodes {
            node.wait_until_clean();
        }
    }
    lab.end();
}

/// What ocfs2_hb_ctl shows of them on node 1 of two, with the volume mounted on both.
fn asked(node: &Node, regions: &[Disk], volume: &Disk) {
    // A node that stands still for a while is not seen to beat.
    let told = node.wait_until("ocfs2_hb_ctl -I --long --nodes", |output| {
        output.stdout.matches(": alive").count() == 2 * regions.len()
    });
    println!("{told}");
    for (line, times) in [
        ("  state: beats on dm-", regions.len()),
        ("  node 1 n1 (this node): alive", regions.len()),
        ("  node 2 n2: alive", regions.len()),
        ("  wrong: ", 0),
    ] {
        assert_eq!(told.matches(line).count(), times, "{line}: {told}");
    }
    let device = volume.device();
    let told = node.ok(&format!("ocfs2_hb_ctl -I --long --nodes -d {device}"));
    println!("{told}");
    assert!(told.contains("  state: none of its own: "), "{told}");
    let json = node.ok("ocfs2_hb_ctl -I --json");
    assert!(json.contains(r#""heartbeat_mode": "global""#), "{json}");
    node.ok(&format!(
        "ocfs2_hb_ctl -I --quiet && ocfs2_hb_ctl -I --quiet -d {device}"
    ));
    // A first look shows nothing; on a busy node, a second may not either.
    for disk in regions {
        let line = format!("^{}.*: 1 n1\\* alive, 2 n2 alive$", disk.uuid());
        node.ok(&format!("ocfs2_hb_ctl -I --watch=1 | grep -m 1 '{line}'"));
    }
    let found = node.ok("ocfs2_hb_ctl --repair");
    assert!(!found.contains("removed"), "{found}");
    assert_beating(node, regions);
}

/// Its limit is short here, but longer than a busy machine stands still: a node that had to go would
/// go within the wait.
#[test]
fn lost_region_fences_no_node() {
    let (lab, regions, volume) = lab("global-lost", 3);
    let nodes: [Node; 3] = lab.boot();
    for node in &nodes {
        prepare(node, &regions);
        node.ok("echo O2CB_HEARTBEAT_THRESHOLD=13 > /etc/default/o2cb");
    }
    everywhere(&nodes, &format!("o2cb online {CLUSTER}"));
    everywhere(&nodes, &format!("mount -t ocfs2 {} /mnt", volume.device()));
    files_cross(&nodes, "before");
    // Every access fails; the device is still on the disk, so that no node reads that.
    let (lost, name) = (regions[1].device(), regions[1].name());
    everywhere(
        &nodes,
        &format!("{BETWEEN}become {name} flakey {lost} 0 0 3600"),
    );
    // Two and a half times what a node without a beat has left.
    std::thread::sleep(Duration::from_secs(60));
    assert!(nodes.iter().all(Node::is_on));
    files_cross(&nodes, "after");
    // Who comes back has to have the same regions as those that stayed.
    let back = &nodes[2];
    back.ok("umount /mnt && o2cb offline");
    let refused = back.fails(1, "o2cb online");
    let says = format!("no device has the volume {}", regions[1].uuid());
    refused.says(&says);
    back.assert_clean();
    let left = format!("configure {} {}", regions[0].uuid(), regions[2].uuid());
    run(back, &format!("{left}; o2cb online"));
    let mount = format!("mount -t ocfs2 {} /mnt", volume.device());
    let refused = back.fails(32, &mount);
    let says = "heartbeat regions are not those of the nodes that have the volume mounted";
    refused.says(says);
    // So the lost one goes everywhere.
    for node in &nodes[..2] {
        node.ok("umount /mnt");
        run(node, &format!("{left}; o2cb start-heartbeat webc"));
    }
    everywhere(&nodes, &mount);
    files_cross(&nodes, "again");
    everywhere(&nodes, "umount /mnt && o2cb offline");
    for node in &nodes {
        node.wait_until_clean();
    }
    lab.end();
}
