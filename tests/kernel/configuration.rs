//! cluster.conf made by commands and handed to a real kernel, beside the C tool.

use crate::rig::{Lab, Node};

/// Where both tools have the cluster after the same commands.
const CONF: &str = "/etc/ocfs2/cluster.conf";
/// Names, values and modes of all that is in configfs.
const TREE: &str = "cd /sys/kernel/config/cluster && find . -type f -printf '%p %m ' -exec cat {} \\; \
                    | sort";

/// Runs o2cb(8) commands by the tool `o2cb`; what they print, and how each ends.
fn commands(node: &Node, o2cb: &str, commands: &str) -> String {
    let script: String = commands
        .lines()
        .map(|command| format!("echo \"$ {command}\"; {o2cb} {command}; echo = $?\n"))
        .collect();
    node.run(&script).stdout
}

const MAKE: &str = "\
add-cluster fresh
add-node --ip 192.0.2.1 --number 1 fresh n1
add-node fresh n2 --port 7778 --ip 192.0.2.2
add-node --number 254 --ip 192.0.2.254 fresh n3.example.com
add-heartbeat fresh 8D55D77D7EF74F4E8E964F519A7060BF
list-cluster fresh
cluster-status fresh
cluster-status
register-cluster fresh
cluster-status fresh
cluster-status
register-cluster fresh
register-cluster nosuch";

const CHANGE: &str = "\
remove-node fresh n2
add-node --ip 192.0.2.3 --port 7779 fresh n3
remove-node fresh n3.example.com
add-node --number 254 --ip 192.0.2.9 fresh n3.example.com
heartbeat-mode fresh global
register-cluster fresh
cluster-status fresh
heartbeat-mode fresh local
register-cluster fresh
cluster-status fresh";

const UNMAKE: &str = "\
unregister-cluster nosuch
unregister-cluster fresh
cluster-status fresh
unregister-cluster fresh
remove-cluster fresh
list-clusters";

#[test]
fn both_tools_register_the_same() {
    let lab = Lab::new("register");
    let [node] = lab.boot();
    node.ok("o2cb load");
    let both = ["/ctools/o2cb", "o2cb"].map(|o2cb| {
        node.ok(&format!("rm {CONF}"));
        [MAKE, CHANGE, UNMAKE].map(|part| {
            let said = commands(&node, o2cb, part);
            [said, node.ok(TREE), node.ok(&format!("cat {CONF}"))]
        })
    });
    let [theirs, ours] = &both;
    assert_eq!(ours, theirs);
    let [made, changed, unmade] = ours;
    assert!(
        made[1].contains("./fresh/node/n1/local 644 1"),
        "{}",
        made[1]
    );
    assert!(
        made[1].contains("./fresh/node/n2/ipv4_port 644 7778"),
        "{}",
        made[1]
    );
    assert!(
        changed[1].contains("./fresh/node/n3/num 644 0"),
        "{}",
        changed[1]
    );
    assert!(!changed[1].contains("./fresh/node/n2/"), "{}", changed[1]);
    assert_eq!([&unmade[1], &unmade[2]], ["", ""]);
    lab.end();
}

/// A node is added to a cluster that is online and in use, and mounts.
#[test]
fn a_node_that_is_added_later_mounts() {
    let lab = Lab::new("later");
    let disk = lab.disk("volume").format();
    let nodes: [Node; 2] = lab.boot();
    let [first, second] = &nodes;
    first.ok("o2cb remove-node webc n2 && o2cb online");
    first.ok(&format!(
        "mount -t ocfs2 {} /mnt && echo hello > /mnt/file",
        disk.device()
    ));
    let add = "o2cb add-node --number 2 --ip 192.0.2.2 webc n2";
    first.ok(&format!(
        "{add} && o2cb check-config && o2cb register-cluster webc"
    ));
    assert_eq!(
        first.ok("o2cb list-nodes --oneline webc"),
        second.ok("o2cb list-nodes --oneline webc")
    );
    second.ok(&format!(
        "o2cb online && mount -t ocfs2 {} /mnt",
        disk.device()
    ));
    assert_eq!(second.ok("cat /mnt/file"), "hello\n");
    // Not the other way round: what the kernel would not do is said, and nothing is done.
    let tree = first.ok(TREE);
    first.ok("o2cb remove-node webc n2");
    let refused = first.fails(1, "o2cb register-cluster webc");
    refused.says("cannot be changed while volumes are in use");
    assert_eq!(first.ok(TREE), tree);
    for node in &nodes {
        node.ok("umount /mnt");
        node.ok("o2cb offline");
        node.assert_clean();
    }
    lab.end();
}

/// Each state that a registration which changes all of it goes through: cut off there by
/// SIGKILL, the next one finishes it; failed there, it is as before.
#[test]
fn cut_off_registration_is_finished_and_a_failed_one_is_rolled_back() {
    let lab = Lab::new("cut-off");
    let [node] = lab.boot();
    node.ok(
        "o2cb load && cp /etc/ocfs2/cluster.conf /tmp/old && cp /etc/default/o2cb /tmp/default",
    );
    let script = format!(
        r#"
        old() {{ cp /tmp/default /etc/default/o2cb; o2cb --config-file=/tmp/old $*; }}
        new() {{ cp /tmp/limits /etc/default/o2cb; $1 o2cb --config-file=/tmp/new register-cluster webc; }}
        tree() {{ {TREE}; }}
        printf "%s\n" O2CB_IDLE_TIMEOUT_MS=60000 O2CB_HEARTBEAT_THRESHOLD=61 > /tmp/limits
        # The threshold outlives its cluster.
        printf "%s\n" O2CB_IDLE_TIMEOUT_MS=30000 O2CB_HEARTBEAT_THRESHOLD=31 > /tmp/default
        sed 's/7777/7778/' /tmp/old > /tmp/new
        o2cb --config-file=/tmp/new add-node --ip 192.0.2.9 webc n9 || exit
        old register-cluster webc || exit
        before=$(tree)
        new || exit
        after=$(tree)
        [ "$before" != "$after" ] || exit
        killed=0 failed=0
        for call in mkdirat unlinkat write; do
            inject="strace -f -o /dev/null -e trace=$call -e inject=$call"
            old unregister-cluster webc && old register-cluster webc || exit
            for ((n = 1; n < 100; n++)); do
                new "$inject:error=EIO:when=$n" 2> /dev/null && break
                ((++failed)); [ "$(tree)" = "$before" ] || {{ echo "failed at $call $n"; tree; exit 1; }}
            done
            for ((n = 1; n < 100; n++)); do
                old unregister-cluster webc && old register-cluster webc || exit
                new "$inject:signal=KILL:when=$n" && break
                ((++killed)); new && [ "$(tree)" = "$after" ] || {{ echo "killed at $call $n"; tree; exit 1; }}
            done
        done
        echo $killed $failed
        "#
    );
    // Two limits; one node removed; two made and given four values each.
    assert_eq!(node.ok(&script), "13 13\n");
    lab.end();
}
