//! C tools and ours in turn on the same regions, with each program as the kernel's callout: the
//! count that the C tool prints is right after each step, and nothing is left in the end.

use super::{bring_down, online, point};
use crate::rig::{Disk, Job, Lab, Node, all_succeed};
use std::fmt::Debug;

const OURS: &str = "/usr/sbin";
const C: &str = "/ctools";

/// Which tools work on one volume.
#[derive(Clone, Copy, Debug)]
struct Mix {
    mount: &'static str,
    /// `ocfs2_hb_ctl -S` of a program.
    start: &'static str,
    stop: &'static str,
    /// umount(8), with our helper or with `-i` without any.
    umount: &'static str,
}

fn mixes() -> Vec<Mix> {
    let mut all = Vec::new();
    for mount in [C, OURS] {
        for (start, stop) in [(C, C), (C, OURS), (OURS, C)] {
            for umount in ["umount", "umount -i"] {
                all.push(Mix {
                    mount,
                    start,
                    stop,
                    umount,
                });
            }
        }
    }
    all
}

/// What is done to one volume. A second mount is ours: each of C's own costs a reference that
/// is not given back.
fn script(disk: &Disk, mix: &Mix) -> String {
    let Mix {
        mount,
        start,
        stop,
        umount,
    } = mix;
    let (device, uuid, region) = (disk.device(), disk.uuid(), disk.region());
    let point = point(disk);
    let second = format!("{point}.second");
    format!(
        r#"
        region={region}
        counted() {{
            local said=$(/ctools/ocfs2_hb_ctl -I -u {uuid})
            [ "$said" = "{uuid}: $1 refs" ] || {{ echo "line ${{BASH_LINENO[0]}}: $1 wanted: $said" >&2; exit 1; }}
        }}
        set -e
        mkdir -p {point} {second}
        {mount}/mount.ocfs2 {device} {point}
        counted 1
        {start}/ocfs2_hb_ctl -S -d {device} program
        counted 2
        /usr/sbin/mount.ocfs2 {device} {second}
        counted 2
        umount {second}
        counted 2
        # Neither of C's takes anything of a mounted volume.
        ! fsck.ocfs2 -fy {device} &> /dev/null
        counted 2
        ! tunefs.ocfs2 -L renamed {device} &> /dev/null
        counted 2
        {stop}/ocfs2_hb_ctl -K -d {device} program
        counted 1
        {umount} {point}
        # A region that `umount -i` has left goes with the next call.
        [ ! -e $region ] || [ "{umount}" = "umount -i" ]
        {start}/ocfs2_hb_ctl -S -d {device} program
        {stop}/ocfs2_hb_ctl -K -d {device} program
        # So does this, unless such a call of another volume comes first.
        [ ! -e $region ] || /usr/sbin/ocfs2_hb_ctl -K -u {uuid} || [ ! -e $region ]
        [ ! -e $region ]
        fsck.ocfs2 -fy {device} > /dev/null
        [ ! -e $region ]
        tunefs.ocfs2 -L renamed {device} > /dev/null
        [ ! -e $region ]
        "#
    )
}

/// Mounts one volume at `$1`, `$2` and so on, each by another tool, ends them in both orders, and
/// does so without a program and beside one, which comes first. `$leak` references are left by the
/// C mount.ocfs2: one for each mount of its own that is not the first.
const ORDERS: &str = r#"
    counted() {
        local said=$(/ctools/ocfs2_hb_ctl -I -u $uuid)
        [ "$said" = "$uuid: $1 refs" ] || {
            echo "program $program, $order, line ${BASH_LINENO[0]}: $1 wanted: $said" >&2
            exit 1
        }
    }
    mount_by_old() {
        /usr/sbin/ocfs2_hb_ctl -S -d $device 2> /dev/null
        mount -i -t ocfs2 -o heartbeat=local $device $1
    }
    mount_by_c() {
        /ctools/mount.ocfs2 $device $1
    }
    mount_by_ours() {
        /usr/sbin/mount.ocfs2 $device $1
    }
    leak=0
    for tool in "${@:2}"; do
        [ $tool != c ] || leak=$((leak + 1))
    done
    set -e
    for round in "none forward" "/usr/sbin backward" "/ctools forward"; do
        read -r program order <<< "$round"
        programs=0 points= reversed=
        if [ $program != none ]; then
            $program/ocfs2_hb_ctl -S -d $device program
            programs=1
        fi
        for tool; do
            at=$point.${#points}
            mkdir -p $at
            mount_by_$tool $at
            points+=" $at" reversed="$at $reversed"
        done
        counted $((programs + 1 + leak))
        [ $order = forward ] || points=$reversed
        for at in $points; do
            [ -e $region ]
            touch $at/file
            umount $at
        done
        for ((left = programs + leak; left > 0; left--)); do
            counted $left
            /usr/sbin/ocfs2_hb_ctl -K -d $device program
        done
        [ ! -e $region ] || { echo "program $program, $order: not at zero" >&2; exit 1; }
    done
"#;

/// Has each program as the callout in turn, and waits for the jobs that `begin` starts then.
fn with_each_callout<T: Debug>(node: &Node, begin: impl Fn(&str) -> Vec<(T, Job)>) {
    for callout in [
        "/bin/true",
        "/usr/sbin/ocfs2_hb_ctl",
        "/ctools/ocfs2_hb_ctl",
    ] {
        println!("{callout}");
        node.ok(&format!(
            "echo {callout} > /proc/sys/fs/ocfs2/nm/hb_ctl_path"
        ));
        all_succeed(begin(callout));
        // The C tool makes a set of semaphores to look at.
        node.ok("o2cb offline && o2cb online");
        assert!(node.regions().is_empty());
    }
}

#[test]
fn every_order_of_mounts_by_1_2_and_c_and_ours_ends_at_zero() {
    let tools = ["old", "c", "ours"];
    let pairs = tools.map(|first| tools.map(|second| format!("{first} {second}")));
    let mut orders: Vec<String> = pairs.into_iter().flatten().collect();
    orders.extend(["old c ours", "c old ours", "c ours old"].map(str::to_owned));
    let lab = Lab::new("orders");
    let disks = lab.volumes(orders.len());
    let [node] = lab.nodes().memory_mb(320).boot();
    online(&node);
    with_each_callout(&node, |callout| {
        // mount.ocfs2 of 1.2 runs the callout without a service, which that of 1.8 refuses.
        let possible = |order: &str| callout != "/ctools/ocfs2_hb_ctl" || !order.contains("old");
        let cases = orders.iter().zip(&disks);
        let cases = cases.filter(|(order, _)| possible(order));
        let start = |(order, disk)| {
            let script = format!("point=$directory\nset -- {order}\n{ORDERS}");
            (order, node.start_on(disk, &script))
        };
        cases.map(start).collect()
    });
    bring_down(&node);
    lab.end();
}

#[test]
fn counts_are_right_in_every_mix_and_end_at_zero() {
    let mixes = mixes();
    let lab = Lab::new("mixes");
    let disks = lab.volumes(mixes.len());
    let [node] = lab.nodes().memory_mb(320).boot();
    online(&node);
    with_each_callout(&node, |_| {
        let cases = mixes.iter().zip(&disks);
        let jobs = cases.map(|(mix, disk)| ((disk.name(), mix), node.start(&script(disk, mix))));
        jobs.collect()
    });
    bring_down(&node);
    lab.end();
}
