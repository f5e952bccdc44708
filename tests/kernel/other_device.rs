//! Names of devices that lead to another volume by the time of mount(2).

use crate::rig::{Disk, Lab, Node};

/// Maps the disk under a name that can be given to another; without udev, dmsetup makes the nodes
/// itself.
const MAP: &str = r#"
    export DM_DISABLE_UDEV=1
    modprobe dm-mod
    map() { dmsetup create "$1" --table "0 $(blockdev --getsz "$2") linear $2 0" || exit 90; }
    swap() { dmsetup rename "$1" old && dmsetup rename "$2" "$1" || exit 91; }
"#;

fn online(lab: &Lab) -> Node {
    let [node] = lab.boot();
    node.ok("o2cb online");
    node
}

/// The error names what was read and what the name leads to.
#[track_caller]
fn assert_names(said: &str, read: &str, found: &str) {
    let read = format!("was read from device {read}");
    assert!(said.contains(&read), "{read}: {said}");
    assert!(said.contains(&format!("device {found}")), "{found}: {said}");
}

#[track_caller]
fn number(node: &Node, device: &str) -> String {
    let number = node.ok(&format!("lsblk -dnro MAJ:MIN $(realpath {device})"));
    number.trim().to_owned()
}

/// Nothing is mounted and nothing has a heartbeat.
#[track_caller]
fn assert_nothing_left(node: &Node) {
    node.fails(1, "cat /proc/[0-9]*/mounts 2> /dev/null | grep ' ocfs2 '");
    node.wait_until_clean();
}

#[test]
fn a_name_of_another_device_in_the_namespace_is_refused() {
    let lab = Lab::new("other-namespace");
    let [read, other] = ["read", "other"].map(|name| lab.disk(name).format());
    let node = online(&lab);
    let pid = node.ok("mkdir /mnt/x; unshare --mount sleep 10000 & echo $!");
    let pid = pid.trim();
    node.wait_for(&format!("grep -q sleep /proc/{pid}/comm"));
    let there = format!("nsenter -m -t {pid}");
    let mount = format!("mount.ocfs2 -N {pid} {} /mnt/x", read.device());
    let numbers = [&read, &other].map(|disk| number(&node, disk.device()));

    // A device node of its own, and a file system of its own on /dev.
    let (name, another) = (read.device(), other.device());
    node.ok(&format!("{there} mount --bind {another} {name}"));
    let refused = node.fails(32, &mount);
    assert_names(&refused.stderr, &numbers[0], &numbers[1]);
    assert_nothing_left(&node);
    let minor = numbers[1].replace(':', " ");
    node.ok(&format!(
        "{there} bash -ec 'umount {name}; mount -t tmpfs tmpfs /dev; mknod {name} b {minor}'"
    ));
    let refused = node.fails(32, &mount);
    assert_names(&refused.stderr, &numbers[0], &numbers[1]);
    assert_nothing_left(&node);

    // No such name, then the right one.
    node.ok(&format!("{there} rm {name}"));
    let refused = node.fails(32, &mount);
    let says = "the device or the mount point does not exist";
    refused.says(says);
    assert_nothing_left(&node);
    node.ok(&format!("{there} umount /dev"));
    node.ok(&mount);
    node.ok(&format!("grep '^{name} /mnt/x ocfs2 ' /proc/{pid}/mounts"));
    assert_eq!(node.references(&read.uuid()), 1);
    node.ok(&format!("umount.ocfs2 -N {pid} /mnt/x"));
    assert_nothing_left(&node);
    lab.end();
}

/// Maps two disks, mounts the first by `mount`, and gives its name to the second once `moment`
/// has come.
fn mount_and_swap(node: &Node, disks: &[Disk; 2], mount: &str, moment: &str) -> (i32, String) {
    let [read, other] = disks.each_ref().map(Disk::device);
    let output = node.run(&format!(
        "{MAP}
        map one {read}; map two {other}
        mkdir -p /mnt/x
        {mount} /dev/mapper/one /mnt/x 2> /run/said & pid=$!
        {moment}
        swap one two
        pkill -KILL -x strace
        wait $pid; code=$?
        cat /run/said
        exit $code"
    ));
    (output.code, output.stdout)
}

/// Right before mount(2) the call is held until strace is killed, with everything compared that can
/// be before it.
const HELD_UP: &str = "strace -D -f -o /run/trace -e trace=mount \
                       -e inject=mount:delay_enter=1000s mount.ocfs2";

#[track_caller]
fn assert_refused(node: &Node, (code, said): (i32, String)) {
    assert_eq!(code, 32, "{said}");
    assert_names(
        &said,
        &number(node, "/dev/mapper/old"),
        &number(node, "/dev/mapper/one"),
    );
    assert_nothing_left(node);
}

#[test]
fn a_device_renamed_during_the_wait_for_the_heartbeat_is_not_mounted() {
    let lab = Lab::new("other-renamed");
    let disks = ["read", "other"].map(|name| lab.disk(name).format());
    let node = online(&lab);
    let region = "/sys/kernel/config/cluster/webc/heartbeat/*/pid";
    let moment = format!("until read -r beats 2> /dev/null < {region}; do sleep 0.1; done");
    let ended = mount_and_swap(&node, &disks, "mount.ocfs2", &moment);
    assert_refused(&node, ended);
    // Under its new name each can be mounted, and is shown by it.
    for (name, disk) in ["old", "one"].iter().zip(&disks) {
        node.ok(&format!("mount -t ocfs2 /dev/mapper/{name} /mnt/x"));
        node.ok(&format!(
            "grep '^/dev/mapper/{name} /mnt/x ocfs2 ' /proc/mounts"
        ));
        assert_eq!(node.regions(), [disk.uuid()]);
        node.ok("umount /mnt/x");
    }
    node.wait_until_clean();
    lab.end();
}

#[test]
fn a_volume_that_mount_2_found_behind_the_name_is_unmounted_again() {
    let lab = Lab::new("other-mounted");
    let disks = ["read", "other"].map(|name| lab.disk(name).format());
    let third = lab.disk("third").format();
    let node = online(&lab);
    // The kernel is content with any region that beats.
    let device = third.device();
    node.ok(&format!("mkdir /mnt/3 && mount -t ocfs2 {device} /mnt/3"));
    let moment = "until grep -q mount /run/trace 2> /dev/null; do sleep 0.1; done";
    let ended = mount_and_swap(&node, &disks, HELD_UP, moment);
    assert_eq!(
        node.ok("grep -c ' ocfs2 ' /proc/mounts"),
        "1\n",
        "{ended:?}"
    );
    assert_eq!(node.regions(), [third.uuid()]);
    node.ok("umount /mnt/3");
    assert_refused(&node, ended);
    lab.end();
}

#[test]
fn without_a_cluster_the_volume_that_was_read_is_mounted_or_none() {
    let lab = Lab::new("other-local");
    let disks = ["read", "other"].map(|name| lab.disk(name).local().format());
    let third = lab.disk("third").local().format();
    let [node] = lab.boot();
    let moment = "until grep -q mount /run/trace 2> /dev/null; do sleep 0.1; done";
    let ended = mount_and_swap(&node, &disks, HELD_UP, moment);
    assert_refused(&node, ended);

    // A remount is of what is mounted, whatever device it names.
    let device = third.device();
    let mount = "mount.ocfs2 -o remount,ro";
    node.ok(&format!(
        "ln -s /mnt/x /mnt/link && mount -t ocfs2 {device} /mnt/link"
    ));
    let refused = node.fails(32, &format!("{mount} /dev/mapper/one /mnt/link"));
    assert_names(
        &refused.stderr,
        &number(&node, "/dev/mapper/one"),
        &number(&node, device),
    );
    node.ok("touch /mnt/x/file");
    node.ok(&format!("{mount} {device} /mnt/link"));
    node.fails(1, "touch /mnt/x/file");
    node.ok("umount /mnt/link");
    let refused = node.fails(32, &format!("{mount} {device} /mnt/x"));
    let says = "the volume is not mounted there";
    refused.says(says);
    lab.end();
}
