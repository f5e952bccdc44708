//! Every wedge that these tests can make has its name in `--long`.

use crate::kills::SHELL;
use crate::rig::{CLUSTER, Lab, has};

const LONG: &str = r#"
long() {
	ocfs2_hb_ctl -I --long -u "$1"
}
"#;

#[test]
fn each_wedge_is_named() {
    let lab = Lab::new("hb-wedges");
    let names = ["killed", "forgotten", "leaked", "out-of-sight", "no-region"];
    let disks = names.map(|name| lab.disk(name).format());
    let [killed, forgotten, leaked, hidden, gone] = &disks;
    let [node] = lab.nodes().memory_mb(192).boot();
    node.ok(&format!("o2cb online {CLUSTER}"));

    // mount.ocfs2 and the process that starts its heartbeat are killed: half-started, first with
    // its thread, then without.
    let region = killed.region();
    let said = node.ok(&format!(
        r#"{SHELL}mkdir -p /mnt/1
        mount.ocfs2 {} /mnt/1 2> /dev/null & pid=$!
        until {{ read -r thread < {region}/pid; }} 2> /dev/null; do sleep 0.01; done
        child_of $pid
        kill -s KILL $pid $child
        ocfs2_hb_ctl -I --long
        # On a busy node it may have ended by now.
        [ ! -e /proc/$thread ] || echo living
        while [ -e /proc/$thread ]; do sleep 0.1; done
        echo later
        ocfs2_hb_ctl -I --long
        "#,
        killed.device()
    ));
    println!("{said}");
    let (soon, later) = said.split_once("later\n").expect("two answers");
    has(
        soon,
        &["  state: half-started, ", "  wrong: its start was cut off"],
    );
    if soon.contains("living\n") {
        has(soon, &["  wrong: its start was cut off\n"]);
    }
    has(
        later,
        &[
            "  state: half-started, its thread has ended\n",
            "  wrong: its start was cut off, and its thread has ended\n",
            "  not repaired: on this kernel any use of it may panic the machine",
        ],
    );
    let json = node.run("ocfs2_hb_ctl -I --json").stdout;
    has(&json, &[r#""state": "stuck""#, r#""faults": ["stuck"]"#]);
    node.fails(1, "ocfs2_hb_ctl -I --quiet");

    // The superblock goes, and umount.ocfs2 is not called.
    let said = node.ok(&format!(
        "{LONG}mkdir -p /mnt/2 && mount.ocfs2 {} /mnt/2 && umount -i /mnt/2 && long {}",
        forgotten.device(),
        forgotten.uuid()
    ));
    println!("{said}");
    has(
        &said,
        &[
            "  state: idle: beats on ubdb\n",
            "  wrong: its one reference is that of a mounted volume, which is gone\n",
        ],
    );

    // The C tools take a reference and do not give it back.
    let said = node.ok(&format!(
        "{LONG}/ctools/ocfs2_hb_ctl -S -d {} x && long {}",
        leaked.device(),
        leaked.uuid()
    ));
    has(
        &said,
        &[
            "  state: beats on ubdc\n",
            "  references: 1, 1 lasting or of processes; last changed by process ",
            "  perhaps wrong: 1 reference belongs to no mount and no running process\n",
        ],
    );

    // A lazy unmount: in no mount table, and needed.
    let said = node.ok(&format!(
        "{LONG}mkdir -p /mnt/4 && mount.ocfs2 {} /mnt/4 && exec 9> /mnt/4/file \
         && umount -l /mnt/4 && long {} && exec 9>&-",
        hidden.device(),
        hidden.uuid()
    ));
    has(&said, &["  needed by: the volume, mounted out of sight\n"]);
    assert!(!said.contains("wrong"), "{said}");

    // Semaphores without a region.
    let said = node.ok(&format!(
        "{LONG}/ctools/ocfs2_hb_ctl -S -d {0} x && rmdir /sys/kernel/config/cluster/{CLUSTER}/heartbeat/{1} \
         && long {1}",
        gone.device(),
        gone.uuid()
    ));
    println!("{said}");
    has(
        &said,
        &[
            "  state: absent: it does not beat on this node\n",
            "  references: 1, 1 lasting or of processes; ",
            "  wrong: it has semaphores (1 reference) and no region\n",
        ],
    );
    // To power off is safe, with what is stuck.
    lab.end();
}
