//! Signals that end mount.ocfs2 while it waits for a heartbeat.

use super::hang::BETWEEN;
use super::{online, start};
use crate::rig::all_succeed;

/// Runs what follows with signals as a terminal's shell has them; a shell in the background
/// ignores some.
const USUAL: &str = "env --default-signal=INT,QUIT,TERM,HUP";

/// Waits until the heartbeat of `$pid` is being started, and has its device hang: of itself the
/// mount ends only a minute later.
const STARTING: &str = r#"
    until { read -r _ < $region/pid; } 2> /dev/null; do sleep 0.01; done
    hang
"#;

/// The start goes on behind a mount that has ended at once, and is rolled back.
const ENDED: &str = r#"
    (($(now) - sent < 40000000)) || exit 1
    mounted $directory && exit 1
    [ -e $region ] || exit 1
    dmsetup resume $name
"#;

#[test]
fn a_signal_ends_the_wait_at_once() {
    const SIGNALS: [&str; 4] = ["INT", "TERM", "HUP", "QUIT"];
    let (lab, node, disks) = online("signals", SIGNALS.len() + 3);
    node.ok("modprobe dm-mod");
    let (direct, rest) = disks.split_at(SIGNALS.len());
    let mut jobs = Vec::new();
    for (signal, disk) in SIGNALS.into_iter().zip(direct) {
        let script = format!(
            r#"
            {BETWEEN}
            {USUAL} mount.ocfs2 $device $directory 2> $directory.said & pid=$!
            {STARTING}
            sent=$(now)
            kill -s {signal} $pid
            wait $pid
            echo "$? $(< $directory.said)"
            {ENDED}"#
        );
        jobs.push((signal, start(&node, disk, &script)));
    }
    let [helper, group, nohup] = rest else {
        unreachable!("three more disks")
    };
    // mount(8) shows how its helper ended.
    let script = format!(
        r#"
        {BETWEEN}
        {USUAL} mount -t ocfs2 $device $directory 2> $directory.said & pid=$!
        {STARTING}
        child_of $pid
        sent=$(now)
        kill -s TERM $child
        wait $pid
        echo "$? $(< $directory.said)"
        {ENDED}"#
    );
    jobs.push(("helper", start(&node, helper, &script)));
    // Ctrl-C reaches both, and mount(8) dies of it.
    let script = format!(
        r#"
        {BETWEEN}
        set -m
        {USUAL} mount -t ocfs2 $device $directory 2> $directory.said & pid=$!
        set +m
        {STARTING}
        child_of $pid
        sent=$(now)
        kill -s INT -- -$pid
        wait $pid 2> /dev/null
        while [ -e /proc/$child ]; do sleep 0.1; done
        echo "8 $(< $directory.said)"
        {ENDED}"#
    );
    jobs.push(("group", start(&node, group, &script)));
    let said = all_succeed(jobs);
    for (said, disk) in said.iter().zip(&disks) {
        let name = disk.name();
        assert_eq!(
            said,
            &format!("8 mount.ocfs2: /dev/mapper/{name}: interrupted\n")
        );
    }

    let script = r#"
        (trap '' HUP; exec mount.ocfs2 $device $directory) & pid=$!
        until { read -r _ < $region/pid; } 2> /dev/null; do sleep 0.01; done
        kill -s HUP $pid
        wait $pid || exit
        mounted $directory || exit
        use $device $directory
    "#;
    all_succeed(vec![((), start(&node, nohup, script))]);
    node.wait_until_clean();
    lab.end();
}

/// Ctrl-C on a terminal, where the wait is counted.
#[test]
fn a_terminal_sees_the_wait_counted_and_can_end_it() {
    let (lab, node, disks) = online("terminal", 2);
    node.ok("mkdir -p /dev/pts && mount -t devpts -o ptmxmode=666 devpts /dev/pts");
    let typed = |command: &str| {
        format!(
            r#"
            echo "trap : INT; {command} $device $directory; echo \"exit \$?\"" > $directory.sh
            {{
                until [ -e $region ]; do sleep 0.1; done
                sleep 2.5
                printf '\003'
                sleep 2
            }} |
                {USUAL} script -qc "bash $directory.sh" /dev/null
            "#
        )
    };
    let jobs = ["mount.ocfs2", "mount -t ocfs2"].iter().zip(&disks);
    let jobs = jobs.map(|(command, disk)| (command, start(&node, disk, &typed(command))));
    let said = all_succeed(jobs.collect());
    assert!(said[0].contains("interrupted\r\nexit 8\r\n"), "{}", said[0]);
    // mount(8) dies of it.
    assert!(said[1].contains("exit 130\r\n"), "{}", said[1]);
    for (said, disk) in said.iter().zip(&disks) {
        let wait = format!("{}: waiting for the heartbeat", disk.device());
        // A busy machine may miss one of them.
        let seconds = (0..3).filter(|second| said.contains(&format!("some 8 s: {second} s")));
        assert!(said.contains(&wait) && seconds.count() >= 2, "{said}");
    }
    node.wait_until_clean();
    lab.end();
}
