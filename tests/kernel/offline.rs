//! Commands beside `o2cb online` and `o2cb offline`, each held at the moment that counts.

use crate::rig::{CLUSTER, Disk, Lab, Node};

const CLUSTERS: &str = "/sys/kernel/config/cluster";

fn node_and_disk(name: &str) -> (Lab, Node, Disk) {
    let lab = Lab::new(name);
    let disk = lab.disk("volume").format();
    let [node] = lab.boot();
    (lab, node, disk)
}

/// The command, which is held before it makes or removes the object of configfs until `RELEASE`.
fn held(calls: &str, object: &str, command: &str) -> String {
    format!(
        "strace -D -f -o /tmp/trace -P {CLUSTERS}/{object} -e inject={calls}:delay_enter=1000s {command}"
    )
}

const IS_HELD: &str = "[ -s /tmp/trace ]";
const RELEASE: &str = "pkill -KILL -x strace";

#[test]
fn mount_beside_online_waits_for_the_nodes() {
    let (lab, node, disk) = node_and_disk("beside-online");
    node.ok("o2cb load");
    let online = held(
        "mkdir,mkdirat",
        &format!("{CLUSTER}/node/n1"),
        "o2cb online",
    );
    let online = node.start(&online);
    node.wait_for(IS_HELD);
    let mount = node.start(&format!("mount -t ocfs2 {} /mnt", disk.device()));
    assert!(!mount.ends_within(2.0));
    node.ok(RELEASE);
    for job in [online, mount] {
        let output = job.wait();
        assert_eq!(output.code, 0, "{output}");
    }
    node.ok("umount /mnt; o2cb offline");
    lab.end();
}

#[test]
fn start_behind_offline_names_the_cluster() {
    let (lab, node, disk) = node_and_disk("behind-offline");
    node.ok("o2cb online");
    let (device, uuid) = (disk.device(), disk.uuid());
    let start = held(
        "mkdir,mkdirat",
        &format!("{CLUSTER}/heartbeat/{uuid}"),
        &format!("ocfs2_hb_ctl -S -d {device} me"),
    );
    let start = node.start(&start);
    // The starter has the region's lock.
    node.wait_for(IS_HELD);
    node.ok("o2cb offline");
    node.ok(RELEASE);
    let refused = start.wait();
    assert_eq!(refused.code, 1, "{refused}");
    let says = format!(
        "ocfs2_hb_ctl: {device}: starting the heartbeat: making the heartbeat region {uuid}: the \
         cluster is not online any more (run: o2cb online)\n"
    );
    assert_eq!(refused.stderr, says);
    node.assert_clean();
    lab.end();
}

#[test]
fn offline_names_the_user_that_came_meanwhile() {
    let (lab, node, disk) = node_and_disk("before-offline");
    node.ok("o2cb online");
    let (device, uuid) = (disk.device(), disk.uuid());
    let says = format!(
        "o2cb: cluster \"{CLUSTER}\" is in use: region {uuid} by one program or mount (unmount the \
         volumes, end the programs; for a reference without an owner: ocfs2_hb_ctl -K -d DEVICE \
         NAME)\n"
    );
    // Between the look at the regions and the file lock, and behind that.
    let behind = held(
        "rmdir,unlinkat",
        &format!("{CLUSTER}/node/n1"),
        "o2cb offline",
    );
    for (lock, offline, comes) in [
        (
            "flock /run/ocfs2box/cluster",
            "o2cb offline",
            "pgrep -x o2cb && sleep 1",
        ),
        ("", &behind, IS_HELD),
    ] {
        let lock = node.start(&format!(
            "{lock} bash -c 'touch /tmp/locked; until [ -e /tmp/started ]; do sleep 0.1; done'"
        ));
        node.wait_for("[ -e /tmp/locked ]");
        let offline = node.start(offline);
        node.wait_for(comes);
        node.ok(&format!(
            "ocfs2_hb_ctl -S -d {device} me; touch /tmp/started; {RELEASE}; true"
        ));
        assert_eq!(lock.wait().code, 0);
        let refused = offline.wait();
        assert_eq!(refused.code, 1, "{refused}");
        assert_eq!(refused.stderr, says);
        // Nothing of the cluster is gone.
        node.ok(&format!("mount -t ocfs2 {device} /mnt && umount /mnt"));
        node.ok(&format!(
            "ocfs2_hb_ctl -K -d {device} me; rm /tmp/locked /tmp/started"
        ));
        node.assert_clean();
    }
    node.ok("o2cb offline");
    lab.end();
}
