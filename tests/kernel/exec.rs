//! `o2cb exec`: commands that work on a volume as members of its cluster, alone if they want,
//! and nothing is left of them, however they end.

mod kills;
mod manners;
mod rivals;

use crate::rig::{CLUSTER, Disk, Lab, Node};

/// Nodes of a cluster that is online, and one volume that no node uses.
fn online<const N: usize>(name: &str) -> (Lab, [Node; N], Disk) {
    let lab = Lab::new(name);
    let disk = lab.disk("volume").format();
    let nodes: [Node; N] = lab.boot();
    for node in &nodes {
        node.ok(&format!("o2cb online {CLUSTER}"));
    }
    (lab, nodes, disk)
}

/// No region, reference or process is left, and no lock domain.
#[track_caller]
fn assert_clean(node: &Node) {
    node.wait_for("[ -z \"$(ls -A /dlm)\" ] && ! pgrep -x o2cb");
    node.wait_until_clean();
}

/// Each of the C tools drops its locks at its end, and is held before that until `RELEASE`.
const HELD: &str = "strace -D -f -o /dev/null -e inject=unlink,unlinkat:delay_enter=1000s:when=1";
const RELEASE: &str = "pkill -KILL -x strace";

/// What the C tool counts, in the guest's own shell.
fn count(disk: &Disk) -> String {
    format!("/ctools/ocfs2_hb_ctl -I -u {}", disk.uuid())
}

#[test]
fn the_c_tools_work_under_the_lock() {
    let (lab, [node], disk) = online("exec-c-tools");
    let device = disk.device();
    let refs = |number| format!("{}: {number} refs\n", disk.uuid());
    assert_eq!(node.references(&disk.uuid()), 0);
    let tools = [
        format!("fsck.ocfs2 -fy {device}"),
        format!("tunefs.ocfs2 -L changed {device}"),
    ];
    for tool in tools {
        let script = format!(
            r#"
            {count}
            {HELD} {tool} > /tmp/said & pid=$!
            until [ "$({count})" != "{uuid}: 1 refs" ]; do kill -0 $pid || break; sleep 0.1; done
            {count}
            {RELEASE}
            wait $pid; code=$?
            {count}
            exit $code"#,
            count = count(&disk),
            uuid = disk.uuid(),
        );
        node.ok(&format!("cat > /tmp/script << 'END'\n{script}\nEND"));
        let said = node.ok(&format!("o2cb exec -x -d {device} -- bash /tmp/script"));
        assert_eq!(said, [refs(1), refs(2), refs(1)].concat(), "{tool}");
        assert_clean(&node);
    }
    let label = format!("tunefs.ocfs2 -Q '%V\\n' {device}");
    assert_eq!(node.ok(&label), "changed\n");
    // Without the lock, beside a mount, which is one user.
    node.ok(&format!("mount -t ocfs2 {device} /mnt"));
    let said = node.ok(&format!("o2cb exec -d {device} -- {}", count(&disk)));
    assert_eq!(said, refs(2));
    assert_eq!(node.references(&disk.uuid()), 1);
    let refused = node.fails(125, &format!("o2cb exec -x -d {device} -- true"));
    let says = format!(
        "o2cb: {device}: the volume is in use on n1 (this node) (unmount it there, or wait with -w)\n"
    );
    assert_eq!(refused.stderr, says);
    assert_eq!(node.references(&disk.uuid()), 1);
    node.ok("touch /mnt/file && umount /mnt");
    assert_clean(&node);
    // What keeps the cluster is named.
    let refused = node.fails(1, &format!("o2cb exec -d {device} -- o2cb offline"));
    let says = format!(
        "region {0} by one program or mount, locks that process ",
        disk.uuid()
    );
    assert!(
        refused.stderr.contains(&says) && refused.stderr.contains(" (o2cb) holds "),
        "{refused}"
    );
    node.ok("o2cb offline && o2cb unload");
    lab.end();
}

/// It has no lock domain.
#[test]
fn a_local_volume_is_looked_at_and_locked_here() {
    let lab = Lab::new("exec-local");
    let disk = lab.disk("volume").local().format();
    let [node] = lab.boot();
    let device = disk.device();
    let run = format!("o2cb exec -x -d {device} --");
    node.ok(&format!("{run} fsck.ocfs2 -fy {device}"));
    let refused = node.fails(125, &format!("{run} {run} true"));
    refused.says("or another process here works on it");
    node.ok(&format!("mount -t ocfs2 {device} /mnt"));
    let refused = node.fails(125, &format!("{run} true"));
    refused.says("is mounted on this node");
    node.ok(&format!("o2cb exec -d {device} -- umount /mnt"));
    node.assert_clean();
    lab.end();
}
