//! The refusals that a node among others, whose tools are killed, has to expect. Anything else
//! that a tool says is a defect.

use crate::state::Doubt;
use crate::tool::End;

/// What a worker does with a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Mount,
    Bind,
    Unmount,
    Start,
    Stop,
    Exec,
    ExecAlone,
    Online,
    Offline,
    Look,
}

struct Refusal {
    kinds: &'static [Kind],
    /// Parts of the message.
    parts: &'static [&'static str],
    /// Can it be meant, with what is in doubt?
    when: fn(&Doubt) -> bool,
    /// Why it is no defect; also its name in the counts.
    why: &'static str,
}

const ALWAYS: fn(&Doubt) -> bool = |_| true;

const REFUSALS: [Refusal; 10] = [
    Refusal {
        kinds: &[Kind::Stop],
        parts: &["the heartbeat region is in use: the volume is mounted on "],
        when: |doubt| doubt.mount,
        why: "a killed mount stands, and this is the only reference",
    },
    Refusal {
        kinds: &[Kind::Stop],
        parts: &[
            "the heartbeat region is in use: the volume is mounted out of sight, or a lock domain",
        ],
        when: |doubt| doubt.mount,
        why: "a killed mount comes or goes, and this is the only reference",
    },
    Refusal {
        kinds: &[Kind::Mount, Kind::Start, Kind::Exec, Kind::ExecAlone],
        parts: &["\"webc\" is not online (run: o2cb online webc)"],
        when: ALWAYS,
        why: "another worker has taken the cluster offline",
    },
    Refusal {
        kinds: &[Kind::Mount, Kind::Start, Kind::Exec, Kind::ExecAlone],
        parts: &["the cluster is not online any more (run: o2cb online)"],
        when: ALWAYS,
        why: "another worker has taken the cluster offline meanwhile",
    },
    Refusal {
        kinds: &[Kind::Mount, Kind::Start, Kind::Exec, Kind::ExecAlone],
        parts: &["but none of its nodes ("],
        when: |doubt| doubt.cluster,
        why: "a killed o2cb online or offline has left the cluster without this node",
    },
    Refusal {
        kinds: &[Kind::Offline],
        parts: &["cluster \"webc\" is in use: "],
        when: ALWAYS,
        why: "other workers use the volumes",
    },
    Refusal {
        // dlm_join_domain in fs/ocfs2/dlm/dlmdomain.c.
        kinds: &[Kind::Mount, Kind::Exec, Kind::ExecAlone],
        parts: &["another node of the cluster could not be reached"],
        when: ALWAYS,
        why: "ENOTCONN: the other node left or came back within the last seconds",
    },
    Refusal {
        kinds: &[Kind::ExecAlone],
        parts: &["the volume is in use on "],
        when: ALWAYS,
        why: "a node has the volume mounted",
    },
    Refusal {
        kinds: &[Kind::ExecAlone],
        parts: &["another process here works on it (wait with -w)"],
        when: ALWAYS,
        why: "another worker of this node has locked the volume",
    },
    Refusal {
        kinds: &[Kind::ExecAlone],
        parts: &["another node has locked the volume"],
        when: ALWAYS,
        why: "the other node has locked the volume, or mounts or unmounts it",
    },
];

/// Why a tool may have ended in this way: the reason, or none if it may not.
pub fn reason(kind: Kind, end: &End, doubt: &Doubt) -> Option<&'static str> {
    let mut lines = end.said.lines();
    let first = lines.next()?;
    let refusal = REFUSALS.iter().find(|refusal| {
        refusal.kinds.contains(&kind)
            && refusal.parts.iter().all(|part| first.contains(part))
            && (refusal.when)(doubt)
    })?;
    // Another line of its own may be another defect; what the kernel has logged explains the first.
    let is_alone = lines.all(|line| line.starts_with("mount.ocfs2: kernel: "));
    (end.code != 0 && is_alone).then_some(refusal.why)
}
