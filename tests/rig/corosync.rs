//! Debian's corosync and dlm_controld in a node.

#![allow(dead_code)]

use super::{CLUSTER, Node};

/// Where corosync looks for its configuration.
pub const CONF: &str = "/etc/corosync/corosync.conf";

/// That of a cluster of the nodes n1, n2, ... of a lab.
pub fn corosync_conf(nodes: usize) -> String {
    let mut text = format!(
        "totem {{\n\tversion: 2\n\tcluster_name: {CLUSTER}\n\ttransport: udpu\n\t\
         crypto_cipher: none\n\tcrypto_hash: none\n}}\n\
         quorum {{\n\tprovider: corosync_votequorum\n}}\n\
         logging {{\n\tto_stderr: no\n\tto_syslog: no\n\tto_logfile: yes\n\t\
         logfile: /run/corosync.log\n}}\nnodelist {{\n"
    );
    for number in 1..=nodes {
        text += &format!(
            "\tnode {{\n\t\tring0_addr: 192.0.2.{number}\n\t\tnodeid: {number}\n\t\t\
             name: n{number}\n\t}}\n"
        );
    }
    text + "}\n"
}

/// dlm_controld, with what udev and systemd do for it elsewhere. It runs on when this returns,
/// and the kernel has its nodes.
pub const DLM: &str = "modprobe configfs
    mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
    modprobe dlm
    mkdir -p /dev/misc
    for name in dlm-control dlm-monitor dlm_plock; do
        IFS=: read -r major minor < /sys/class/misc/$name/dev
        [ -e /dev/misc/$name ] || mknod /dev/misc/$name c $major $minor
    done
    dlm_controld -D --enable_fencing=0 < /dev/null > /run/dlm.log 2>&1 &
    for try in {1..600}; do
        [ -e /sys/kernel/config/dlm/cluster/comms/1 ] && break
        sleep 0.1
    done
    [ $try -lt 600 ]";

/// Brings corosync and the DLM up, and waits for quorum.
#[track_caller]
pub fn up(node: &Node) {
    node.ok("corosync");
    node.ok(DLM);
    node.wait_for("dlm_tool status | grep -q 'quorate 1'");
}
