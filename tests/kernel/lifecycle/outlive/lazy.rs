//! A file that is open keeps a lazily unmounted volume and its heartbeat.

use super::{
    WAITERS, assert_offline_refuses, end_waiters, wait_for_end, wait_until_gone, write_on_demand,
};
use crate::lifecycle::{
    assert_beats, assert_silent, bring_down, end, mount, online, point, umount, wait_for_silence,
};
use crate::rig::{Lab, at_once};

#[test]
fn a_lazy_unmount_leaves_when_the_last_file_is_closed() {
    let lab = Lab::new("lazy");
    let disks = [lab.disk("a").format(), lab.disk("b").format()];
    let [node] = lab.boot();
    online(&node);
    node.ok("mkdir /mnt/a /mnt/b /mnt/c");
    node.ok(&format!(
        "mount -t ocfs2 {} /mnt/a & mount -t ocfs2 {} /mnt/b & wait",
        disks[0].device(),
        disks[1].device()
    ));
    node.ok(&format!("mount -t ocfs2 {} /mnt/c", disks[0].device()));
    let open = node.start("exec 9> /mnt/a/open 8> /mnt/b/open; echo ready > /run/ready; while [ ! -e /run/stop ]; do sleep 0.2; echo x >&9; done; echo last >&9; echo last >&8");
    node.wait_for("[ -e /run/ready ]");
    // In one call, as an administrator would; umount(8) runs the helper once for each.
    node.ok("umount -l /mnt/a /mnt/b; umount -l /mnt/c");
    assert_eq!(node.run("grep ' ocfs2 ' /proc/mounts").stdout, "");
    node.ok("sleep 4");
    assert_eq!(node.regions().len(), 2, "both still beat");
    for disk in &disks {
        assert_eq!(node.references(&disk.uuid()), 1);
    }
    // Except while they look.
    node.wait_for(&format!(
        "waiters=$({WAITERS}) || exit
        for pid in $waiters; do
        rss=$(sed -n 's/^VmRSS:[^0-9]*\\([0-9]*\\) kB/\\1/p' /proc/$pid/status)
        echo resident: $rss; [ $rss -lt 1024 ] || exit 1
        [ \"$(readlink /proc/$pid/ns/mnt)\" = \"$(readlink /proc/1/ns/mnt)\" ] || exit 2
        [ \"$(readlink /proc/$pid/cwd)\" = / ] || exit 3
        for fd in /proc/$pid/fd/*; do [ \"$(readlink $fd)\" = /dev/null ] || exit 4; done
        done"
    ));
    let refused = node.fails(1, "o2cb offline");
    refused.says("is in use");
    node.ok("touch /run/stop");
    assert_eq!(open.wait().code, 0);
    wait_until_gone(&node);
    node.ok("o2cb offline");
    lab.end();
}

#[test]
fn a_lazily_unmounted_volume_beats_while_a_file_is_open() {
    let lab = Lab::new("lazy");
    let disks = ["a", "b", "c", "d"].map(|name| lab.disk(name).format());
    let [by_itself, again, by_offline, other] = &disks;
    let [node] = lab.boot();
    online(&node);
    at_once(&disks, |disk| mount(&node, disk));
    let pids = disks.each_ref().map(|disk| write_on_demand(&node, disk));
    // What waits for the end keeps nothing that its caller had.
    node.ok(&format!(
        "cd {0} && exec 7< . && umount -l {1}",
        point(other),
        point(by_offline)
    ));
    end(&node, &pids[3]);
    umount(&node, other);
    assert_silent(&node, other);
    end_waiters(&node);

    for disk in [by_itself, again] {
        node.ok(&format!("umount -l {}", point(disk)));
    }
    let unseen = [by_itself, again, by_offline];
    for (disk, pid) in unseen.iter().zip(&pids) {
        assert_beats(&node, disk);
        node.ok(&format!("echo written > /run/go.{}", disk.name()));
        node.wait_for(&format!("grep -qx written /proc/{pid}/fd/6"));
        assert_beats(&node, disk);
    }
    assert_offline_refuses(&node, by_offline, "a volume that is mounted out of sight");

    // Back in sight, it is the same superblock.
    mount(&node, again);
    assert_beats(&node, again);
    for pid in &pids[..3] {
        end(&node, pid);
    }
    umount(&node, again);
    wait_for_silence(&node, by_itself);
    wait_for_end(&node, by_offline);
    node.ok("o2cb offline");
    node.wait_until_clean();

    online(&node);
    at_once(&unseen, |disk| {
        mount(&node, disk);
        assert_eq!(node.ok(&format!("cat {}/file", point(disk))), "written\n");
        umount(&node, disk);
    });
    bring_down(&node);
    lab.end();
}
