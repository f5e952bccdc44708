//! Quorum that is lost after the check and before mount(2).

use super::{CONF, corosync_conf, up};
use crate::rig::{CLUSTER, Disk, Lab, Node, at_once};

/// Holds mount.ocfs2 at its mount(2) until strace is killed; returns its process number.
#[track_caller]
fn mount_held(node: &Node, disk: &Disk, point: &str) -> String {
    let device = disk.device();
    let pid = node.ok(&format!(
        "mkdir -p {point}
        strace -D -o {point}.trace -e trace=mount -e inject=mount:delay_enter=1000s \
            mount.ocfs2 {device} {point} > /dev/null 2> {point}.said &
        echo $!"
    ));
    node.wait_for(&format!("grep -q '^mount(' {point}.trace"));
    pid.trim().to_owned()
}

#[test]
fn a_mount_that_waits_for_lost_quorum_says_so() {
    let lab = Lab::new("quorum");
    let [patient, killed] = ["patient", "killed"].map(|name| {
        let volume = lab.disk(name).cluster("pcmk", CLUSTER);
        volume.format()
    });
    let nodes: [Node; 3] = lab.nodes().file(CONF, &corosync_conf(3)).boot();
    at_once(&nodes, up);
    let [node, second, third] = &nodes;
    let pids = [
        mount_held(node, &patient, "/run/patient"),
        mount_held(node, &killed, "/run/killed"),
    ];
    second.kill();
    third.kill();
    node.wait_for("dlm_tool status | grep -q 'quorate 0'");
    node.ok("pkill -KILL -x strace");
    for name in ["patient", "killed"] {
        let says = "waiting for quorum, which the cluster has lost";
        node.wait_for(&format!("grep -qF '{says}' /run/{name}.said"));
    }
    // Neither a signal that is held back nor SIGKILL ends it (fs/dlm/lockspace.c, do_uevent).
    let [patient_pid, killed_pid] = &pids;
    node.ok(&format!(
        "kill -TERM {patient_pid}; kill -KILL {killed_pid}; sleep 3"
    ));
    node.ok(&format!(
        "for pid in {patient_pid} {killed_pid}; do grep -q '^State:.D' /proc/$pid/status || exit; done"
    ));

    second.power_on();
    up(second);
    for pid in &pids {
        node.wait_for(&format!("! grep -q '^State:.[^Z]' /proc/{pid}/status"));
    }
    // Once, however long it took; the process that reports has ended.
    for (name, disk) in [("patient", &patient), ("killed", &killed)] {
        let said = node.ok(&format!("cat /run/{name}.said"));
        let says = format!("mount.ocfs2: {}: waiting for quorum", disk.device());
        assert_eq!(said.matches(&says).count(), 1, "{said}");
    }
    node.wait_until_clean();
    node.ok("touch /run/patient/file && umount /run/patient");
    // SIGKILL took effect at the end of the wait, before or after the volume was mounted.
    let device = killed.device();
    node.ok(&format!(
        "umount /run/killed || true; mount -t ocfs2 {device} /run/killed && umount /run/killed"
    ));
    node.assert_clean();
    lab.end();
}
