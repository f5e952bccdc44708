//! Which process has the last reference. The last process that changed the count need not have
//! one: a process also changes it when it gives its own back.

use super::online;
use crate::rig::{Disk, Job, Lab, Node, all_succeed};

/// A state of the references, and what has to come of it.
struct Case {
    name: &'static str,
    script: &'static str,
}

/// Shared by the scripts. `linger CALL COMMAND` runs a program in the background and stops it before
/// the system call, or after it with `at=exit`, until `release`. `foreign SECONDS CHANGES` is a program like those of the C
/// tools: it changes the count, by a number with `u` as long as it lives.
const SHELL: &str = r#"
trap 'kill -KILL $(jobs -p) 2> /dev/null || :' EXIT
refs() {
    local said=$(/ctools/ocfs2_hb_ctl -I -u $uuid)
    [ "$said" = "$uuid: $1 refs" ] || { echo "line ${BASH_LINENO[0]}: $1 wanted: $said" >&2; exit 1; }
}
until_refs() {
    for ((n = 0; n < 2400; n++)); do
        [ "$(/ctools/ocfs2_hb_ctl -I -u $uuid)" != "$uuid: $1 refs" ] || return 0
        sleep 0.1
    done
    refs $1
}
linger() {
    local call=$1
    shift
    strace -o /dev/null -e trace=$call -e inject=$call:delay_${at:-enter}=600000000 "$@" &> /dev/null &
    tracer=$!
}
until_mounted() {
    for ((n = 0; n < 2400; n++)); do ! mountpoint -q $point || return 0; sleep 0.1; done
    return 1
}
release() {
    kill -KILL $tracer
    wait $tracer || :
}
# A mount.ocfs2 that is killed after mount(2). The tracer would still wait out the delay.
killed_mount() {
    at=exit linger mount mount.ocfs2 $device $point
    until_mounted
    pkill -KILL -P $tracer
    release
}
gone() {
    [ ! -e $region ] || { echo "line ${BASH_LINENO[0]}: the region is there" >&2; exit 1; }
}
stays() {
    [ -e $region ] || { echo "line ${BASH_LINENO[0]}: the region is gone" >&2; exit 1; }
}
foreign() {
    rm -f $flag
    perl -e '
        my ($key, $flag, $seconds, @changes) = @ARGV;
        my $set = semget($key, 2, 0) // die $!;
        for (@changes) {
            my ($change, $undo) = /^([+-]1)(u?)$/;
            semop($set, pack("s!3", 1, $change, $undo ? 010000 : 0)) or die $!;
        }
        open(my $file, ">", $flag);
        sleep $seconds;
    ' -- $key $flag "$@" &> /dev/null &
    foreign=$!
    for ((n = 0; n < 2400; n++)); do [ ! -e $flag ] || return 0; sleep 0.1; done
    return 1
}
"#;

const CASES: [Case; 12] = [
    Case {
        name: "a program's, while an unmount that gave back its own still ends",
        script: r#"
            ocfs2_hb_ctl -S -d $device x
            mount.ocfs2 $device $point
            refs 2
            linger exit_group umount.ocfs2 $point
            until_refs 1
            ocfs2_hb_ctl -K -d $device x
            gone
            release
        "#,
    },
    Case {
        name: "a program's, while a C program that gave back its own still ends",
        script: r#"
            ocfs2_hb_ctl -S -d $device x
            foreign 3 +1u -1u
            refs 1
            ocfs2_hb_ctl -K -d $device x
            gone
        "#,
    },
    Case {
        name: "a C program's that goes on",
        script: r#"
            ocfs2_hb_ctl -S -d $device x
            foreign 600 +1u -1
            refs 1
            ocfs2_hb_ctl -K -d $device x 2>&1 | grep "process $foreign "
            ocfs2_hb_ctl -K -u $uuid
            refs 1
            stays
            kill $foreign; wait $foreign || :
            refs 0
            ocfs2_hb_ctl -K -d $device x
            gone
        "#,
    },
    Case {
        name: "that of o2cb exec",
        script: r#"
            ocfs2_hb_ctl -S -d $device x
            o2cb exec -d $device -- sleep 600 &> /dev/null &
            exec=$!
            until_refs 2
            ocfs2_hb_ctl -K -d $device x
            refs 1
            ! ocfs2_hb_ctl -K -d $device x
            refs 1
            ocfs2_hb_ctl -K -u $uuid
            refs 1
            stays
            kill $exec; wait $exec || :
            for ((n = 0; n < 2400; n++)); do [ -e $region ] || break; sleep 0.1; done
            gone
        "#,
    },
    Case {
        name: "that of a mount.ocfs2 that has joined and not mounted",
        script: r#"
            ocfs2_hb_ctl -S -d $device x
            linger mount mount.ocfs2 $device $point
            until_refs 2
            ocfs2_hb_ctl -K -d $device x
            refs 1
            ! ocfs2_hb_ctl -K -d $device x
            ocfs2_hb_ctl -K -u $uuid
            refs 1
            ocfs2_hb_ctl --repair -u $uuid
            refs 1
            stays
            # mount(2) follows.
            release
            until_mounted
            until_refs 1
            umount $point
            gone
        "#,
    },
    Case {
        name: "a dead mount's, while its mount.ocfs2 still ends",
        script: r#"
            linger exit_group mount.ocfs2 $device $point
            until_mounted
            until_refs 1
            umount -i $point
            # Unless a call for another volume comes first.
            ocfs2_hb_ctl --repair -u $uuid
            gone
            release
        "#,
    },
    Case {
        name: "a program's, beside a mount.ocfs2 that has mounted and not said so",
        script: r#"
            ocfs2_hb_ctl -S -d $device x
            at=exit linger mount mount.ocfs2 $device $point
            until_mounted
            mkdir $point.second
            mount.ocfs2 $device $point.second
            refs 3
            release
            until_refs 2
            umount $point $point.second
            refs 1
            ocfs2_hb_ctl -K -d $device x
            gone
        "#,
    },
    Case {
        name: "a C mount's, while a program that gave back its own still ends",
        script: r#"
            /ctools/mount.ocfs2 $device $point
            refs 1
            foreign 3 +1u -1u
            refs 1
            umount $point
            gone
        "#,
    },
    Case {
        name: "a program's, beside a mount.ocfs2 that was killed after mount(2)",
        script: r#"
            ocfs2_hb_ctl -S -d $device x
            killed_mount
            refs 1
            mkdir $point.second
            mount.ocfs2 $device $point.second
            refs 2
            umount $point $point.second
            refs 1
            stays
            ocfs2_hb_ctl -K -d $device x
            gone
        "#,
    },
    Case {
        name: "a program's, while the volume of a killed mount.ocfs2 is unmounted",
        script: r#"
            ocfs2_hb_ctl -S -d $device x
            killed_mount
            umount $point
            refs 1
            stays
            ocfs2_hb_ctl -K -d $device x
            gone
        "#,
    },
    Case {
        name: "a program's, given back before the volume of a killed mount.ocfs2 is unmounted",
        script: r#"
            killed_mount
            refs 0
            ocfs2_hb_ctl -S -d $device x
            ocfs2_hb_ctl -K -d $device x
            refs 0
            stays
            umount $point
            gone
        "#,
    },
    Case {
        name: "a C mount's, after a mount.ocfs2 that failed",
        script: r#"
            ocfs2_hb_ctl -S -d $device x
            ! mount.ocfs2 -o nonsense $device $point
            refs 1
            /ctools/mount.ocfs2 $device $point
            refs 2
            umount $point
            refs 1
            ocfs2_hb_ctl -K -d $device x
            gone
        "#,
    },
];

fn start(node: &Node, disk: &Disk, case: &Case) -> Job {
    let (name, key) = (disk.name(), disk.key());
    let script = format!(
        "set -e\npoint=$directory flag=/run/flag.{name} key={key}\n{SHELL}{}",
        case.script
    );
    node.start_on(disk, &script)
}

#[test]
fn the_last_process_to_change_the_count_is_not_taken_for_the_holder() {
    let lab = Lab::new("holders");
    let disks = lab.volumes(CASES.len());
    let [node] = lab.nodes().memory_mb(320).boot();
    online(&node);
    let jobs = CASES.iter().zip(&disks);
    let jobs = jobs.map(|(case, disk)| (case.name, start(&node, disk, case)));
    all_succeed(jobs.collect());
    node.ok("o2cb offline && o2cb unload");
    node.wait_until_clean();
    lab.end();
}
