//! What an unprivileged user makes first, or calls like something of the kernel's, neither stops
//! nor misleads root.

use crate::rig::{CLUSTER, Disk, Lab, Node};

/// Unprivileged, with no group of root's.
const STRANGER: &str = "setpriv --reuid=65534 --regid=65534 --clear-groups";

/// The stranger makes the set of the disk's region, of so many semaphores, and what `then` is done
/// to `$set`: 01000 is IPC_CREAT.
fn make_set(disk: &Disk, semaphores: u32, then: &str) -> String {
    let key = disk.key();
    format!(
        "{STRANGER} perl -e '$set = semget({key}, {semaphores}, 01000 | 0666) // die $!; {then}'\n"
    )
}

/// Semaphore 0 is the region's lock, 1 counts references.
fn raise(semaphore: u32, by: u32) -> String {
    format!("semop($set, pack(\"s!3\", {semaphore}, {by}, 0)) or die $!; ")
}

/// IPC_STAT (2) and IPC_SET (1) of semctl(2): the owner is root now, and the maker who he was.
const GIVE_TO_ROOT: &str = r#"
    semctl($set, 0, 2, $status) or die $!;
    substr($status, 4, 4) = pack("L", 0);
    semctl($set, 0, 1, $status) or die $!;
"#;

#[test]
fn semaphores_of_another_user_stop_nothing() {
    let lab = Lab::new("strangers-semaphores");
    let sets = [
        ("locked", 3, raise(0, 1)),
        (
            "locked and counted",
            3,
            raise(0, 1) + &raise(1, 7) + &raise(2, 1),
        ),
        ("counted, as of the C tools", 2, raise(1, 1)),
        ("too small", 1, String::new()),
        ("too large", 9, raise(0, 1)),
        ("given to root", 3, raise(0, 1) + GIVE_TO_ROOT),
    ];
    let disks = sets
        .each_ref()
        .map(|(name, ..)| lab.disk(&name.replace([' ', ','], "-")).format());
    let [node] = lab.nodes().memory_mb(320).boot();
    node.ok(&format!("o2cb online {CLUSTER}"));
    let jobs: Vec<_> = sets
        .iter()
        .zip(&disks)
        .map(|((name, semaphores, then), disk)| {
            let (device, uuid, key) = (disk.device(), disk.uuid(), disk.key());
            let make = make_set(disk, *semaphores, then);
            let script = format!(
                r#"
                set -e
                {make}
                [ "$(ocfs2_hb_ctl -I -u {uuid})" = "{uuid}: 0 refs" ]
                ocfs2_hb_ctl --repair -u {uuid} > /dev/null
                ! grep "^ *{key} " /proc/sysvipc/sem
                {make}
                mkdir -p /mnt{device}
                mount.ocfs2 {device} /mnt{device}
                [ "$(/ctools/ocfs2_hb_ctl -I -u {uuid})" = "{uuid}: 1 refs" ]
                touch /mnt{device}/file
                umount /mnt{device}
                "#
            );
            (name, disk, node.start(&script))
        })
        .collect();
    for (name, disk, job) in jobs {
        let output = job.wait();
        let uuid = disk.uuid();
        let warning = format!(
            "warning: semaphores of user 65534 are in the place of those of the heartbeat region \
             {uuid}: ignored (the start of its heartbeat removes them, or ocfs2_hb_ctl --repair -u \
             {uuid})\n"
        );
        let warning = ["ocfs2_hb_ctl", "ocfs2_hb_ctl", "mount.ocfs2"]
            .map(|by| format!("{by}: {warning}"))
            .concat();
        assert_eq!(
            (output.code, &output.stderr),
            (0, &warning),
            "{name}: {output}"
        );
    }
    node.wait_until_clean();
    let disk = &disks[0];
    // Where a program of root's comes to a region that beats, and to leave it.
    let (device, uuid) = (disk.device(), disk.uuid());
    node.ok(&make_set(disk, 3, &raise(0, 1)));
    for look in [
        "o2cb status",
        "ocfs2_hb_ctl -I",
        "ocfs2_hb_ctl --repair --dry-run",
    ] {
        node.ok(look);
    }
    node.run("o2cb doctor");
    assert_eq!(node.semaphores().len(), 1, "looking removes nothing");
    node.ok(&format!("ocfs2_hb_ctl -S -d {device} x"));
    node.ok(&format!("ipcrm -S {:#x}", disk.key()));
    node.ok(&make_set(disk, 3, &(raise(0, 1) + &raise(1, 1))));
    node.ok(&format!("ocfs2_hb_ctl -K -u {uuid} x"));
    node.wait_until_clean();
    node.ok("o2cb offline");
    lab.end();
}

/// Who makes the set again at once may win some races, and not hold root up for long.
#[test]
fn semaphores_that_are_made_again_and_again_end_in_a_mount_or_an_error() {
    let (lab, node, disk) = Lab::with_volume("strangers-race");
    let again = format!("while (1) {{ semget({}, 1, 01000 | 0666) }}", disk.key());
    let rival = format!("{STRANGER} perl -e 'fork; fork; {again}' > /dev/null 2>&1 & echo $!");
    node.ok(&rival);
    node.wait_for("pgrep -U 65534 perl");
    let device = disk.device();
    let output = node.run(&format!("mount.ocfs2 {device} /mnt"));
    let refused = "another user makes them again as often as they are removed";
    assert!(
        output.code == 0 || output.stderr.contains(refused),
        "{output}"
    );
    node.ok("pkill -KILL -U 65534");
    node.ok(&format!("mountpoint -q /mnt || mount.ocfs2 {device} /mnt"));
    node.ok("umount /mnt");
    node.run(&format!("ocfs2_hb_ctl --repair -u {}", disk.uuid()));
    node.wait_until_clean();
    lab.end();
}

/// A region that holds the address of a thread which has ended: processes of an unprivileged user
/// may have that memory now, and call themselves like the thread.
#[test]
fn processes_by_a_heartbeat_thread_s_name_are_none() {
    let (lab, node, disk) = Lab::with_volume("strangers-names");
    let (device, uuid) = (disk.device(), disk.uuid());
    let region = disk.region();
    node.ok(&format!(
        r#"
        mount.ocfs2 {device} /mnt & pid=$!
        until {{ read -r thread < {region}/pid; }} 2> /dev/null; do sleep 0.01; done
        children=
        for stat in /proc/[0-9]*/stat; do
            {{ read -r child _ _ parent _ < $stat; }} 2> /dev/null || continue
            [ "$parent" != $pid ] || children+=" $child"
        done
        kill -s KILL $pid $children
        while [ -e /proc/$thread ]; do sleep 0.1; done
        # 15 bytes of a process's own name are shown.
        {STRANGER} perl -e '
            $0 = substr("o2hb-{uuid}", 0, 15);
            for (1 .. 250) {{ fork or last }}
            sleep
        ' > /dev/null 2>&1 &
        # The memory goes to one of them, or the number does.
        sleep 3
        cat {region}/pid
        read -r taken < {region}/pid && cat /proc/$taken/comm
        exit 0
        "#
    ));
    for command in [
        format!("mount.ocfs2 {device} /mnt"),
        format!("ocfs2_hb_ctl --repair -u {uuid}"),
    ] {
        let output = node.run(&command);
        let said = format!("{}{}", output.stdout, output.stderr);
        assert!(
            output.code != 0 && said.contains("its thread has ended"),
            "{output}"
        );
    }
    assert_eq!(node.regions(), [uuid]);
    node.ok("pkill -KILL -U 65534");
    lab.end();
}

#[test]
fn a_daemon_of_another_user_is_none() {
    let lab = Lab::new("strangers-daemon");
    let disk = lab.disk("volume").cluster("cman", CLUSTER).format();
    let [node] = lab.boot();
    listen(&node, "ocfs2_controld_sock");
    let output = node.fails(32, &format!("mount.ocfs2 {} /mnt", disk.device()));
    let says = "ocfs2_controld: user 65534 has taken its socket";
    output.says(says);
    lab.end();
}

/// The stranger listens on an abstract socket.
fn listen(node: &Node, name: &str) {
    node.ok(&format!(
        r#"{STRANGER} perl -e '
            use Socket;
            socket(S, AF_UNIX, SOCK_STREAM, 0) or die $!;
            bind(S, pack("S a*", AF_UNIX, "\0{name}")) or die $!;
            listen(S, 5) or die $!;
            sleep
        ' > /dev/null 2>&1 &"#
    ));
    node.wait_for(&format!("grep -q {name} /proc/net/unix"));
}

/// dlmfs gives a lock to anyone who can open its file, to keep and on all nodes.
#[test]
fn locks_are_root_s_alone() {
    let (lab, node, disk) = Lab::with_volume("strangers-dlmfs");
    let (device, uuid) = (disk.device(), disk.uuid());
    let look = format!(
        "ls /dlm/{uuid}; for f in /dlm/{uuid}/*; do {STRANGER} cat \"$f\"; done; {STRANGER} mkdir /dlm/mine"
    );
    node.ok(&format!("cat > /tmp/look << 'END'\n{look}\nEND"));
    let output = node.run(&format!("o2cb exec -x -d {device} -- bash /tmp/look"));
    assert!(!output.stdout.is_empty(), "{output}");
    let refused = output.stderr.matches("Permission denied").count();
    assert_eq!(refused, output.stdout.lines().count() + 1, "{output}");
    node.ok("o2cb offline");
    lab.end();
}
