//! A distribution's own units, from power-on to power-off.

use super::{READY, SERVICE, UNITS, state};
use crate::rig::{Lab, Node, at_once};
use std::time::Duration;

/// Works on the volume as long as it runs.
const USER: &str = "[Unit]
Requires=ocfs2-ready.target
After=ocfs2-ready.target
RequiresMountsFor=/srv/shared
[Service]
ExecStart=/bin/sh -c 'exec 9> /srv/shared/$(cat /proc/sys/kernel/hostname); sleep infinity'
";

/// What is there when the cluster has gone, said where a machine that goes off is heard.
const SAID: &str = "[Service]\nExecStopPost=/bin/sh -c 'echo \"o2cb: $SERVICE_RESULT, \
    $(grep -c \" ocfs2 \" /proc/mounts) mounted, \
    $(ls /sys/kernel/config/cluster | wc -l) online\" > /dev/console'\n";

/// By its label and by its name, which udev has to find; one says that it needs the cluster, and
/// of the other systemd knows it by the type.
const FSTAB: &str = "\
LABEL=shared /srv/shared ocfs2 _netdev,x-systemd.requires=ocfs2-ready.target 0 0
/dev/ubdb /srv/plain ocfs2 defaults 0 0
";

const ENABLED: &str = "[Unit]\nWants=o2cb.service remote-fs.target user.service\n";

/// One comes to be active after the other.
const ORDER: [&str; 5] = [
    "rig-network.service",
    "o2cb.service",
    "ocfs2-ready.target",
    "srv-shared.mount",
    "remote-fs.target",
];

/// Debian with two volumes in fstab on two nodes: each mounts them behind the cluster, and goes
/// off without the other one's having to recover anything.
#[test]
fn a_distribution_boots_mounts_and_goes_off() {
    let lab = Lab::with_limit("distribution", Duration::from_secs(600));
    lab.disk("shared").label("shared").format();
    lab.disk("plain").format();
    let nodes: [Node; 2] = lab
        .nodes()
        .memory_mb(256)
        .distribution()
        .file(&format!("{UNITS}/o2cb.service"), SERVICE)
        .file(&format!("{UNITS}/o2cb.service.d/said.conf"), SAID)
        .file(&format!("{UNITS}/ocfs2-ready.target"), READY)
        .file(&format!("{UNITS}/user.service"), USER)
        .file(
            &format!("{UNITS}/multi-user.target.d/enabled.conf"),
            ENABLED,
        )
        .file("/etc/fstab", FSTAB)
        .boot();
    let [n1, n2] = &nodes;
    at_once(&nodes, check_boot);
    n1.ok("test -e /srv/shared/n2 && echo from n1 > /srv/plain/file");
    assert_eq!(n2.ok("cat /srv/plain/file"), "from n1\n");

    power_off(n1);
    // It has left: the other node does not wait for it.
    n2.ok("echo from n2 > /srv/plain/file && echo x > /srv/shared/n1");
    let log = n2.ok("dmesg");
    assert_eq!(
        log.matches("o2dlm: Node 1 leaves domain").count(),
        2,
        "{log}"
    );
    for trouble in ["Begin recovery", "has been idle", "fencing"] {
        assert!(!log.contains(trouble), "{trouble}: {log}");
    }
    n1.power_on();
    check_boot(n1);
    assert_eq!(n1.ok("cat /srv/plain/file"), "from n2\n");
    at_once(&nodes, power_off);
    lab.end();
}

#[track_caller]
fn check_boot(node: &Node) {
    node.wait_for("systemctl is-active multi-user.target");
    let when = ORDER.map(|unit| {
        let time = node.ok(&format!(
            "systemctl show -P ActiveEnterTimestampMonotonic {unit}"
        ));
        time.trim().parse::<u64>().expect("a time")
    });
    assert!(when[0] > 0 && when.is_sorted(), "{ORDER:?} {when:?}");
    for unit in ["o2cb.service", "user.service"] {
        assert!(state(node, unit).starts_with("success 0 active"));
    }
    node.ok("mountpoint -q /srv/shared && mountpoint -q /srv/plain && o2cb status");
    assert_eq!(node.regions().len(), 2);
    // Of ours, and of whatever else the distribution has at work.
    println!("{}", node.ok("systemctl --failed --no-legend"));
}

/// The volumes go before the cluster, and that goes before the network.
#[track_caller]
fn power_off(node: &Node) {
    // It ends this shell too.
    let _job = node.start("systemctl poweroff");
    node.wait_until_off();
    let console = node.console();
    let mut rest = console
        .rsplit_once("Reached target multi-user.target")
        .expect("a boot")
        .1;
    for text in [
        "Stopped user.service",
        "Unmounted srv-shared.mount",
        "Stopped target ocfs2-ready.target",
        "o2cb: success, 0 mounted, 0 online",
        "Stopped o2cb.service",
        "network goes: 0 mounted, 0 online",
        "Stopped rig-network.service",
    ] {
        let found = rest.split_once(text);
        rest = found
            .unwrap_or_else(|| panic!("no {text} where it should be: {console}"))
            .1;
    }
    let before = console
        .rsplit_once("Stopping o2cb.service")
        .expect("its stop")
        .0;
    assert!(before.contains("Unmounted srv-plain.mount"), "{console}");
}
