//! The half that runs on the host: boots the nodes, waits, and judges what they leave.

use crate::rig::{CLUSTER, Disk, Job, Lab, Node};
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// For the boot, the longest wait of any tool, and the end.
const BESIDES: u64 = 900;

/// A node whose log does not grow for so long has stopped as a whole: its monitor logs every 10 s.
const SILENCE: Duration = Duration::from_secs(180);

/// How many of the last lines are shown after a failure.
const LINES: usize = 120;

/// `with_counts` shows how often each thing happened.
pub fn soak(seconds: u64, seed: u64, with_counts: bool) {
    println!("soak of {seconds} s, seed {seed} (again: tests/soak.sh {seconds} {seed})");
    let lab = Lab::with_limit("soak", Duration::from_secs(seconds + BESIDES));
    let disks = ["a", "b"].map(|name| lab.disk(name).format());
    let nodes: [Node; 2] = lab.boot();
    for node in &nodes {
        node.ok(&format!("o2cb online {CLUSTER}"));
    }
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let jobs = nodes.each_ref().map(|node| {
        let peer = nodes
            .iter()
            .find(|other| other.name() != node.name())
            .unwrap_or(node);
        let names = format!("{} {}", node.name(), peer.name());
        start(
            node,
            &format!("{names} {seed} {seconds} {}", since.as_millis()),
            &disks,
        )
    });
    let failed = wait(
        &nodes,
        &jobs,
        Instant::now() + Duration::from_secs(seconds + BESIDES / 2),
    );
    if let Some(failed) = failed {
        tell(&nodes, seed);
        panic!("{failed}; seed {seed}");
    }
    if with_counts {
        for node in &nodes {
            let log = fs::read_to_string(log(node)).unwrap_or_default();
            log.lines()
                .filter(|line| line.contains(" end "))
                .for_each(|line| println!("{line}"));
        }
    }
    check_files(&nodes, &disks);
    for node in &nodes {
        node.ok("! grep ' ocfs2 ' /proc/mounts");
        node.ok(&format!("o2cb offline {CLUSTER}"));
        node.wait_until_clean();
        node.ok("o2cb unload");
        let console = node.console();
        assert!(
            !console.contains("fencing"),
            "{} was fenced:\n{console}",
            node.name()
        );
    }
    let images = disks.each_ref().map(|disk| disk.image().to_owned());
    images.iter().for_each(|image| check_volume(image));
    lab.end();
}

fn start(node: &Node, args: &str, disks: &[Disk]) -> Job {
    // The host's own files are there.
    let exe = std::env::current_exe().expect("the path of this program");
    let volumes: Vec<_> = disks
        .iter()
        .map(|disk| format!("{} {}", disk.device(), disk.uuid()))
        .collect();
    let command = format!(
        "exec /host{} guest {args} {}",
        exe.display(),
        volumes.join(" ")
    );
    node.start(&format!("{command} > /rig/soak.log 2>&1"))
}

/// Until both have ended; what was wrong, as soon as anything is.
fn wait(nodes: &[Node], jobs: &[Job], deadline: Instant) -> Option<String> {
    let mut running: Vec<_> = nodes.iter().zip(jobs).collect();
    let mut grew = nodes
        .iter()
        .map(|_| (0, Instant::now()))
        .collect::<Vec<_>>();
    while !running.is_empty() {
        running.retain(|(_, job)| !job.ends_within(0.5));
        for (node, (length, since)) in nodes.iter().zip(&mut grew) {
            let now = fs::metadata(log(node)).map_or(0, |log| log.len());
            let is_running = running.iter().any(|(other, _)| other.name() == node.name());
            if now != *length || !is_running {
                (*length, *since) = (now, Instant::now());
            } else if since.elapsed() > SILENCE {
                let (processes, trace) = (processes(node), trace(node));
                return Some(format!("{} is frozen:\n{processes}{trace}", node.name()));
            }
        }
        for node in nodes {
            let log = fs::read_to_string(log(node)).unwrap_or_default();
            if log.contains("FAILED: ") || log.contains("panicked at") {
                return Some(format!("{} has failed", node.name()));
            }
            if !node.is_on() {
                return Some(format!("{} is off", node.name()));
            }
        }
        if Instant::now() > deadline {
            return Some("the workers do not end".to_owned());
        }
    }
    None
}

/// What the node's kernel was doing, should it still take interrupts. User-mode Linux 6.1 panics as
/// it lists its tasks, and the trace of that has what was interrupted.
fn trace(node: &Node) -> String {
    const MAGIC: u32 = 0xcafe_babe;
    const VERSION: u32 = 2;
    let before = node.console().len();
    let command = "sysrq t";
    let mut request = Vec::new();
    for word in [MAGIC, VERSION, command.len() as u32] {
        request.extend(word.to_ne_bytes());
    }
    request.extend(command.as_bytes());
    // A request of a fixed size (arch/um/drivers/mconsole.h).
    request.resize(12 + 512, 0);
    let monitor = node.monitor_directory().join("mconsole");
    let sent = UnixDatagram::unbound().and_then(|socket| socket.send_to(&request, monitor));
    if let Err(error) = sent {
        return format!("no trace: {error}\n");
    }
    std::thread::sleep(Duration::from_secs(10));
    node.console().get(before..).unwrap_or_default().into()
}

/// The host's processes of a node, and the processor time that they use in 2 s: does it spin?
fn processes(node: &Node) -> String {
    let directory = node.exchange_directory();
    let init = format!("init={}", directory.with_file_name("init").display());
    let script = format!(
        "for i in 1 2; do ps -eo pid,ppid,stat,cputimes,wchan:24,args | grep -F '{init}' | \
         grep -v grep | cut -c1-100; sleep 2; done"
    );
    let shown = Command::new("/bin/sh").args(["-c", &script]).output();
    shown.map_or_else(
        |error| error.to_string(),
        |output| String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

fn log(node: &Node) -> std::path::PathBuf {
    node.exchange_directory().join("soak.log")
}

/// Shows the last of what both nodes did, and keeps the rest.
fn tell(nodes: &[Node], seed: u64) {
    let mut lines = Vec::new();
    for node in nodes {
        let kept =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("soak-{seed}-{}.log", node.name()));
        let text = fs::read_to_string(log(node)).unwrap_or_default();
        let _ = fs::write(&kept, format!("{text}\n--- console\n{}", node.console()));
        eprintln!("the whole log of {}: {}", node.name(), kept.display());
        lines.extend(text.lines().map(str::to_owned));
    }
    // They begin with the time, in as many characters.
    lines.sort();
    let shown = lines.len().saturating_sub(LINES);
    lines[shown..].iter().for_each(|line| eprintln!("{line}"));
}

/// Each node sees what the other has written last.
fn check_files(nodes: &[Node; 2], disks: &[Disk]) {
    for node in nodes {
        node.ok(&format!("o2cb online {CLUSTER}"));
    }
    for disk in disks {
        for (writer, reader) in [(&nodes[0], &nodes[1]), (&nodes[1], &nodes[0])] {
            let log = fs::read_to_string(log(writer)).unwrap_or_default();
            let written = log.lines().find_map(|line| {
                let (_, rest) = line.split_once(" end wrote ")?;
                rest.strip_suffix(&format!(" on {}", disk.device()))
            });
            let written = written.unwrap_or_else(|| panic!("what {} wrote", writer.name()));
            reader.ok(&format!("mount -t ocfs2 {} /mnt", disk.device()));
            let name = writer.name();
            if written != "0" {
                let read = reader.ok(&format!("head -n 1 /mnt/from-{name}"));
                assert_eq!(read, format!("{name} {written}\n"), "{}", disk.device());
            }
            reader.ok("umount /mnt");
        }
    }
}

fn check_volume(image: &Path) {
    let output = Command::new("/usr/sbin/fsck.ocfs2")
        .arg("-fn")
        .arg(image)
        .output();
    let output = output.expect("fsck.ocfs2 of ocfs2-tools");
    assert!(
        output.status.success(),
        "fsck.ocfs2 of {}: {}\n{}{}",
        image.display(),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
