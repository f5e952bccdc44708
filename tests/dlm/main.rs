//! The library's locks between nodes: a program that works on a volume without mounting it.
//!
//! This program is its own other half: with `guest DEVICE` it runs on a node, where it joins
//! the volume's lock domain and does what it reads, one line after the other. Otherwise it
//! boots the nodes and directs it.

#[path = "../rig/mod.rs"]
mod rig;

mod guest;

use rig::{CLUSTER, Disk, Lab, Node};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.as_slice() {
        [word, device] if word == "guest" => guest::serve(device.as_ref()),
        _ if rig::is_chosen("locks_between_two_nodes", &args) => locks_between_two_nodes(),
        _ => {}
    }
}

fn locks_between_two_nodes() {
    let lab = Lab::new("dlm");
    let disk = lab.disk("volume").format();
    let [n1, n2] = lab.boot();
    for node in [&n1, &n2] {
        node.ok(&format!("o2cb online {CLUSTER}"));
    }
    let programs = [&n1, &n2].map(|node| Program::start(node, &disk));
    let [one, two] = &programs;
    for program in &programs {
        program.gives("", "joined");
        assert_eq!(program.node.references(&disk.uuid()), 1);
    }
    // Shared by both, and by one alone as soon as the other has let it go.
    one.gives("try pr a", "taken");
    two.gives("try pr a", "taken");
    two.gives("try ex b", "taken");
    one.gives("try ex b", "held elsewhere");
    one.gives("try pr b", "held elsewhere");
    // A trial does not make the other node give up what it merely keeps.
    two.gives("unlock b", "done");
    one.gives("try pr b", "held elsewhere");
    one.gives("lock pr b", "taken");
    two.gives("lock ex c", "taken");
    two.gives("unlink c", "done");
    one.gives("try ex c", "taken");

    // A value goes with the lock.
    one.gives("set c hello", "done");
    one.gives("value c", "hello");
    two.sends("lock pr c");
    assert!(!two.answers_within(3));
    one.gives("unlock c", "done");
    two.answers("taken");
    two.gives("value c", "hello");
    let refused = "error: setting a lock's value";
    assert!(two.asks("set c other").starts_with(refused));
    two.gives("unlock c", "done");
    two.gives("lock ex c", "taken");
    let longest = "x".repeat(64);
    two.gives(&format!("set c {longest}"), "done");
    assert!(two.asks(&format!("set c {longest}x")).starts_with(refused));
    two.gives("unlock c", "done");
    one.gives("lock pr c", "taken");
    one.gives("value c", &longest);

    // The end of a process is the end of its locks, and what it leaves is no hindrance.
    two.gives("lock ex d", "taken");
    one.sends("lock ex d");
    assert!(!one.answers_within(3));
    two.kill();
    one.answers("taken");
    n2.ok(&format!("o2cb exec -d {} -- true", disk.device()));
    n2.wait_for("[ -z \"$(ls -A /dlm)\" ]");
    n2.wait_until_clean();

    // Two programs of one node share the domain, and the last one leaves it.
    let beside = Program::start(&n2, &disk);
    beside.gives("", "joined");
    beside.gives("try ex e", "taken");
    one.gives("try ex e", "held elsewhere");
    n2.ok(&format!("o2cb exec -d {} -- true", disk.device()));
    one.gives("try ex e", "held elsewhere");
    beside.gives("down", "locked down");
    one.gives("down", "Locked");
    beside.gives("up", "done");
    beside.gives("end", "Stopped");
    one.gives("lock pr e", "taken");
    n2.ok(&format!("mount -t ocfs2 {} /mnt", disk.device()));
    one.gives("down", "Mounted([2])");
    n2.ok("umount /mnt");
    one.gives("down", "locked down");
    one.gives("end", "Stopped");
    for node in [&n1, &n2] {
        node.wait_for("[ -z \"$(ls -A /dlm)\" ] && [ -z \"$(pgrep dlm-)\" ]");
        node.wait_until_clean();
        node.ok("o2cb offline && o2cb unload");
    }
    lab.end();
    println!("the locks of two nodes are as they should be");
}

/// This program on a node.
struct Program<'n> {
    node: &'n Node,
    pid: String,
}

impl<'n> Program<'n> {
    fn start(node: &'n Node, disk: &Disk) -> Self {
        // The host's own files are there.
        let exe = std::env::current_exe().expect("the path of this program");
        let pid = node.ok(&format!(
            "rm -f /tmp/do /tmp/said; mkfifo /tmp/do; exec 5<> /tmp/do
             /host{} guest {} <&5 >> /tmp/said 2>&1 & echo $!",
            exe.display(),
            disk.device()
        ));
        let pid = pid.trim().to_owned();
        Self { node, pid }
    }

    /// Hands a line over.
    fn sends(&self, line: &str) {
        self.node
            .ok(&format!(": > /tmp/said; echo '{line}' > /tmp/do"));
    }

    fn answers_within(&self, seconds: u32) -> bool {
        let answered = format!(
            "for ((n = 0; n < {seconds}0; n++)); do [ ! -s /tmp/said ] || exit 0; sleep 0.1; done
             exit 1"
        );
        self.node.run(&answered).code == 0
    }

    #[track_caller]
    fn answer(&self) -> String {
        self.node.wait_for("[ -s /tmp/said ]");
        self.node.ok("cat /tmp/said").trim_end().to_owned()
    }

    #[track_caller]
    fn answers(&self, wanted: &str) {
        assert_eq!(self.answer(), wanted, "{}", self.node.name());
    }

    #[track_caller]
    fn asks(&self, line: &str) -> String {
        if !line.is_empty() {
            self.sends(line);
        }
        self.answer()
    }

    #[track_caller]
    fn gives(&self, line: &str, wanted: &str) {
        assert_eq!(self.asks(line), wanted, "{}: {line}", self.node.name());
    }

    fn kill(&self) {
        self.node.ok(&format!("kill -KILL {}", self.pid));
    }
}
