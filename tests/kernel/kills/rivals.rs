//! Two mounts of one volume that is not mounted yet, at two places; one is killed.

use super::{online, start};
use crate::rig::all_succeed;

/// How long after the first the second begins. At 0 both may be about to start the heartbeat.
const HEAD_STARTS: [f64; 3] = [0.0, 0.3, 3.0];
/// When which of them is killed, in seconds from the second's begin.
const MOMENTS: [f64; 2] = [0.7, 4.0];

#[test]
fn the_other_gets_the_mount() {
    let cases: Vec<_> = HEAD_STARTS
        .iter()
        .flat_map(|head| MOMENTS.map(|moment| (head, moment)))
        .flat_map(|(head, moment)| ["first", "second"].map(|dead| (head, moment, dead)))
        .collect();
    let (lab, node, disks) = online("rivals", cases.len());
    let jobs = cases.iter().zip(&disks).map(|(case, disk)| {
        let (head, moment, dead) = case;
        let script = format!(
            r#"
            mkdir -p $directory/first $directory/second && cd $directory || exit
            mount.ocfs2 $device first & first=$!
            sleep {head}
            mount.ocfs2 $device second & second=$!
            sleep {moment}
            kill -s KILL ${dead}
            wait ${dead}
            [ {dead} = first ] && other=second || other=first
            wait ${{!other}} || exit
            mounted $directory/$other || exit
            touch $other/file && umount $other || exit
            # Killed in mount(2), which may have succeeded.
            ! mounted $directory/{dead} || umount {dead}
            "#
        );
        (case, start(&node, disk, &script))
    });
    all_succeed(jobs.collect());
    node.wait_until_clean();
    lab.end();
}
