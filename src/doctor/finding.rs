//! The kinds of findings: what is wrong, why it matters and what to do about it.

use crate::message::Message;
use crate::report::printable;
use std::fmt::Display;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It works for now, or whether it works is unknown.
    Warning,
    /// It does not work, or the node or the disk is in danger.
    Error,
}

/// A kind of finding. Its name is a promise to programs.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// The name in o2cb-doctor(7).
    pub code: &'static str,
    /// The severity, equal for every finding of a kind.
    pub severity: Severity,
    /// The reason why it matters.
    pub why: &'static str,
    /// The way to fix it.
    pub fix: &'static str,
}

/// One finding.
#[derive(Debug)]
pub struct Finding {
    /// The kind of the finding.
    pub kind: &'static Kind,
    /// The fact, in a clause.
    pub what: String,
}

/// All findings, in the order of the checks.
#[derive(Debug, Default)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// Adds a finding: a fact, or an error with its causes.
    pub(super) fn add(&mut self, kind: &'static Kind, what: impl Display) {
        // It may contain text from files, disks and peers.
        let what = printable(format!("{what:#}"));
        self.0.push(Finding { kind, what });
    }

    /// Adds a check that could not be made, which does not mean that all is well.
    pub(super) fn unknown(&mut self, what: &str, why: impl Display) {
        self.add(Kind::NOT_CHECKED, format_args!("{what}: {why:#}"));
    }
}

message!(struct Findings { 0 });
message!(struct Finding { kind, what });

impl Message for &'static Kind {
    fn put(&self, to: &mut Vec<u8>) {
        self.code.to_owned().put(to);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let code = String::take(from)?;
        KINDS.iter().copied().find(|kind| kind.code == code)
    }
}

macro_rules! kinds {
    ($($name:ident $code:literal $severity:ident: $why:literal; $fix:literal.)*) => {
        impl Kind {
            $(pub(super) const $name: &Self = &Self {
                code: $code,
                severity: Severity::$severity,
                why: $why,
                fix: $fix,
            };)*
        }

        /// Every kind, in the order of o2cb-doctor(7).
        pub static KINDS: &[&Kind] = &[$(Kind::$name),*];
    };
}

kinds! {
    NOT_CHECKED "not-checked" Warning:
        "what was not looked at may be wrong";
        "remove the cause (most checks want root), then run this again".
    CONFIG_MISSING "config-missing" Error:
        "without it the node has no cluster";
        "copy /etc/ocfs2/cluster.conf from another node of the cluster, or make it: o2cb add-cluster".
    CONFIG_INVALID "config-invalid" Error:
        "the cluster does not come up with it, or not as it is meant";
        "correct the line (o2cb check-config), then copy the file to all nodes".
    CONFIG_ODD "config-odd" Warning:
        "it works, but is hardly what was meant";
        "correct the line".
    SETTINGS_INVALID "settings-invalid" Error:
        "the cluster does not come up at boot";
        "correct the line, or run: o2cb configure".
    NOT_A_NODE "not-a-node" Error:
        "the node finds its number by its name";
        "set the hostname, or O2CB_NODE_NAME in o2cb's defaults file".
    ADDRESS_MISSING "address-missing" Error:
        "the kernel listens on it for the other nodes";
        "bring the interface up, or correct ip_address on all nodes".
    PORT_TAKEN "port-taken" Error:
        "the kernel cannot listen for the other nodes, so that the cluster does not come online";
        "end the program (ss -tlnp shows it), or change ip_port on all nodes".
    CONFIG_NOT_APPLIED "config-not-applied" Warning:
        "the kernel goes by what it was told before, and nodes that differ may not work together";
        "run the command in the brackets (o2cb diff shows the same)".
    CLUSTER_OFFLINE "cluster-offline" Warning:
        "no volume of it can be mounted here";
        "run: o2cb online".
    MODULE_MISSING "module-missing" Error:
        "volumes cannot be mounted without it";
        "install the package with it for this kernel, or boot a kernel that has it".
    CONFIGFS_UNMOUNTED "configfs-unmounted" Warning:
        "the cluster is told to the kernel through it";
        "run: o2cb load".
    DLMFS_UNMOUNTED "dlmfs-unmounted" Warning:
        "tools such as fsck.ocfs2 lock volumes through it";
        "run: o2cb load".
    HB_CTL_PATH "hb-ctl-path" Error:
        "nobody stops the heartbeat after an unmount, and a node that beats for ever is fenced \
         when its disk goes";
        "install umount.ocfs2 in /sbin, or run: o2cb hb-ctl-path /sbin/ocfs2_hb_ctl".
    HB_CTL_MISSING "hb-ctl-missing" Warning:
        "an unmount that umount.ocfs2 does not make leaves the heartbeat active";
        "install the program, or correct O2CB_HB_CTL_PATH and run: o2cb load".
    PANIC_HANGS "panic-hangs" Warning:
        "a node that panics stays as it is until somebody resets it";
        "sysctl -w kernel.panic=30, and the same in /etc/sysctl.d".
    OOPS_SURVIVED "oops-survived" Warning:
        "a node whose driver has crashed keeps its locks and its heartbeat, and all others wait";
        "sysctl -w kernel.panic_on_oops=1, and the same in /etc/sysctl.d".
    REGION_HALF_STARTED "region-half-started" Error:
        "its volume cannot be mounted here";
        "run: ocfs2_hb_ctl --repair; if that leaves it alone: reboot this node".
    REGION_ORPHANED "region-orphaned" Warning:
        "it restarts this node when its disk goes, though nobody needs it";
        "run: ocfs2_hb_ctl -K -u UUID".
    REGION_DEVICE_GONE "region-device-gone" Error:
        "a node that cannot write its heartbeat self-fences";
        "run: ocfs2_hb_ctl --repair -u UUID (first, if the volume is mounted: umount -l); with \
         global heartbeat: o2cb remove-heartbeat on all nodes, then o2cb start-heartbeat".
    REFERENCES_UNOWNED "references-unowned" Warning:
        "if no program uses the heartbeat, it stays active, and resets this node when its disk goes";
        "run: ocfs2_hb_ctl --repair -u UUID; what that leaves alone, if no program uses it: \
         ocfs2_hb_ctl -K -u UUID NAME, once for each reference".
    MOUNT_UNCOUNTED "mount-uncounted" Warning:
        "only the kernel keeps its heartbeat active, and kernels before 2.6.37 do not";
        "unmount and mount the volume when convenient".
    SEMAPHORES_LEFT "semaphores-left" Warning:
        "the C tools count on from them, so that the heartbeat stays active after an unmount";
        "run: ocfs2_hb_ctl --repair -u UUID".
    DEVICE_UNREADABLE "device-unreadable" Error:
        "no volume can be mounted from it";
        "see the kernel's log, the paths to the disk and the device's name".
    VOLUME_ELSEWHERE "volume-elsewhere" Warning:
        "this node's cluster does not mount it";
        "correct the configuration, or with the volume unmounted on all nodes: tunefs.ocfs2 \
         --update-cluster-stack".
    SLOTS_FULL "slots-full" Error:
        "one more node cannot mount it";
        "unmount it somewhere, or with it unmounted everywhere: tunefs.ocfs2 -N COUNT".
    SLOTS_FEW "slots-few" Warning:
        "not all nodes can mount it at the same time";
        "with it unmounted everywhere: tunefs.ocfs2 -N COUNT".
    FOREIGN_NODE "foreign-node" Error:
        "a node that only some know locks against nobody: the volume gets damaged";
        "unmount it there, or give all nodes the same cluster.conf".
    NUMBER_TAKEN "number-taken" Error:
        "two nodes of one number write the same slot, and neither sees the other: the volume gets \
         damaged";
        "do not mount it here; give one of the two another number, in cluster.conf on all nodes".
    THRESHOLD_DIFFERS "threshold-differs" Error:
        "one node takes another for dead while it still writes, or waits too long for it";
        "give all nodes the same O2CB_HEARTBEAT_THRESHOLD, then o2cb offline and online".
    SLOT_DAMAGED "slot-damaged" Warning:
        "the kernel takes no notice of such a slot: something else writes to the disk there";
        "find out who writes to the disk; fsck.ocfs2 looks at the rest of the volume".
    PEER_UNREACHABLE "peer-unreachable" Warning:
        "the two cannot both mount a volume";
        "see that it is up, its address right, and the port open in all firewalls on the way".
    PEER_OFFLINE "peer-offline" Warning:
        "its kernel does not listen: its cluster is not online";
        "on that node run: o2cb online".
    PEER_CUT_OFF "peer-cut-off" Error:
        "it beats on a volume and cannot be talked to: a mount of it fails or hangs, and one of \
         the two gets fenced";
        "see that addresses, ports, firewalls and O2CB_IDLE_TIMEOUT_MS, O2CB_KEEPALIVE_DELAY_MS \
         and O2CB_RECONNECT_DELAY_MS are right, and the same on all nodes".
    THRESHOLD_LOW "threshold-low" Warning:
        "the node restarts before the storage has tried its other path";
        "raise O2CB_HEARTBEAT_THRESHOLD on all nodes, or lower the storage's limit".
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{from_bytes, to_bytes};

    #[test]
    fn findings_pass_between_processes() {
        let mut findings = Findings::default();
        findings.add(Kind::FOREIGN_NODE, "node 7\0 \u{202e}");
        findings.add(Kind::THRESHOLD_LOW, "");
        let bytes = to_bytes(&findings);
        let said = |all: Findings| {
            let all = all.0.into_iter();
            all.map(|one| (one.kind.code, one.what)).collect::<Vec<_>>()
        };
        assert_eq!(
            said(from_bytes(&bytes).unwrap()),
            [
                ("foreign-node", "node 7\\u{0} \\u{202e}".to_owned()),
                ("threshold-low", String::new())
            ]
        );
        // Invalid input never counts as fine.
        let odd = (1u64, ("no-such-code".to_owned(), String::new()));
        assert!(from_bytes::<Findings>(&to_bytes(&odd)).is_none());
    }

    #[test]
    fn every_code_stands_once_and_in_the_page() {
        let page = include_str!("../../docs/o2cb-doctor.7");
        for (at, kind) in KINDS.iter().enumerate() {
            let code = kind.code;
            assert!(
                page.contains(&format!("\n.B {code}\n{:?}.\n", kind.severity)),
                "{code}"
            );
            assert!(KINDS.iter().skip(at + 1).all(|other| other.code != code));
        }
    }
}
