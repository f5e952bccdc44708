//! SIGKILL to the process that starts the heartbeat, alone and together with mount.ocfs2.

use super::{online, start};
use crate::rig::{CLUSTER, Node, Output, all_succeed};

/// Seconds into the heartbeat's start. Its thread wakes every 2 s and ends at the first time
/// after the start was cut off: soon after these, it lives for another second.
const MOMENTS: [f64; 3] = [0.2, 2.3, 4.4];

/// mount.ocfs2 is `$pid`, its starter `$child`, and the thread is `$moment` seconds old. On a
/// machine so busy that the start is over by then there is nothing left to kill.
const BEGIN: &str = r#"
    mount.ocfs2 $device $directory 2> $directory.said & pid=$!
    absent=$EPOCHREALTIME
    until { read -r thread < $region/pid; } 2> /dev/null; do
        absent=$EPOCHREALTIME
        sleep 0.01
    done
    seen=$EPOCHREALTIME
    # May the thread have ended since the kill? Only a busy machine makes us that late.
    late() {
        local now=${EPOCHREALTIME/./}
        ((cycles = (now - ${absent/./}) / 2000000))
        ((cycles > (${killed/./} - ${seen/./} - 200000) / 2000000)) && echo late
    }
    sleep $moment
    child_of $pid || { wait $pid && use $device $directory; exit; }
    killed=$EPOCHREALTIME
"#;

/// Both are killed, and nothing is left of them.
const KILL_BOTH: &str = r#"
    kill -s KILL $pid $child
    wait $pid
"#;

#[test]
fn both_killed_then_mounted_while_the_thread_lives() {
    let (lab, node, disks) = online("kill-both-now", MOMENTS.len());
    let jobs = MOMENTS.iter().zip(&disks).map(|(moment, disk)| {
        let script = format!(
            r#"moment={moment}{BEGIN}{KILL_BOTH}
            mount.ocfs2 $device $directory || {{ late; exit; }}
            use $device $directory
            "#
        );
        (moment, start(&node, disk, &script))
    });
    assert_tidy(&node, &all_succeed(jobs.collect()));
    lab.end();
}

/// No region is left but those that are refused for good reason.
#[track_caller]
fn assert_tidy(node: &Node, said: &[String]) {
    let late = said.iter().filter(|said| said.contains("late")).count();
    if late == 0 {
        node.wait_until_clean();
    } else {
        println!("{late} came late");
        assert_eq!(node.regions().len(), late);
    }
}

/// This kernel has the bug that makes what is left dangerous: only a refusal is safe.
#[test]
fn both_killed_then_refused_when_the_thread_has_ended() {
    let (lab, node, disks) = online("kill-both-later", MOMENTS.len() + 1);
    let begin = |(moment, disk)| {
        let script = format!(
            "moment={moment}{BEGIN}{KILL_BOTH}
            while [ -e /proc/$thread ]; do sleep 0.1; done; mount.ocfs2 $device $directory"
        );
        (disk, start(&node, disk, &script))
    };
    let jobs: Vec<_> = MOMENTS.iter().zip(&disks).map(begin).collect();
    let mut wedged = Vec::new();
    for (disk, job) in jobs {
        let output = job.wait();
        // 0: the start was over before the kill.
        if output.code != 0 {
            assert_eq!(output.code, 32, "{output}");
            assert_refused(&output);
            wedged.push(disk.uuid());
        }
    }
    wedged.sort();

    // What else the node does goes on.
    let other = &disks[MOMENTS.len()];
    all_succeed(vec![((), start(&node, other, "use $device $directory"))]);
    for uuid in &wedged {
        for command in [
            format!("o2cb offline {CLUSTER}"),
            format!("ocfs2_hb_ctl -K -u {uuid} test"),
            format!("ocfs2_hb_ctl -K -u {uuid}"),
        ] {
            assert_refused(&node.run(&command));
        }
    }
    let mut left = node.regions();
    left.sort();
    assert_eq!(left, wedged);
    // To power off is safe: the kernel removes nothing then.
    lab.end();
}

/// On a busy node time can pass between the look at the thread and the removal, which must not
/// rely on the look.
#[test]
fn both_killed_then_refused_when_the_thread_ends_while_it_is_looked_at() {
    let (lab, node, disks) = online("kill-both-meanwhile", 1);
    let script = format!(
        r#"moment=0.2{BEGIN}{KILL_BOTH}
        strace -f -o /dev/null -e inject=sched_setscheduler:delay_exit=4s:when=1 \
            mount.ocfs2 $device $directory
        "#
    );
    let output = start(&node, &disks[0], &script).wait();
    // 0: the start was over before the kill.
    if output.code != 0 {
        assert_eq!(output.code, 32, "{output}");
        assert_refused(&output);
        assert_eq!(node.regions(), [disks[0].uuid()]);
    }
    lab.end();
}

/// A thread that has ended can be as good as none to the kernel's own eyes: a region is removed where
/// there cannot have been one, and only there.
#[test]
fn cut_off_before_the_thread_is_known_only_by_what_was_set() {
    let (lab, node, disks) = online("kill-before-thread", 2);
    // Between the geometry and the device, as far as can be seen; then in the geometry.
    let whole = "mkdir $region
        echo 512 > $region/block_bytes
        echo 2184 > $region/start_block
        echo 255 > $region/blocks
        mount.ocfs2 $device $directory 2> $directory.said && exit 1
        grep -q 'was left half-started' $directory.said && [ -d $region ] || exit 1
        rmdir $region
        use $device $directory";
    let part = "mkdir $region
        echo 512 > $region/block_bytes
        echo 255 > $region/blocks
        use $device $directory";
    let jobs = [whole, part].into_iter().zip(&disks);
    all_succeed(
        jobs.map(|(script, disk)| (script, start(&node, disk, script)))
            .collect(),
    );
    node.wait_until_clean();
    lab.end();
}

#[track_caller]
fn assert_refused(output: &Output) {
    let says = |text| output.stderr.contains(text);
    assert!(
        output.code != 0 && says("was left half-started") && says("reboot this node"),
        "{output}"
    );
}

#[test]
fn starter_killed_is_said_and_tidied_up() {
    let (lab, node, disks) = online("kill-starter", MOMENTS.len());
    let jobs = MOMENTS.iter().zip(&disks).map(|(moment, disk)| {
        let script = format!(
            r#"
            moment={moment}{BEGIN}
            kill -s KILL $child
            wait $pid
            code=$?
            cat $directory.said >&2
            [ $code = 32 ] || exit 1
            said=$(< $directory.said)
            [ ! -e $region ] || {{ late; exit; }}
            [ "$said" = "mount.ocfs2: $device: {SAID}" ] || exit 1
            use $device $directory
            "#
        );
        (moment, start(&node, disk, &script))
    });
    assert_tidy(&node, &all_succeed(jobs.collect()));
    lab.end();
}

const SAID: &str = "the process that starts the heartbeat was killed";
