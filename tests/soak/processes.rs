//! The tools that run on the node.

use std::fs;
use std::path::PathBuf;

/// The tools and the kernel's threads of the volumes, with what they wait for in the kernel.
pub fn tools() -> Vec<String> {
    let mut found = Vec::new();
    for (process, stat) in all() {
        let name = stat.split(['(', ')']).nth(1).unwrap_or_default();
        let parts = ["mount", "ocfs2", "o2cb", "o2hb", "dlm"];
        if parts.iter().any(|part| name.contains(part)) {
            let [line, wait] = ["cmdline", "wchan"].map(|file| {
                let text = fs::read(process.join(file)).unwrap_or_default();
                String::from_utf8_lossy(&text).replace('\0', " ")
            });
            found.push(format!("{stat:.60} {line}({wait})"));
        }
    }
    found
}

/// The living processes of this name whose parent is init: their tool has ended, or was killed.
pub fn orphans(name: &str) -> Vec<i32> {
    let orphan = |stat: String| {
        let (head, rest) = stat.split_once(") ")?;
        let (pid, comm) = head.split_once(" (")?;
        let mut rest = rest.split(' ');
        let lives = !matches!(rest.next()?, "Z" | "X");
        (lives && comm == name && rest.next()? == "1").then(|| pid.parse().ok())?
    };
    all().filter_map(|(_, stat)| orphan(stat)).collect()
}

/// Whether an unmount goes on whose tool was killed. A process that waits for a superblock's end has
/// the same name, and lets SIGTERM end it.
pub fn is_unmounting() -> bool {
    const TERM: u64 = 1 << (15 - 1);
    let holds_back = |process: i32| {
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let mask = status
            .lines()
            .find_map(|line| line.strip_prefix("SigBlk:"))?;
        Some(u64::from_str_radix(mask.trim(), 16).ok()? & TERM != 0)
    };
    let mut orphans = orphans("umount.ocfs2").into_iter();
    orphans.any(|process| holds_back(process) == Some(true))
}

fn all() -> impl Iterator<Item = (PathBuf, String)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let process = entry.path();
        let stat = fs::read_to_string(process.join("stat")).ok()?;
        Some((process, stat))
    })
}
