//! The rig itself, shown with the C tools.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::rig::{CLUSTER, Disk, Lab, Node, at_once};

/// Registers the cluster with the C tools.
fn c_online(node: &Node) {
    node.use_c_tools();
    node.ok("/ctools/o2cb.init online");
    node.ok(&format!("/ctools/o2cb cluster-status {CLUSTER}"));
}

fn mount(node: &Node, disk: &Disk) {
    node.ok(&format!("mount -t ocfs2 {} /mnt", disk.device()));
}

#[test]
fn two_nodes_share_a_volume() {
    let lab = Lab::new("two-nodes");
    let disk = lab.disk("volume").label("shared").format();
    let begin = Instant::now();
    let [n1, n2] = lab.boot();
    let booted = begin.elapsed();
    for node in [&n1, &n2] {
        node.assert_clean();
        c_online(node);
    }

    let begin = Instant::now();
    at_once(&[&n1, &n2], |node| mount(node, &disk));
    println!("boot {booted:?}, both mounted {:?}", begin.elapsed());

    n1.ok("echo from n1 > /mnt/one");
    assert_eq!(n2.ok("cat /mnt/one"), "from n1\n");
    for node in [&n1, &n2] {
        assert_eq!(node.regions(), [disk.uuid()]);
        assert_eq!(node.references(&disk.uuid()), 1);
        assert_eq!(node.semaphores().len(), 1);
        node.ok("umount /mnt");
        node.assert_clean();
    }
    lab.end();
}

#[test]
fn nothing_that_a_node_does_reaches_the_host() {
    let lab = Lab::new("private-root");
    let [node] = lab.boot();
    let name = "ocfs2box-rig-was-here";
    for directory in ["/etc", "/usr/sbin", "/tmp", "/", "/var/lib", "/run"] {
        node.ok(&format!("echo x > {directory}/{name}"));
        assert!(!std::path::Path::new(directory).join(name).exists());
    }
    node.ok("rm /etc/passwd");
    assert!(std::path::Path::new("/etc/passwd").exists());
    node.fails(1, &format!("echo x > /host/etc/{name}"));
    assert_eq!(
        node.ok("echo $HOSTNAME; cat /proc/sys/kernel/hostname"),
        "n1\nn1\n"
    );
    lab.end();
}

#[test]
fn commands_run_side_by_side_and_report_how_they_end() {
    let lab = Lab::new("commands");
    let [node] = lab.boot();
    let waiter = node.start("until [ -e /tmp/go ]; do sleep 0.1; done; echo gone");
    let output = node.fails(7, "echo out; echo err >&2; exit 7");
    assert_eq!((&*output.stdout, &*output.stderr), ("out\n", "err\n"));
    assert_eq!(node.run("kill -9 $BASHPID").code, 137);
    assert_eq!(node.run("read -r line").code, 1, "standard input is empty");
    // What is left behind holds the output open, and does not hold us up.
    assert_eq!(node.ok("sleep 1000 & echo left"), "left\n");
    assert!(!waiter.ends_within(0.0));
    node.ok("touch /tmp/go");
    assert_eq!(waiter.wait().stdout, "gone\n");
    lab.end();
}

#[test]
fn a_power_cut_leaves_the_disk_and_the_node_can_return() {
    let lab = Lab::new("power-cut");
    let disk = lab.disk("volume").classic().format();
    let [n1] = lab.boot();
    c_online(&n1);
    mount(&n1, &disk);
    n1.ok("echo kept > /mnt/file; sync");
    n1.kill();
    assert!(!n1.is_on());
    n1.power_on();
    n1.assert_clean();
    c_online(&n1);
    mount(&n1, &disk);
    assert_eq!(n1.ok("cat /mnt/file"), "kept\n");
    lab.end();
}

#[test]
fn an_expected_panic_passes_and_any_other_fails() {
    for expected in [true, false] {
        let lab = Lab::new("panic");
        let [node] = lab.boot();
        let _ = node.start("echo c > /proc/sysrq-trigger");
        node.wait_until_off();
        if expected {
            lab.expect_panic();
        }
        let result = catch_unwind(AssertUnwindSafe(|| lab.end()));
        assert_eq!(result.is_ok(), expected);
    }
}

#[test]
fn time_is_bounded_and_a_failed_lab_leaves_nothing() {
    let lab = Lab::with_limit("time-limit", Duration::from_secs(40));
    let directory = lab.directory().to_path_buf();
    // On a busy machine the time may be over before the node is up.
    let result = catch_unwind(AssertUnwindSafe(|| {
        let [node] = lab.boot();
        node.ok("sleep 1000");
        lab.end();
    }));
    // Or the command would have ended well.
    assert!(result.is_err());
    assert!(!directory.exists());
    // A kernel that was killed has memory to give back before it is gone.
    let end = Instant::now() + Duration::from_secs(240);
    let left = || processes_that_mention(&directory.to_string_lossy());
    while !left().is_empty() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(left(), [""; 0]);
}

/// Command lines of the host's processes.
fn processes_that_mention(text: &str) -> Vec<String> {
    std::fs::read_dir("/proc")
        .expect("/proc")
        .filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).into_owned())
        .filter(|line| line.contains(text))
        .collect()
}
