//! Superblocks that outlive their last mount that the unmounting process sees.

mod lazy;
mod namespaces;
mod references;

use super::{background, point};
use crate::rig::{Disk, Node};

/// The process that waits for the end of a superblock, by what it is a child of.
const WAITERS: &str = "pgrep -fx 'umount.ocfs2 .*|/sbin/umount.ocfs2 .*|/usr/sbin/umount.ocfs2 .*'";

fn wait_until_gone(node: &Node) {
    node.wait_for("! ls -d /sys/kernel/config/cluster/webc/heartbeat/*/");
    node.wait_for(&format!("! {WAITERS}"));
    node.wait_until_clean();
}

/// The kernel has let go of the volume.
fn wait_for_end(node: &Node, disk: &Disk) {
    let name = disk.name();
    node.wait_for(&format!("! compgen -G '/proc/fs/jbd2/{name}-*'"));
}

#[track_caller]
fn assert_offline_refuses(node: &Node, disk: &Disk, user: &str) {
    let refused = node.fails(1, "o2cb offline");
    let uuid = disk.uuid();
    refused.says("is in use");
    let named = format!("region {uuid} by {user}");
    refused.says(&named);
}

fn end_waiters(node: &Node) {
    node.ok("pkill -x umount.ocfs2");
    node.wait_for("! pgrep -x umount.ocfs2");
}

/// Starts a process that holds a file of the volume open and writes into it what it reads from
/// `/run/go.NAME`.
fn write_on_demand(node: &Node, disk: &Disk) -> String {
    let (name, point) = (disk.name(), point(disk));
    node.ok(&format!("mkfifo /run/go.{name}"));
    let pid = background(
        node,
        &format!(
            "(exec 5<>/run/go.{name} 6>{point}/file
            while read -r word <&5; do echo $word >&6; sync /proc/self/fd/6; done)"
        ),
    );
    node.wait_for(&format!("[ -e {point}/file ]"));
    pid
}
