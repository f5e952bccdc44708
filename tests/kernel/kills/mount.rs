//! SIGKILL to mount.ocfs2 in a volume's first mount.

use super::{online, start};
use crate::rig::all_succeed;

/// Seconds: before the heartbeat's start, in it, and around mount(2), which comes after 8 s
/// or more.
const EARLY: [f64; 10] = [0.02, 0.05, 0.08, 0.12, 0.16, 0.2, 0.3, 0.5, 0.8, 1.2];
const LATE: [f64; 10] = [2.0, 3.0, 4.5, 6.0, 7.5, 8.0, 8.3, 8.6, 8.9, 9.2];

fn killed(lab: &str, moments: [f64; 10], pause: u32) {
    let (lab, node, disks) = online(lab, moments.len());
    let jobs = moments.iter().zip(&disks).map(|(moment, disk)| {
        let script = format!(
            r#"
            mount.ocfs2 $device $directory & pid=$!
            sleep {moment}
            kill -s KILL $pid
            wait $pid
            sleep {pause}
            use $device $directory
            "#
        );
        (moment, start(&node, disk, &script))
    });
    all_succeed(jobs.collect());
    node.wait_until_clean();
    lab.end();
}

#[test]
fn killed_early_then_mounted_at_once() {
    killed("kill-early-now", EARLY, 0);
}

#[test]
fn killed_early_then_mounted_later() {
    killed("kill-early-later", EARLY, 5);
}

#[test]
fn killed_late_then_mounted_at_once() {
    killed("kill-late-now", LATE, 0);
}

#[test]
fn killed_late_then_mounted_later() {
    killed("kill-late-later", LATE, 5);
}
