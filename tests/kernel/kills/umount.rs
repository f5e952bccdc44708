//! SIGKILL to umount.ocfs2.

use super::{all_succeed, online, start};
use crate::rig::CLUSTER;

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
