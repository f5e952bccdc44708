//! Everything that can go wrong is said in one line, with its own exit code, and leaves
//! nothing behind.
//!
//! The tables are by topic. Each is worked through from top to bottom on one node, so that a
//! row finds what those before it left. A row is a paragraph:
//!
//! ```text
//! # why it fails
//! given a line of bash before it
//! $ the command
//! 32 its exit code and what it says; [..] stands for anything
//! kernel part of a line of the kernel's that follows; without this, none may
//! then a line of bash that undoes the rest, or shows that without it all is well
//! ```

use crate::rig::{Lab, Node, Output};
use crate::user_stacks;
use std::thread;

#[derive(Default)]
struct Row<'t> {
    name: &'t str,
    given: Vec<&'t str>,
    command: &'t str,
    code: i32,
    says: &'t str,
    kernel: Option<&'t str>,
    then: Vec<&'t str>,
}

impl<'t> Row<'t> {
    fn parse(paragraph: &'t str) -> Self {
        let mut row = Row::default();
        for line in paragraph.lines() {
            match line.split_once(' ').expect("a word and the rest") {
                ("#", name) => row.name = name,
                ("given", line) => row.given.push(line),
                ("$", command) => row.command = command,
                ("kernel", part) => row.kernel = Some(part),
                ("then", line) => row.then.push(line),
                (code, says) => (row.code, row.says) = (code.parse().expect("a code"), says),
            }
        }
        row
    }

    /// What is wrong with the command's end; nothing, if all is right.
    fn faults(&self, output: &Output) -> Vec<String> {
        let mut faults = Vec::new();
        if output.code != self.code {
            faults.push(format!("exit code {}, not {}", output.code, self.code));
        }
        if !output.stdout.is_empty() {
            faults.push("prints on standard output".into());
        }
        let mut lines = output.stderr.lines();
        let line = lines.next().unwrap_or_default();
        if !fits(line, self.says) {
            faults.push(format!("is to say\n{}", self.says));
        }
        let applet = line.split(": ").next().unwrap_or_default();
        let notes: Vec<&str> = lines.collect();
        let from_kernel = format!("{applet}: kernel: ");
        if !notes.iter().all(|note| note.starts_with(&from_kernel)) {
            faults.push("a second line that is not the kernel's".into());
        }
        let told = |part: &str| notes.iter().any(|note| note.contains(part));
        if !self.kernel.map_or(notes.is_empty(), told) {
            faults.push(format!("the kernel's lines: wanted {:?}", self.kernel));
        }
        // Numbers and words of developers, and clauses that were put together badly.
        for never in ["os error", "nternal logic", "status = ", "()", ") (", ": :"] {
            if output.stderr.contains(never) {
                faults.push(format!("says \"{never}\""));
            }
        }
        let clauses: Vec<&str> = line.split(": ").collect();
        if clauses.windows(2).any(|pair| pair[0] == pair[1]) {
            faults.push("says the same twice".into());
        }
        faults
    }
}

/// Is `text` as in `pattern`, where `[..]` stands for anything?
fn fits(text: &str, pattern: &str) -> bool {
    let Some((first, rest)) = pattern.split_once("[..]") else {
        return text == pattern;
    };
    text.strip_prefix(first).is_some_and(|text| {
        let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
        ends.any(|at| fits(&text[at..], rest))
    })
}

/// What a failed call must not change. The last processes of a call end a moment after it.
fn state(node: &Node) -> String {
    node.wait_for_tools();
    let clusters = node.start("echo /sys/kernel/config/cluster/*/node/*/; cat /proc/mounts");
    let left = node.leftovers();
    // Of a semaphore set all but the times of its use.
    let left = left.lines().map(|line| match line.split_whitespace() {
        words if words.clone().count() == 10 => words.take(4).collect::<Vec<_>>().join(" "),
        _ => line.to_string(),
    });
    let all = left.chain([clusters.wait().stdout]);
    all.collect::<Vec<_>>().join("\n")
}

/// Works through a table and shows all that is wrong in it.
#[track_caller]
fn check(node: &Node, table: &str) {
    let mut wrong = String::new();
    let mut known = None;
    for row in table.split("\n\n").map(Row::parse) {
        if !row.given.is_empty() {
            node.ok(&row.given.join("\n"));
            known = None;
        }
        let before = known.unwrap_or_else(|| state(node));
        let output = node.run(row.command);
        let mut faults = row.faults(&output);
        let after = state(node);
        if after != before {
            faults.push(format!("leaves\n{after}\nwhere there was\n{before}"));
        }
        known = Some(after);
        if !row.then.is_empty() {
            let then = node.run(&row.then.join("\n"));
            if then.code != 0 {
                faults.push(format!("afterwards: {then}"));
            }
            known = None;
        }
        if !faults.is_empty() {
            let (name, faults) = (row.name, faults.join("\n"));
            wrong += &format!("{name}: `{}`: {output}\n{faults}\n\n", row.command);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn volumes_and_command_lines() {
    let lab = Lab::new("fail-volumes");
    lab.disk("clustered").format();
    lab.disk("blank").blank();
    lab.disk("local").local().format();
    lab.disk("heartbeat")
        .block_size(512)
        .mkfs_args(&["--global-heartbeat", "-H"])
        .format();
    let [node] = lab.boot();
    check(&node, include_str!("failures/volumes.txt"));
    check(&node, include_str!("failures/command_lines.txt"));
    lab.end();
}

#[test]
fn drivers_and_clusters() {
    let lab = Lab::new("fail-clusters");
    lab.disk("ours").format();
    lab.disk("classic").classic().format();
    lab.disk("other").cluster("o2cb", "other").format();
    lab.disk("pcmk").cluster("pcmk", "webc").format();
    lab.disk("global")
        .mkfs_args(&["--global-heartbeat"])
        .format();
    lab.disk("local").local().format();
    let [node] = lab.boot();
    check(&node, include_str!("failures/drivers.txt"));
    check(&node, include_str!("failures/online.txt"));
    check(&node, include_str!("failures/clusters.txt"));
    check(&node, include_str!("failures/hb_ctl.txt"));
    node.ok("o2cb unload && ! grep -q ocfs2 /proc/filesystems && ! o2cb cluster-status");
    lab.end();
}

#[test]
fn stacks_of_user_space() {
    let lab = Lab::new("fail-stacks");
    lab.disk("pcmk").cluster("pcmk", "webc").format();
    lab.disk("other").cluster("pcmk", "other").format();
    lab.disk("cman").cluster("cman", "webc").format();
    lab.disk("o2cb").format();
    // The second node never comes.
    let conf = user_stacks::corosync_conf(2);
    let boot = lab.nodes().file(user_stacks::CONF, &conf);
    let [node] = boot.file("/run-dlm", user_stacks::DLM).boot();
    check(&node, include_str!("failures/user_stacks.txt"));
    // Without quorum, but as the administrator wants it.
    let dlm = user_stacks::DLM.replace(" -D ", " -D --enable_quorum_lockspace=0 ");
    node.ok(&dlm);
    let knows_its_node =
        "dlm_tool status | grep -q 'quorate 0' && [ -e /sys/kernel/config/dlm/cluster/comms/1 ]";
    node.wait_for(knows_its_node);
    node.ok("mount.ocfs2 /dev/ubda /mnt && umount.ocfs2 /mnt");
    lab.end();
}

#[test]
fn mounted_volumes_and_second_nodes() {
    let lab = Lab::new("fail-mounted");
    lab.disk("one-slot").slots(1).format();
    let defaults = "O2CB_BOOTCLUSTER=webc\nO2CB_IDLE_TIMEOUT_MS=4000\n\
        O2CB_KEEPALIVE_DELAY_MS=1000\nO2CB_RECONNECT_DELAY_MS=500\n";
    let [n1, n2] = lab.nodes().file("/etc/default/o2cb", defaults).boot();
    n1.ok("o2cb online && mount.ocfs2 /dev/ubda /mnt");
    n2.ok("o2cb online");
    // The kernel looks for the other node for a minute before it gives up.
    thread::scope(|scope| {
        scope.spawn(|| check(&n2, include_str!("failures/second_node.txt")));
        check(&n1, include_str!("failures/mounted.txt"));
    });
    // A line that cannot be printed does not keep the unmount from leaving.
    let output = n1.fails(0, "umount.ocfs2 -v /mnt > /dev/full");
    let says = "umount.ocfs2: /mnt unmounted, but cannot write to standard output: [..]\n";
    assert!(fits(&output.stderr, says), "{output}");
    n1.wait_until_clean();
    // Sets of two, as C's are, are all that these limits allow, and enough.
    n1.ok("echo 2 32000 32 128 > /proc/sys/kernel/sem");
    let output = n1.fails(0, "mount.ocfs2 -v /dev/ubda /mnt > /dev/full");
    let says = "[..]mount.ocfs2: mounted, but cannot write to standard output: [..]\n";
    assert!(fits(&output.stderr, says), "{output}");
    n1.ok("umount.ocfs2 /mnt");
    n1.wait_until_clean();
    lab.end();
}

#[test]
fn patterns() {
    assert!(fits("a b c", "a [..] c") && fits("", "[..]") && fits("ab", "a[..]b"));
    assert!(!fits("a b c", "a b") && !fits("a b c", "a[..]b") && !fits("x a", "a[..]"));
}
