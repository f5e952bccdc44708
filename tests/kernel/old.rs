//! What ocfs2-tools 1.2 and the drivers of its time have otherwise, over today's kernel.

use crate::rig::{Disk, Lab, Node, at_once};

/// A volume of the only kind that the tools of ocfs2-tools 1.2 open: without a cluster stack and
/// the features of later years.
fn old_volume(lab: &Lab) -> Disk {
    let volume = lab.disk("old").classic();
    volume
        .mkfs_args(&["--fs-feature-level=max-compat"])
        .format()
}

/// Where the kernel shows itself, in the places of the 1.2 drivers: no /sys/fs and no
/// /sys/kernel, configfs at /config. The revision is written into the directory `$1`.
const OLD_PLACES: &str = r#"
    modprobe configfs && mkdir -p /real /config && mount --rbind /sys /real || exit
    mount -t tmpfs tmpfs /sys && mount -t tmpfs tmpfs /proc/fs || exit
    for directory in block class dev devices module; do
        mkdir /sys/$directory && mount --rbind /real/$directory /sys/$directory || exit
    done
    mkdir -p "$1" && echo 5 > "$1/interface_revision"
"#;

#[test]
fn the_old_places_serve_as_well() {
    let lab = Lab::new("old-places");
    let disks = [lab.disk("named").format(), old_volume(&lab)];
    let places = ["/sys/o2cb", "/proc/fs/ocfs2_nodemanager"];
    let nodes: [Node; 2] = lab.boot();
    std::thread::scope(|scope| {
        for ((node, disk), place) in nodes.iter().zip(&disks).zip(places) {
            scope.spawn(move || use_and_leave(node, disk, place));
        }
    });
    lab.end();
}

fn use_and_leave(node: &Node, disk: &Disk, place: &str) {
    let (device, beats) = (disk.device(), format!("{}\n", disk.uuid()));
    node.ok(&format!("set -- {place}\n{OLD_PLACES}"));
    node.ok("o2cb online");
    node.ok("[ -d /config/cluster/webc ] && ! [ -e /sys/fs ] && ! [ -e /sys/kernel ]");
    let status = node.ok("o2cb cluster-status");
    assert_eq!(status, "Cluster 'webc' is online\n");
    let regions = || node.ok("cd /config/cluster/webc/heartbeat && find * -type d -prune");
    node.ok(&format!("mount -t ocfs2 {device} /mnt && touch /mnt/file"));
    assert_eq!(regions(), beats);
    assert_eq!(node.references(&disk.uuid()), 1);
    node.ok("umount /mnt");
    assert_eq!(regions(), "");
    assert!(node.semaphores().is_empty());
    node.ok(&format!(
        "o2cb exec -x -d {device} -- fsck.ocfs2 -fy {device}"
    ));
    assert_eq!(node.ok("ls -A /dlm"), "");
    node.ok(&format!("ocfs2_hb_ctl -S -d {device} me"));
    assert_eq!((regions(), node.references(&disk.uuid())), (beats, 1));
    node.ok(&format!("ocfs2_hb_ctl -K -d {device} me"));
    assert_eq!(regions(), "");
    // A driver of another age is not guessed at.
    node.ok(&format!("echo 6 > {place}/interface_revision"));
    let refused = node.fails(32, &format!("mount -t ocfs2 {device} /mnt"));
    let says = "the driver has interface revision \"6\", this program knows 5 and lower";
    refused.says(says);
    node.ok(&format!("echo 5 > {place}/interface_revision"));
    node.ok("o2cb offline");
    assert_eq!(node.ok("ls /config/cluster"), "");
}

/// mount.ocfs2 of ocfs2-tools 1.2 runs the program in hb_ctl_path before and after mount(2),
/// and names no service.
#[test]
fn the_old_mount_program_can_call_ours() {
    let lab = Lab::new("old-callers");
    let disk = old_volume(&lab);
    let defaults = "O2CB_BOOTCLUSTER=webc\nO2CB_HB_CTL_PATH=/sbin/ocfs2_hb_ctl\n";
    let [node] = lab.nodes().file("/etc/default/o2cb", defaults).boot();
    node.ok("o2cb online");
    let (device, uuid) = (disk.device(), disk.uuid());
    let start = format!("ocfs2_hb_ctl -S -d {device}");
    let stop = format!("ocfs2_hb_ctl -K -d {device}");
    let says = format!(
        "ocfs2_hb_ctl: {device}: started without a service, which is taken for a mount by \
         ocfs2-tools 1.2\n"
    );
    let begins = |count| {
        let output = node.fails(0, &start);
        assert_eq!(output.stderr, says);
        assert_eq!(node.references(&uuid), count);
    };
    // mount(2) fails.
    begins(1);
    let output = node.fails(0, &stop);
    assert_eq!(output.stderr, "");
    node.assert_clean();
    // It succeeds. A second mount of the volume is no second user, and the last unmount has the
    // kernel call.
    begins(1);
    let mount = format!("mount -i -t ocfs2 -o heartbeat=local {device}");
    node.ok(&format!("{mount} /mnt && touch /mnt/file"));
    begins(1);
    node.ok(&format!(
        "mkdir /tmp/more && {mount} /tmp/more && umount -i /mnt"
    ));
    let refused = node.fails(1, &stop);
    refused.says("the volume is mounted");
    assert_eq!(node.references(&uuid), 1);
    node.ok("touch /tmp/more/file && umount -i /tmp/more");
    node.assert_clean();
    // A program beside it keeps its own.
    node.ok(&format!("ocfs2_hb_ctl -S -d {device} me"));
    begins(2);
    node.ok(&stop);
    assert_eq!(node.references(&uuid), 1);
    begins(2);
    node.ok(&format!("{mount} /mnt && umount -i /mnt"));
    assert_eq!(node.references(&uuid), 1);
    node.ok(&format!("ocfs2_hb_ctl -K -d {device} me"));
    node.assert_clean();
    // The kernel's call after a mount(2) that failed late, then the clean-up of mount.ocfs2 itself:
    // two calls for one start.
    node.ok(&format!("ocfs2_hb_ctl -S -d {device} me"));
    begins(2);
    node.ok(&format!("ocfs2_hb_ctl -K -u {uuid}"));
    assert_eq!(node.references(&uuid), 1);
    node.ok(&stop);
    assert_eq!(node.references(&uuid), 1);
    node.ok(&format!("ocfs2_hb_ctl -K -d {device} me"));
    node.assert_clean();
    // Ours takes over from it, in both directions.
    begins(1);
    node.ok(&format!("{mount} /mnt && umount /mnt"));
    node.assert_clean();
    // Where the kernel calls no program, umount.ocfs2 leaves.
    node.ok("echo /bin/true > /proc/sys/fs/ocfs2/nm/hb_ctl_path");
    begins(1);
    node.ok(&format!("{mount} /mnt && umount /mnt"));
    node.assert_clean();
    node.fails(1, &stop);
    node.ok("o2cb offline && o2cb unload");
    lab.end();
}

/// With its format of the slot map, which the feature extended-slotmap changed.
#[test]
fn two_nodes_share_an_old_volume() {
    let lab = Lab::new("old-volume");
    let disk = old_volume(&lab);
    let nodes: [Node; 2] = lab.boot();
    let (device, uuid) = (disk.device(), &disk.uuid());
    at_once(&nodes, |node| {
        node.ok(&format!("o2cb online && mount -t ocfs2 {device} /mnt"));
        node.ok(&format!("echo by {0} > /mnt/{0}", node.name()));
        node.ok("mount -o remount,ro /mnt && mount -o remount,rw /mnt");
        assert_eq!(node.references(uuid), 1);
    });
    for (node, other) in [(&nodes[0], "n2"), (&nodes[1], "n1")] {
        let text = node.ok(&format!("cat /mnt/{other}"));
        assert_eq!(text, format!("by {other}\n"));
    }
    let held = nodes[0].fails(125, &format!("o2cb exec -x -d {device} -- true"));
    // In the order in which they mounted.
    for says in ["the volume is in use on ", "n1 (this node)", "n2"] {
        held.says(says);
    }
    for node in &nodes {
        node.ok("umount /mnt && o2cb offline");
        node.assert_clean();
    }
    lab.end();
}
