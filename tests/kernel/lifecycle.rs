//! From `o2cb online` over every way to mount and unmount to `o2cb unload`: the heartbeat
//! beats as long as the volume is mounted anywhere on the node, and nothing stays after it.

mod callout;
mod holders;
mod mixed;
mod options;
mod outlive;
mod parallel;
mod places;
mod references;
mod unmount;
mod volumes;

use crate::rig::{Disk, Lab, Node, at_once};

#[test]
fn two_nodes_mount_at_once_and_leave_nothing() {
    let lab = Lab::new("share");
    let disk = lab.disk("volume").label("shared").format();
    let nodes: [Node; 2] = lab.boot();
    at_once(&nodes, |node| {
        online(node);
        mount(node, &disk);
        node.ok(&format!("echo by {0} > {1}/{0}", node.name(), point(&disk)));
    });
    for (node, other) in [(&nodes[0], "n2"), (&nodes[1], "n1")] {
        let text = node.ok(&format!("cat {}/{other}", point(&disk)));
        assert_eq!(text, format!("by {other}\n"));
        assert_beats(node, &disk);
    }
    let status = nodes[0].ok("o2cb status --json");
    for part in [
        r#"{"schema": 1, "online": true, "#,
        r#""stack": "o2cb", "hb_ctl_path": "/bin/true", "heartbeat_stopped_by": "umount", "#,
        r#""heartbeat_mode": "local", "heartbeat_threshold": 31, "restart_after_s": 60, "#,
        r#"{"name": "n2", "number": 2, "address": "192.0.2.2", "port": 7777, "local": false}"#,
        &format!(
            r#""regions": [{{"uuid": "{}", "state": "beating", "error": null, "device": "{}", "device_gone": false, "references": 1, "mount_reference": true, "mounted_on": [{{"path": "{}", "process": null}}]}}]}}}}"#,
            disk.uuid(),
            disk.name(),
            point(&disk)
        ),
    ] {
        assert!(status.contains(part), "{part} in {status}");
    }
    at_once(&nodes, |node| {
        node.ok(&format!("umount {}", point(&disk)));
        node.assert_clean();
        bring_down(node);
    });
    lab.end();
}

#[track_caller]
fn online(node: &Node) {
    node.ok("o2cb online");
}

/// Nothing is left that a volume or the cluster needed. The node manager's module stays, as
/// it does with the C tools.
#[track_caller]
fn bring_down(node: &Node) {
    node.ok("o2cb offline");
    let status = node.fails(3, "o2cb status --json").stdout;
    assert!(status.ends_with("\"cluster\": null}\n"), "{status}");
    assert_eq!(node.ok("ls /sys/kernel/config/cluster"), "");
    node.ok("o2cb unload");
    node.fails(1, "grep ocfs2 /proc/filesystems");
    node.fails(1, "grep ^ocfs2 /proc/modules | grep -v ^ocfs2_nodemanager");
    // A process that waited for a detached superblock looks up now and then only.
    node.wait_until_clean();
}

/// A disk's usual mount point.
fn point(disk: &Disk) -> String {
    format!("/mnt/{}", disk.name())
}

#[track_caller]
fn mount(node: &Node, disk: &Disk) {
    mount_at(node, disk, &point(disk));
}

#[track_caller]
fn mount_at(node: &Node, disk: &Disk, point: &str) {
    let device = disk.device();
    node.ok(&format!(
        "mkdir -p {point} && mount -t ocfs2 {device} {point}"
    ));
}

#[track_caller]
fn umount(node: &Node, disk: &Disk) {
    node.ok(&format!("umount {}", point(disk)));
}

/// The mounted volume's region is there, and exactly its superblock's reference.
#[track_caller]
fn assert_beats(node: &Node, disk: &Disk) {
    assert_references(node, disk, 1);
}

#[track_caller]
fn assert_references(node: &Node, disk: &Disk, count: u32) {
    assert!(node.regions().contains(&disk.uuid()), "{}", disk.name());
    assert_eq!(node.references(&disk.uuid()), count, "{}", disk.name());
}

/// The volume's region is gone; those of other volumes may be there.
#[track_caller]
fn assert_silent(node: &Node, disk: &Disk) {
    assert!(!node.regions().contains(&disk.uuid()), "{}", disk.name());
}

/// No call is needed for it.
fn wait_for_silence(node: &Node, disk: &Disk) {
    node.wait_for(&format!("! [ -e {} ]", disk.region()));
}

/// Starts something that goes on in the background; returns its process number.
#[track_caller]
fn background(node: &Node, command: &str) -> String {
    let pid = node.ok(&format!("{command} & echo $!"));
    pid.trim().to_owned()
}

/// Ends a process and waits until it is gone.
#[track_caller]
fn end(node: &Node, pid: &str) {
    node.ok(&format!("kill {pid}"));
    node.wait_for(&format!("! [ -e /proc/{pid} ]"));
}
