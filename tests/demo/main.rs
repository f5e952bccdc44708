//! The demonstration: two machines share one disk, and nothing is left over.
//!
//! Started by `tests/demo.sh`. Any check that fails ends it with a panic, and so
//! with an exit code other than 0.

#[path = "../rig/mod.rs"]
mod rig;

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rig::{CLUSTER, Disk, Lab, Node, at_once};

/// Where both nodes mount the volume.
const PLACE: &str = "/mnt/shared";

/// Prints the numbered steps of the story.
struct Story(u32);

impl Story {
    fn step(&mut self, text: &str) {
        self.0 += 1;
        println!("\n{}. {text}", self.0);
    }

    /// Runs a command and shows it with what it prints.
    fn show(&self, node: &Node, command: &str) -> String {
        println!("   {}# {command}", node.name());
        let output = node.ok(command);
        for line in output.lines() {
            println!("       {line}");
        }
        output
    }
}

fn main() {
    let mut story = Story(0);

    story.step("A shared disk: a file that both machines will see as /dev/ubda.");
    let lab = Lab::new("demo");
    let disk = lab.disk("shared").label("shared").format();
    println!("   Formatted with mkfs.ocfs2 for a cluster called \"{CLUSTER}\".");
    println!("   The volume's UUID is {}.", disk.uuid());

    story.step("Two machines: each is a real Linux kernel that runs as a process.");
    let begin = Instant::now();
    let [n1, n2] = lab.boot();
    let nodes = [&n1, &n2];
    println!(
        "   n1 and n2 are up after {:.1} s, on a network of their own.",
        begin.elapsed().as_secs_f64()
    );
    for node in nodes {
        node.assert_clean();
        node.ok(&format!("mkdir {PLACE}"));
    }

    story.step("Both join the cluster: its name, nodes and addresses go to the kernel.");
    for node in nodes {
        story.show(node, &format!("o2cb online {CLUSTER}"));
    }
    story.show(&n1, &format!("o2cb cluster-status {CLUSTER}"));

    story.step("Both mount the volume at the same time.");
    println!("   OCFS2 machines prove to each other that they live by writing to their");
    println!("   own slot of a heartbeat region on the disk, every 2 s. The kernel");
    println!("   watches that for about 8 s before it lets the first mount go on.");
    mount_everywhere(&story, &nodes, &disk);

    story.step("What one machine writes, the other one reads.");
    for (writer, reader) in [(&n1, &n2), (&n2, &n1)] {
        let file = format!("{PLACE}/from-{}", writer.name());
        let text = format!("greetings from {}", writer.name());
        story.show(writer, &format!("echo {text} > {file}"));
        assert_eq!(story.show(reader, &format!("cat {file}")).trim(), text);
    }
    story.show(&n1, &format!("ls {PLACE}"));

    story.step("The heartbeat, read from the disk twice: a time for each machine's slot.");
    let before = heartbeat(&disk);
    thread::sleep(Duration::from_millis(4500));
    let after = heartbeat(&disk);
    for (node, (before, after)) in nodes.iter().zip(before.into_iter().zip(after)) {
        println!("   {}: {before} -> {after}", node.name());
        assert!(after > before, "{} has no heartbeat", node.name());
    }
    for node in nodes {
        assert_eq!(node.regions(), [disk.uuid()]);
        println!("   {} has the region {}.", node.name(), disk.uuid());
    }

    story.step("Both unmount, and leave the cluster.");
    for node in nodes {
        story.show(node, &format!("umount {PLACE}"));
        node.wait_until_clean();
        story.show(node, &format!("o2cb offline {CLUSTER}"));
    }

    story.step("Nothing is left over.");
    for node in nodes {
        prove_clean(node);
        println!(
            "   {}: no region, no reference count, no heartbeat thread, no cluster, \
             module ocfs2 unused.",
            node.name()
        );
    }
    lab.end();
    println!("\nBoth machines are off again, and their kernels had nothing to complain about.");
}

fn mount_everywhere(story: &Story, nodes: &[&Node; 2], disk: &Disk) {
    let begin = Instant::now();
    at_once(nodes, |node| {
        story.show(node, &format!("mount -t ocfs2 {} {PLACE}", disk.device()));
    });
    println!(
        "   Both are mounted after {:.1} s.",
        begin.elapsed().as_secs_f64()
    );
    for node in nodes {
        story.show(node, &format!("findmnt -no SOURCE,FSTYPE,TARGET {PLACE}"));
    }
}

/// The sequence numbers in the heartbeat slots of nodes 1 and 2.
fn heartbeat(disk: &Disk) -> [u64; 2] {
    let output = Command::new("/usr/sbin/debugfs.ocfs2")
        .args(["-R", "hb"])
        .arg(disk.image())
        .output()
        .expect("debugfs.ocfs2 of ocfs2-tools");
    let table = String::from_utf8_lossy(&output.stdout);
    [1, 2].map(|node| sequence(&table, node).unwrap_or_else(|| panic!("no slot {node}:\n{table}")))
}

/// Lines are "node: node sequence generation checksum", the middle ones in hex.
fn sequence(table: &str, node: u32) -> Option<u64> {
    let slot = format!("{node}:");
    let line = table
        .lines()
        .find(|line| line.split_whitespace().next() == Some(&slot))?;
    u64::from_str_radix(line.split_whitespace().nth(2)?, 16).ok()
}

fn prove_clean(node: &Node) {
    node.assert_clean();
    node.ok("! grep ' ocfs2 ' /proc/mounts");
    node.ok("set -- /sys/kernel/config/cluster/*/ && [ ! -e \"$1\" ]");
    // The module may stay loaded, but nothing may use it.
    node.ok(
        "while read -r name _ uses _; do [ \"$name $uses\" != 'ocfs2 0' ] || exit 0; \
         [ \"$name\" != ocfs2 ] || exit 1; done < /proc/modules",
    );
}
