//! Mount units of a real systemd, which ends what is left in a unit's control group.

mod boot;
mod quick_start;

use crate::rig::{CLUSTER, Disk, Lab, Node};

const UNITS: &str = "/etc/systemd/system";
const SERVICE: &str = include_str!("../../docs/systemd/o2cb.service");
const READY: &str = include_str!("../../docs/systemd/ocfs2-ready.target");

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
    node.wait_for("systemctl is-active rig.target");
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
    node.wait_for("[ -e /run/ready ]");
    node.ok("systemctl stop mnt-volume.mount");
    node.wait_for("! systemctl is-active mnt-volume.mount");
    // systemd has ended what it knows of; the wait goes on outside of the unit.
    node.ok("sleep 3");
    let waiting = groups(&node, "umount.ocfs2|umount");
    println!("{waiting}");
    assert!(waiting.trim_end().ends_with("0::/"), "{waiting}");
    assert_eq!(node.regions(), [disk.uuid()]);
    node.ok("touch /run/stop");
    node.wait_until_clean();
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
        node.wait_until_clean();
        node.ok("mount -t ocfs2 /etc/volume /mnt/volume && umount /mnt/volume");
        node.wait_until_clean();
        node.ok("o2cb offline");
        lab.end();
    }
}

/// A target that starts nothing by itself.
const BARE: &str = "[Unit]\nDefaultDependencies=no\n";

/// A node with our unit and a line in fstab, of which nothing is started yet.
fn booting(name: &str, options: &str) -> (Lab, Disk, Node) {
    let lab = Lab::new(name);
    let disk = lab.disk("volume").format();
    let [node] = lab
        .nodes()
        .memory_mb(256)
        .systemd()
        .file(&format!("{UNITS}/o2cb.service"), SERVICE)
        .file(&format!("{UNITS}/ocfs2-ready.target"), READY)
        .file(
            "/etc/fstab",
            &format!("/etc/volume {POINT} ocfs2 {options} 0 0\n"),
        )
        // What else the host has installed is none of this test's business.
        .file(&format!("{UNITS}/sysinit.target"), BARE)
        .file(&format!("{UNITS}/basic.target"), BARE)
        .file(
            &format!("{UNITS}/up.target"),
            "[Unit]\nWants=o2cb.service remote-fs.target\n",
        )
        .file(
            &format!("{UNITS}/calm.target"),
            "[Unit]\nRequires=basic.target sysinit.target\nAllowIsolate=yes\n",
        )
        .boot();
    node.wait_for("systemctl is-active rig.target");
    node.ok(&format!("ln -s {} /etc/volume", disk.device()));
    (lab, disk, node)
}

fn state(node: &Node, unit: &str) -> String {
    let state = node.ok(&format!(
        "systemctl show -P ActiveState -P Result -P ExecMainStatus {unit}"
    ));
    state.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A volume of fstab comes behind the cluster, though neither names the other; one that is
/// mounted keeps it.
#[test]
fn the_unit_comes_before_remote_filesystems() {
    let (lab, disk, node) = booting("unit-start", "_netdev");
    node.ok("systemctl start up.target");
    node.wait_for(&format!("mountpoint -q {POINT}"));
    node.ok("o2cb status && systemctl is-active ocfs2-ready.target");
    assert_eq!(state(&node, "o2cb.service"), "success 0 active");
    assert_eq!(node.references(&disk.uuid()), 1);
    // What is up is brought up to the files.
    node.ok("systemctl reload o2cb.service");
    // Which leaves volumes mounted.
    node.ok("systemctl isolate calm.target");
    node.ok(&format!("mountpoint -q {POINT} && o2cb online-status"));
    node.ok("systemctl is-active ocfs2-ready.target");
    assert_eq!(state(&node, "o2cb.service"), "success 0 active");
    // What is in use does not go, and can be had back.
    node.run("systemctl stop o2cb.service");
    assert!(state(&node, "o2cb.service").ends_with("failed"));
    node.ok("o2cb online-status && systemctl start o2cb.service");
    node.ok("systemctl stop mnt-volume.mount && systemctl stop o2cb.service");
    assert_eq!(state(&node, "o2cb.service"), "success 0 inactive");
    node.ok(&format!(
        "! mountpoint -q {POINT} && ! grep ocfs2 /proc/filesystems"
    ));
    node.fails(1, "o2cb online-status");
    node.wait_until_clean();
    lab.end();
}

/// A volume that wants the unit is unmounted when it is stopped, and is not tried to be
/// mounted where it is not enabled.
#[test]
fn a_volume_that_wants_the_unit_goes_with_it() {
    let (lab, _, node) = booting(
        "unit-wants",
        "_netdev,x-systemd.requires=ocfs2-ready.target",
    );
    node.ok("o2cb disable");
    node.fails(1, "systemctl start mnt-volume.mount");
    assert_eq!(state(&node, "o2cb.service"), "exit-code 6 failed");
    node.ok("grep -q ^O2CB_ENABLED=false$ /etc/default/o2cb && ! grep ocfs2 /proc/filesystems");
    node.ok("o2cb configure O2CB_ENABLED=yes O2CB_HEARTBEAT_THRESHOLD=41 && o2cb stop");
    node.ok("systemctl start mnt-volume.mount");
    assert_eq!(state(&node, "o2cb.service"), "success 0 active");
    node.ok("grep -qx 41 /sys/kernel/config/cluster/*/heartbeat/dead_threshold");
    // Without systemd's knowledge it does not go.
    node.fails(1, "o2cb stop");
    node.ok(&format!("mountpoint -q {POINT}"));
    node.ok("systemctl stop o2cb.service");
    assert_eq!(state(&node, "o2cb.service"), "success 0 inactive");
    assert_eq!(state(&node, "mnt-volume.mount"), "success inactive");
    node.wait_until_clean();
    lab.end();
}

/// The script for other init systems; and the questions of `configure`, on a terminal, and what
/// comes of the answers.
#[test]
fn without_systemd_the_script_does_it_and_configure_asks() {
    let lab = Lab::new("configure");
    let script = include_str!("../../docs/o2cb.init");
    let [node] = lab.nodes().file("/etc/init.d/o2cb", script).boot();
    for (code, word) in [
        (0, "start"),
        (0, "status"),
        (0, "stop"),
        (3, "status"),
        (2, "stop x y"),
    ] {
        node.fails(code, &format!("sh /etc/init.d/o2cb {word}"));
    }
    node.ok("mkdir -p /dev/pts && mount -t devpts devpts /dev/pts");
    // As long as nothing is asked for, nothing is changed.
    let said = node.fails(2, "o2cb configure < /dev/null").stderr;
    assert!(said.contains("there is no terminal to ask on"), "{said}");
    // No, the stack as it is, a cluster; a number that is none, and one that is.
    let answers = r"no\n\nother\n2\n61\n\n\n\npanic\n\n\n";
    let said = node.ok(&format!(
        "(sleep 1; printf '{answers}'; sleep 2) | script -qec 'o2cb configure' /dev/null"
    ));
    assert!(
        said.contains("O2CB_BOOTCLUSTER, name of the cluster ["),
        "{said}"
    );
    assert!(said.contains("must be a decimal number from 3"), "{said}");
    let settings = node.ok("cat /etc/default/o2cb");
    assert_eq!(
        settings,
        "O2CB_ENABLED=false\nO2CB_BOOTCLUSTER=other\nO2CB_HEARTBEAT_THRESHOLD=61\n\
         O2CB_FENCE_METHOD=panic\n"
    );
    // The end of the input is no answer.
    node.fails(
        1,
        "printf 'yes\\n\\4' | script -qec 'o2cb configure' /dev/null",
    );
    assert_eq!(node.ok("cat /etc/default/o2cb"), settings);
    lab.end();
}
