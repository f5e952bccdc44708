//! SIGKILL to umount.ocfs2.

use super::{ends_by_kill, online, start};
use crate::rig::{CLUSTER, Lab, Node, all_succeed};

/// Milliseconds between the moments.
const STEP: usize = 20;

/// Every moment of an unmount is followed by an ordinary mount and unmount, or, on every
/// second volume, only by `o2cb offline`.
#[test]
fn killed_then_the_next_call_tidies_up() {
    let (lab, node, disks) = online("kill-umount", 14);
    let jobs = disks
        .iter()
        .map(|disk| ((), start(&node, disk, "mount.ocfs2 $device $directory")));
    all_succeed(jobs.collect());
    let mut unmounted = 0;
    for (number, disk) in disks.iter().enumerate() {
        // One at a time: they are short.
        let script = format!(
            r#"
            umount.ocfs2 $directory & pid=$!
            sleep 0.{:03}
            kill -s KILL $pid 2> /dev/null
            wait $pid
            mounted $directory || echo unmounted
            "#,
            number * STEP
        );
        let said = all_succeed(vec![(number, start(&node, disk, &script))]);
        unmounted += usize::from(said[0] == "unmounted\n");
    }
    println!("{unmounted} of {} were unmounted", disks.len());
    if unmounted < disks.len() {
        node.fails(1, &format!("o2cb offline {CLUSTER}"));
    }

    let jobs = disks.iter().enumerate().map(|(number, disk)| {
        let script = if number % 2 == 0 {
            "use $device $directory"
        } else {
            "! mounted $directory || umount $directory"
        };
        (number, start(&node, disk, script))
    });
    all_succeed(jobs.collect());
    node.ok(&format!("o2cb offline {CLUSTER}"));
    node.assert_clean();
    lab.end();
}

/// A last unmount hands its locks to the other node. A process with a pending signal waits for that
/// without sleeping, and on a node with one processor nothing else runs, not even what would end the
/// wait. So the kill must not reach the process that is in the kernel.
#[test]
fn killed_while_the_other_node_does_not_answer() {
    let lab = Lab::new("kill-migration");
    let disk = lab.disk("volume").format();
    let device = disk.device();
    let nodes: [Node; 2] = lab.boot();
    for node in &nodes {
        node.ok(&format!(
            "o2cb online {CLUSTER} && mount -t ocfs2 {device} /mnt && touch /mnt/{}",
            node.name()
        ));
    }
    let [node, other] = &nodes;
    other.frozen(|| {
        node.ok(&format!(
            "umount.ocfs2 /mnt > /tmp/said 2>&1 & pid=$!
             while [[ $(< /proc/mounts) == *' /mnt ocfs2 '* ]]; do sleep 0.1; done
             sleep 1; {}",
            ends_by_kill("$pid")
        ))
    });
    node.wait_for("! pgrep -x umount.ocfs2");
    node.ok("o2cb offline && o2cb unload");
    other.ok("touch /mnt/file && umount /mnt && o2cb offline && o2cb unload");
    lab.end();
}
