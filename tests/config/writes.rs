//! Whatever befalls a write, the file is the old one or the new one, and nothing grows.

mod places;

use crate::commands::{BOX, directory, ours};
use ocfs2box::config::cluster_conf::Config;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

/// More than one block of a file system.
const NODES: usize = 120;

/// A cluster.conf with many nodes, alone in a directory.
pub fn large(name: &str) -> PathBuf {
    let file = directory(name).join("cluster.conf");
    let mut text = format!("# ours\ncluster:\n\tname = webc\n\tnode_count = {NODES}\n\n");
    for at in 0..NODES {
        text += &format!(
            "node:\n\tcluster = webc\n\tnumber = {at}\n\tip_port = 7777\n\tip_address = \
             192.0.2.{at}\n\tname = n{at}\n\n"
        );
    }
    fs::write(&file, text).unwrap();
    file
}

fn add(file: &Path) -> Command {
    ours(file, &["add-node", "--ip", "198.51.100.1", "webc", "new"])
}

fn remove(file: &Path) -> Output {
    ours(file, &["remove-node", "webc", "new"])
        .output()
        .unwrap()
}

/// How many nodes the file has.
fn nodes(file: &Path) -> usize {
    let config = Config::parse(&fs::read(file).unwrap()).unwrap();
    assert_eq!(config.warnings, []);
    config.clusters[0].nodes.len()
}

fn names(file: &Path) -> Vec<String> {
    let entries = fs::read_dir(file.parent().unwrap()).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Whatever a write of the file consists of.
const CALLS: [&str; 16] = [
    "openat",
    "flock",
    "statx",
    "ftruncate",
    "write",
    "fchown",
    "fchmod",
    "fsync",
    "rename",
    "unlink",
    "readlink",
    "close",
    "fcntl",
    "exit_group",
    "read",
    "geteuid",
];

/// Ours under strace(1), which does something at the `n`th `call`.
fn injected(command: &Command, call: &str, what: &str, n: usize) -> Command {
    let mut strace = Command::new("strace");
    strace
        .args(["-o", "/dev/null", "-e"])
        .arg(format!("trace={call}"))
        .arg("-e")
        .arg(format!("inject={call}:{what}:when={n}"))
        .arg(BOX)
        .args(command.get_args());
    strace
}

#[test]
fn a_disk_that_is_full_leaves_the_old_file() {
    let file = large("full");
    let old = fs::read(&file).unwrap();
    // None of it, or part of it, can be written; in blocks of 512 bytes.
    for limit in [0, 1, 8] {
        let script = format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" \"$@\"");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script, BOX]).args(add(&file).get_args());
        let output = shell.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(
            said(&output).contains("writing it: File too large"),
            "{output:?}"
        );
        assert_eq!(fs::read(&file).unwrap(), old);
        assert_eq!(names(&file), ["cluster.conf"]);
    }
    for call in ["write", "fsync", "ftruncate", "fchmod", "rename"] {
        for error in ["ENOSPC", "EIO", "EDQUOT"] {
            let what = format!("error={error}");
            let output = injected(&add(&file), call, &what, 1).output();
            let output = output.expect("strace: tests/run.sh installs it");
            assert_eq!(output.status.code(), Some(1), "{call} {error}");
            let said = said(&output);
            assert!(
                said.contains("writing it: ") || said.contains("replacing it: "),
                "{said}"
            );
            assert_eq!(fs::read(&file).unwrap(), old, "{call} {error}");
            assert_eq!(names(&file), ["cluster.conf"]);
        }
    }
}

/// Killed before each system call: before a change of what others see, there is always one.
#[test]
fn killed_at_any_call_it_is_the_old_file_or_the_new_one() {
    let file = large("killed");
    let (mut before, mut after, mut left) = (0, 0, 0);
    for call in CALLS {
        for n in 1.. {
            let status = injected(&add(&file), call, "signal=KILL", n).status();
            let status = status.expect("strace: tests/run.sh installs it");
            if status.success() {
                assert!(remove(&file).status.success());
                assert_eq!(names(&file), ["cluster.conf"]);
                break;
            }
            match nodes(&file) {
                NODES => before += 1,
                _ => after += 1,
            }
            // At most one file is left, and is not in the way.
            assert!(names(&file).len() <= 2, "{:?}", names(&file));
            left += names(&file).len() - 1;
            if nodes(&file) == NODES {
                assert!(add(&file).status().unwrap().success());
            }
            assert_eq!(nodes(&file), NODES + 1);
            assert!(remove(&file).status.success());
            assert_eq!(nodes(&file), NODES);
            assert_eq!(names(&file), ["cluster.conf"]);
        }
    }
    assert!(
        before > 5 && after > 2 && left > 3,
        "{before} {after} {left}"
    );
}

/// The same at any moment, again and again.
#[test]
fn killed_in_a_loop_nothing_grows() {
    let file = large("loop");
    let mut killed = 0;
    let mut changed = 0;
    for round in 0..300_u64 {
        let mut child = add(&file)
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_micros(round * 37 % 4000));
        let _ = child.kill();
        killed += u32::from(child.wait().unwrap().code().is_none());
        assert!(names(&file).len() <= 2, "{:?}", names(&file));
        if nodes(&file) > NODES {
            changed += 1;
            assert!(remove(&file).status.success());
        }
    }
    println!("{killed} killed, {changed} changed the file");
    assert!(add(&file).status().unwrap().success());
    assert_eq!(nodes(&file), NODES + 1);
    assert_eq!(names(&file), ["cluster.conf"]);
}

#[test]
fn writers_wait_for_each_other() {
    let file = directory("writers").join("cluster.conf");
    let run = |words: &[&str]| {
        let output = ours(&file, words).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
    };
    run(&["add-cluster", "webc"]);
    let all = |make: &(dyn Fn(usize) + Sync)| {
        thread::scope(|scope| {
            for at in 0..40 {
                scope.spawn(move || make(at));
            }
        });
    };
    all(&|at| {
        let (ip, name) = (format!("192.0.2.{at}"), format!("n{at}"));
        run(&["add-node", "--ip", &ip, "webc", &name]);
    });
    // No number was given twice, and none left out.
    let config = Config::parse(&fs::read(&file).unwrap()).unwrap();
    let mut numbers: Vec<u8> = config.clusters[0]
        .nodes
        .iter()
        .map(|node| node.number)
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..40).collect::<Vec<u8>>());
    assert_eq!(config.warnings, []);
    all(&|at| run(&["remove-node", "webc", &format!("n{at}")]));
    assert_eq!(nodes(&file), 0);
    assert_eq!(names(&file), ["cluster.conf"]);
}

#[test]
fn wait_for_a_stopped_writer_is_bounded() {
    let file = large("lock");
    let lock = file.with_file_name(".cluster.conf.new");
    let held = File::create(&lock).unwrap();
    flock(&held, FlockOperation::LockExclusive).unwrap();
    let since = Instant::now();
    let output = add(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("another program is changing it"),
        "{output:?}"
    );
    assert!(since.elapsed().as_secs() >= 5);
    assert!(lock.exists());
    // Readers do not wait.
    assert!(ours(&file, &["list-clusters"]).status().unwrap().success());
    // Once it is gone, what it left is used up.
    drop(held);
    fs::write(&lock, "x".repeat(100_000)).unwrap();
    assert!(add(&file).status().unwrap().success());
    assert_eq!(nodes(&file), NODES + 1);
    assert_eq!(names(&file), ["cluster.conf"]);
}
