//! Every wedge that kills, leaks and pulled disks leave is named by `--repair` and by `--long`, and
//! is repaired or explained; what is in use stays as it is.

mod disks;
mod named;

use crate::rig::{CLUSTER, Disk, Lab, Node};

/// A wedge, and what `--repair` makes of it.
struct Wedge {
    name: &'static str,
    /// With tools that work.
    begin: &'static str,
    /// Without ours: each call of those would tidy up some of the others' wedges.
    wedge: &'static str,
    code: i32,
    /// What `--dry-run` says, and what `--repair` says.
    says: [&'static str; 2],
    then: &'static str,
}

const GONE: &str = "[ ! -e $region ]";

const WEDGES: [Wedge; 11] = [
    Wedge {
        name: "made and never started",
        begin: "",
        wedge: "mkdir $region",
        code: 0,
        says: ["its start was cut off: would be removed", "its start was cut off: removed"],
        then: GONE,
    },
    Wedge {
        name: "mount.ocfs2 and its starter killed",
        begin: r#"
            mount.ocfs2 $device $directory & pid=$!
            until { read -r thread < $region/pid; } 2> /dev/null; do sleep 0.01; done
            children=
            for stat in /proc/[0-9]*/stat; do
                { read -r child _ _ parent _ < $stat; } 2> /dev/null || continue
                [ "$parent" != $pid ] || children+=" $child"
            done
            # At once, or one would tidy up behind the other.
            kill -s KILL $pid $children
            while [ -e /proc/$thread ]; do sleep 0.1; done
            touch /run/killed
        "#,
        wedge: "",
        code: 1,
        says: ["its start was cut off, and its thread has ended: left alone: on this kernel"; 2],
        then: "[ -e $region ]",
    },
    Wedge {
        name: "unmounted without a word",
        begin: "mount.ocfs2 $device $directory",
        wedge: "umount -i $directory",
        code: 0,
        says: [
            "its one reference is that of a mounted volume, which is gone: would be removed",
            "its one reference is that of a mounted volume, which is gone: removed",
        ],
        then: GONE,
    },
    Wedge {
        name: "unmounted without a word, beside a program",
        begin: "mount.ocfs2 $device $directory && ocfs2_hb_ctl -S -d $device x",
        wedge: "umount -i $directory",
        code: 0,
        says: [
            "one of 2 references is that of a mounted volume, which is gone: would be removed",
            "one of 2 references is that of a mounted volume, which is gone: removed",
        ],
        then: "[ -e $region ] && ocfs2_hb_ctl -K -d $device x && [ ! -e $region ]",
    },
    Wedge {
        name: "a program's reference that was not given back",
        begin: "ocfs2_hb_ctl -S -d $device x",
        wedge: "",
        code: 1,
        says: ["1 reference belongs to no mount and no running process"; 2],
        then: "[ -e $region ] && ocfs2_hb_ctl -K -u $uuid x && [ ! -e $region ]",
    },
    Wedge {
        name: "two mounts of the C tools",
        begin: r#"
            mkdir -p $directory.second
            /ctools/mount.ocfs2 $device $directory && /ctools/mount.ocfs2 $device $directory.second
        "#,
        wedge: "umount -i $directory.second && umount -i $directory",
        code: 1,
        says: ["2 references belong to no mount and no running process"; 2],
        then: r#"
            [ -e $region ] && ocfs2_hb_ctl -K -u $uuid x && [ -e $region ] &&
                ocfs2_hb_ctl -K -u $uuid x && [ ! -e $region ]
        "#,
    },
    Wedge {
        name: "beating for nobody",
        begin: "ocfs2_hb_ctl -S -d $device x",
        wedge: "ipcrm -S $key",
        code: 0,
        says: ["and nobody refers to it: would be removed", "and nobody refers to it: removed"],
        then: GONE,
    },
    Wedge {
        name: "beating for a lock",
        begin: "ocfs2_hb_ctl -S -d $device x",
        wedge: "mkdir /dlm/$uuid &&
            (exec 9> /dlm/$uuid/lock; echo > /run/locked; until [ -e /run/unlock ]; do sleep 0.1; done) &> /dev/null &
            until [ -e /run/locked ]; do sleep 0.1; done; ipcrm -S $key",
        code: 1,
        says: ["and nobody refers to it: left alone: locks of the volume are held by process "; 2],
        then: "[ -e $region ] && echo > /run/unlock &&
            until [ ! -e $region ]; do sleep 0.5; ocfs2_hb_ctl --repair -u $uuid > /dev/null; done",
    },
    Wedge {
        name: "semaphores that the C tool makes to look",
        begin: "",
        wedge: "/ctools/ocfs2_hb_ctl -I -u $uuid > /dev/null",
        code: 0,
        says: [
            "it has semaphores (0 references) and no region: would be removed",
            "it has semaphores (0 references) and no region: removed",
        ],
        then: GONE,
    },
    Wedge {
        name: "mounted, and its semaphores taken",
        begin: "mount.ocfs2 $device $directory",
        wedge: "ipcrm -S $key",
        code: 0,
        says: ["nothing wrong: its volume is mounted"; 2],
        then: "[ -e $region ] && touch $directory/file && umount $directory && [ ! -e $region ]",
    },
    Wedge {
        name: "mounted out of sight",
        begin: "mount.ocfs2 $device $directory",
        wedge: "(exec 9> $directory/file; echo > /run/open; until [ -e /run/close ]; do sleep 0.1; done) &> /dev/null &
            until [ -e /run/open ]; do sleep 0.1; done; umount -il $directory",
        code: 0,
        says: ["nothing wrong: its volume is mounted"; 2],
        then: "[ -e $region ] && echo > /run/close &&
            until [ ! -e $region ]; do sleep 0.5; ocfs2_hb_ctl --repair -u $uuid > /dev/null; done",
    },
];

/// Does something to all volumes at the same time; what is wrong with how it ends.
fn each(
    node: &Node,
    disks: &[Disk],
    script: impl Fn(&Wedge) -> String,
    code: impl Fn(&Wedge) -> i32,
    says: impl Fn(&Wedge) -> &'static str,
) -> Vec<String> {
    let begin = |(wedge, disk)| (wedge, node.start_on(disk, &script(wedge)));
    let jobs: Vec<_> = WEDGES.iter().zip(disks).map(begin).collect();
    let mut wrong = Vec::new();
    for (wedge, job) in jobs {
        let output = job.wait();
        let said = output.stdout.contains(says(wedge)) && output.stderr.is_empty();
        if output.code != code(wedge) || !(said || says(wedge).is_empty()) {
            wrong.push(format!("{}: {output}", wedge.name));
        }
    }
    wrong
}

#[test]
fn each_wedge_is_repaired_or_explained() {
    let lab = Lab::new("repair");
    let disks = lab.volumes(WEDGES.len());
    let [node] = lab.nodes().memory_mb(320).boot();
    node.ok(&format!("o2cb online {CLUSTER}"));
    let well = |_: &Wedge| 0;
    let anything = |_: &Wedge| "";
    let begun = each(
        &node,
        &disks,
        // While its thread lives, any other call would remove the region of those that were killed.
        |wedge| match wedge.begin.contains("/run/killed") {
            true => format!("{}\nexit 0", wedge.begin),
            false => format!(
                "until [ -e /run/killed ]; do sleep 0.1; done\n{}\nexit 0",
                wedge.begin
            ),
        },
        well,
        anything,
    );
    assert!(begun.is_empty(), "{}", begun.join("\n"));
    let made = each(&node, &disks, |wedge| wedge.wedge.into(), well, anything);
    assert!(made.is_empty(), "{}", made.join("\n"));

    let regions = node.regions();
    let mut wrong = Vec::new();
    for (at, options) in ["--repair --dry-run", "--repair"].into_iter().enumerate() {
        wrong.extend(each(
            &node,
            &disks,
            |_| format!("ocfs2_hb_ctl {options} -u $uuid"),
            |wedge| wedge.code,
            |wedge| wedge.says[at],
        ));
        if at == 0 {
            assert_eq!(node.regions(), regions, "a dry run changes nothing");
        }
    }
    wrong.extend(each(
        &node,
        &disks,
        |wedge| wedge.then.into(),
        well,
        anything,
    ));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // What cannot be repaired stays, whichever command is asked: this kernel would panic.
    let output = node.fails(1, "ocfs2_hb_ctl --repair --all");
    assert!(
        output.stdout.starts_with(&disks[1].uuid()) && output.stdout.lines().count() == 1,
        "{output}"
    );
    assert_eq!(node.regions(), [disks[1].uuid()]);
    // The region, and the semaphores that were made for its start.
    assert_eq!(node.leftovers().lines().count(), 2, "{}", node.leftovers());
    lab.end();
}
