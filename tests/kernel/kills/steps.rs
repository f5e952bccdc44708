//! SIGKILL before each system call that changes anything, by strace(1), one after the other.
//!
//! Each run tries all of these, of the fault matrix only a slice.

use super::{online, start};
use crate::rig::{CLUSTER, all_succeed};

/// Between two of these nothing changes that others see, so that these are all the states
/// that a killed process can leave.
const CALLS: &str = "semget semtimedop semctl mkdir rmdir unlinkat write mount umount2 fork \
                     clone ioprio_set exit_group";

/// Runs `command` again and again, killed before its first, second, ... call of each kind,
/// until it has no such call any more; runs `before` and `after` around each. Counts the kills.
fn at_each_step(before: &str, command: &str, after: &str) -> String {
    format!(
        r#"
        kills=0
        for call in {CALLS}; do
            for ((n = 1; ; n++)); do
                {before}
                strace -o /dev/null -e trace=$call -e inject=$call:signal=KILL:when=$n {command}
                code=$?
                echo "$call $n: $code" >&2
                {after}
                [ $code != 0 ] || break
                [ $code = 137 ] && ((++kills < 100)) || exit 1
            done
        done
        echo $kills
        "#
    )
}

#[test]
fn a_second_mount_and_its_unmount() {
    let (lab, node, disks) = online("steps-second", 1);
    let disk = &disks[0];
    let run = |script: &str| all_succeed(vec![((), start(&node, disk, script))]).remove(0);
    run("mkdir /mnt/second; mount.ocfs2 $device $directory");
    let tidy = "! mounted /mnt/second || umount /mnt/second || exit; mounted $directory || exit";
    let mount = at_each_step(":", "mount.ocfs2 $device /mnt/second", tidy);
    let mounted = "mounted /mnt/second || mount.ocfs2 $device /mnt/second || exit";
    let umount = at_each_step(mounted, "umount.ocfs2 /mnt/second", tidy);
    println!("killed {} {}", run(&mount), run(&umount));
    assert_eq!(node.references(&disk.uuid()), 1);
    run("umount $directory");
    node.assert_clean();
    lab.end();
}

/// What waits for the heartbeat, or for the kernel's last unmount, is killed on a volume for
/// each step, all at the same time.
fn each_on_its_volume(lab: &str, before: &str, command: &str, cases: &[(&str, u32)]) {
    let (lab, node, disks) = online(lab, cases.len());
    let all = |script: &dyn Fn(&(&str, u32)) -> String| {
        let jobs = cases.iter().zip(&disks);
        all_succeed(
            jobs.map(|(case, disk)| (case, start(&node, disk, &script(case))))
                .collect(),
        )
    };
    all(&|_| before.to_owned());
    let ends = all(&|(call, n)| {
        format!(
            "strace -o /dev/null -e trace={call} -e inject={call}:signal=KILL:when={n} {command}
            code=$?
            [ $code = 0 ] || [ $code = 32 ] || [ $code = 137 ] || exit
            echo $code"
        )
    });
    let killed = ends.iter().filter(|end| *end == "137\n").count();
    println!("{killed} of {} were killed", cases.len());
    // What is left is in the way of no mount, no program and no end of the cluster.
    all(&|case| {
        if cases
            .iter()
            .position(|other| other == case)
            .is_some_and(|at| at % 2 == 0)
        {
            "use $device $directory".to_owned()
        } else {
            PROGRAM.to_owned()
        }
    });
    node.ok(&format!("o2cb offline {CLUSTER}"));
    node.assert_clean();
    lab.end();
}

/// A program that begins with no heartbeat leaves none.
const PROGRAM: &str = r#"
    ! mounted $directory || umount $directory || exit
    [ -e $region ] && was=beating || was=
    ocfs2_hb_ctl -S -d $device program && ocfs2_hb_ctl -K -d $device program || exit
    [ "$was" ] || [ ! -e $region ] || { echo "still beating" >&2; exit 1; }
"#;

#[test]
fn a_first_mount() {
    const CASES: [(&str, u32); 12] = [
        ("clone", 1),
        ("clone", 2),
        ("semget", 1),
        ("semtimedop", 1),
        ("semtimedop", 2),
        ("write", 1),
        ("write", 2),
        ("write", 3),
        ("mount", 1),
        ("ioprio_set", 1),
        ("semget", 2),
        ("exit_group", 1),
    ];
    let command = "mount.ocfs2 $device $directory";
    each_on_its_volume("steps-first", ":", command, &CASES);
}

/// strace(1) follows the child as well, which is killed at its own n-th call.
#[test]
fn a_first_mount_and_its_starter() {
    const CASES: [(&str, u32); 12] = [
        ("mkdir", 1),
        ("semget", 1),
        ("semtimedop", 1),
        ("semtimedop", 2),
        ("write", 1),
        ("write", 2),
        ("write", 3),
        ("write", 4),
        ("write", 5),
        ("write", 6),
        ("exit_group", 1),
        ("fcntl", 1),
    ];
    let command = "-f mount.ocfs2 $device $directory";
    each_on_its_volume("steps-starter", ":", command, &CASES);
}

#[test]
fn a_last_unmount() {
    const CASES: [(&str, u32); 12] = [
        ("umount2", 1),
        ("semget", 1),
        ("semtimedop", 1),
        ("semctl", 4),
        ("semctl", 1),
        ("semctl", 3),
        ("semctl", 2),
        ("flock", 1),
        ("unlinkat", 1),
        ("write", 1),
        ("semtimedop", 2),
        ("exit_group", 1),
    ];
    let before = "mount.ocfs2 $device $directory";
    each_on_its_volume("steps-last", before, "umount.ocfs2 $directory", &CASES);
}
