//! Mount units of a real systemd, which ends what is left in a unit's control group.

use crate::rig::{CLUSTER, Disk, Lab, Node};

const POINT: &str = "/mnt/volume";

/// A node whose first process is systemd and that is online, and a mount unit for the disk.
fn lab(name: &str, unit: &str) -> (Lab, Disk, Node) {
    let lab = Lab::new(name);
    let disk = lab.disk("volume").format();
    // Not by its name in /dev, for which systemd would wait for udev's word.
    let unit = format!("[Mount]\nWhat=/etc/volume\nWhere={POINT}\nType=ocfs2\n{unit}");
    let [node] = lab
        .nodes()
        .memory_mb(256)
        .systemd()
        .file("/etc/systemd/system/mnt-volume.mount", &unit)
        .boot();
    node.wait_for("systemctl is-active rig.target", 60);
    node.ok(&format!("ln -s {} /etc/volume", disk.device()));
    node.ok(&format!("o2cb online {CLUSTER}"));
    (lab, disk, node)
}

/// The control group of each process of these names, a line for each.
fn groups(node: &Node, names: &str) -> String {
    node.ok(&format!(
        "for pid in $(pgrep -x '{names}'); do echo $pid $(< /proc/$pid/cgroup); done"
    ))
}

#[test]
fn a_unit_that_unmounts_lazily_does_not_end_the_wait_for_the_volume() {
    let (lab, disk, node) = lab("unit-lazy", "LazyUnmount=yes\n");
    node.ok("systemctl start mnt-volume.mount");
    assert_eq!(node.references(&disk.uuid()), 1);
    node.ok(
        "(exec 9> /mnt/volume/open; echo > /run/ready; while [ ! -e /run/stop ]; do sleep 0.2; done) &",
    );
    node.wait_for("[ -e /run/ready ]", 20);
    node.ok("systemctl stop mnt-volume.mount");
    node.wait_for("! systemctl is-active mnt-volume.mount", 30);
    // systemd has ended what it knows of; the wait goes on outside of the unit.
    node.ok("sleep 3");
    let waiting = groups(&node, "umount.ocfs2|umount");
    println!("{waiting}");
    assert!(waiting.trim_end().ends_with("0::/"), "{waiting}");
    assert_eq!(node.regions(), [disk.uuid()]);
    node.ok("touch /run/stop");
    node.assert_clean_within(30);
    node.ok("o2cb offline");
    lab.end();
}

/// A mount that takes too long is ended with all that is in its control group. The start of
/// the heartbeat is not, since it would be left half done.
#[test]
fn a_unit_that_gives_up_a_mount_leaves_nothing() {
    for (name, signal) in [("unit-term", "SIGTERM"), ("unit-kill", "SIGKILL")] {
        let (lab, _, node) = lab(name, &format!("TimeoutSec=3\nKillSignal={signal}\n"));
        node.fails(1, "systemctl start mnt-volume.mount");
        let starting = groups(&node, "mount.ocfs2|mount");
        println!("{signal}: {starting}");
        assert!(starting.trim_end().ends_with("0::/"), "{starting}");
        node.assert_clean_within(30);
        node.ok("mount -t ocfs2 /etc/volume /mnt/volume && umount /mnt/volume");
        node.assert_clean_within(10);
        node.ok("o2cb offline");
        lab.end();
    }
}
