//! /proc/self/mountinfo of the machine in the directory.

use super::kernel::FakeKernel;
use super::objects::read;
use rustix::mount::MountFlags;
use std::fs;
use std::path::Path;

/// A line of the mount table.
#[derive(Clone)]
pub struct Line {
    pub number: String,
    pub point: String,
    /// The options of this place alone.
    pub flags: String,
    pub kind: String,
    pub source: String,
    pub options: String,
}

impl FakeKernel {
    pub fn mounts(&self) -> Vec<Line> {
        let parse = |line: &str| {
            let fields: Vec<String> = line
                .split(' ')
                .map(|field| field.replace("\\040", " "))
                .collect();
            let [_, _, number, _, point, flags, _, kind, source, options] =
                <[String; 10]>::try_from(fields).ok()?;
            Some(Line {
                number,
                point,
                flags,
                kind,
                source,
                options,
            })
        };
        let table = read(&self.root.join("proc/self/mountinfo"));
        table.lines().filter_map(parse).collect()
    }

    pub fn set_mounts(&self, lines: &[Line]) {
        let mut table = String::new();
        for (at, line) in lines.iter().enumerate() {
            let is_above = |above: &Line| Path::new(&line.point).starts_with(&above.point);
            let above = lines[..at].iter().rposition(is_above);
            let parent = above.map_or(0, |above| above + 1);
            let (number, flags) = (&line.number, &line.flags);
            let (kind, options) = (&line.kind, &line.options);
            let [point, source] =
                [&line.point, &line.source].map(|path| path.replace(' ', "\\040"));
            table += &format!(
                "{} {parent} {number} / {point} {flags} - {kind} {source} {options}\n",
                at + 1
            );
        }
        // Which a test may have made something else.
        let _ = fs::write(self.root.join("proc/self/mountinfo"), table);
    }
}

/// As the kernel shows what a place was mounted with.
pub fn shown_flags(flags: MountFlags) -> String {
    let mut words = String::from("rw");
    for (flag, word) in [
        (MountFlags::NOSUID, ",nosuid"),
        (MountFlags::NODEV, ",nodev"),
        (MountFlags::NOEXEC, ",noexec"),
        (MountFlags::NOATIME, ",noatime"),
    ] {
        words += if flags.contains(flag) { word } else { "" };
    }
    words
}

/// What an ocfs2 mount says of its cluster.
pub fn heartbeat_words(options: &str) -> Vec<&str> {
    let words = options.split(',');
    words
        .filter(|word| word.starts_with("heartbeat=") || word.starts_with("cluster_stack="))
        .collect()
}
