//! The kernel's messages about one call, read back from its log (/dev/kmsg).

use super::System;
use super::mounts::DeviceNumber;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;

/// The most bytes of a record (kernel/printk, CONSOLE_EXT_LOG_MAX); a shorter buffer makes read(2)
/// fail.
const RECORD_MAX: usize = 8192;
/// More than any one mount logs, as a bound for a kernel that logs without end.
const RECORDS_MAX: usize = 2000;
/// The drivers whose messages concern a mount.
const SPEAKERS: [&str; 8] = [
    "ocfs2", "o2cb", "o2hb", "o2net", "o2dlm", "OCFS2", "JBD2", "dlm",
];

/// The place in the kernel's log where a call began.
pub struct Bookmark(Option<File>);

impl Bookmark {
    /// Returns the place now. Where the log cannot be read, `said_since` returns nothing.
    pub fn now(system: &System) -> Self {
        Self(open(system).and_then(|mut log| {
            log.seek(SeekFrom::End(0)).ok()?;
            Some(log)
        }))
    }

    /// Returns what the cluster filesystem's drivers logged since: the lines of this process and
    /// those that name no process, but not those of another process or another device.
    pub fn said_since(self, device: Option<DeviceNumber>) -> Vec<String> {
        let device = device.unwrap_or(DeviceNumber::NONE);
        // As the driver prints it.
        let device = format!("{},{}", device.major, device.minor);
        let mut lines = Vec::new();
        for record in self.0.into_iter().flat_map(|log| records(log, RECORDS_MAX)) {
            let line = relevant(&record, std::process::id(), &device);
            // The name of the function that passed an error on is for developers, and the drivers
            // repeat themselves.
            lines.extend(
                line.filter(|line| !line.starts_with("status = ") && !lines.contains(line)),
            );
        }
        lines
    }
}

/// Returns the last line of the whole log that begins with `speaker` and contains `words`, if the
/// log can be read.
pub fn last_of(system: &System, speaker: &str, words: &str) -> Option<String> {
    /// More records than a log of the usual size has.
    const RECORDS: usize = 100_000;
    let lines = records(open(system)?, RECORDS).filter_map(|record| {
        let line = record.split_once(';')?.1.lines().next()?;
        (line.starts_with(speaker) && line.contains(words)).then(|| line.to_owned())
    });
    lines.last()
}

fn open(system: &System) -> Option<File> {
    let mut options = File::options();
    options.read(true).custom_flags(libc::O_NONBLOCK);
    options.open(system.path("/dev/kmsg")).ok()
}

/// Returns the records from the file's position on, `most` at most.
fn records(mut log: File, most: usize) -> impl Iterator<Item = String> {
    let mut record = vec![0; RECORD_MAX];
    (0..most).map_while(move |_| match log.read(&mut record) {
        Ok(length @ 1..) => Some(String::from_utf8_lossy(record.get(..length)?).into_owned()),
        // EPIPE: records were overwritten before they were read; the next read goes on.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Some(String::new()),
        _ => None,
    })
}

/// Returns the text of a record that concerns the mount.
///
/// A record is `PRIORITY,NUMBER,TIME,FLAGS[,caller=T123];TEXT\n KEY=VALUE...`
/// (Documentation/ABI/testing/dev-kmsg). ocfs2's own lines begin with
/// `(COMMAND,PID,CPU):FUNCTION:LINE ERROR: ` or name the device or node that they concern.
fn relevant(record: &str, pid: u32, device: &str) -> Option<String> {
    let (head, text) = record.split_once(';')?;
    let text = text.lines().next()?;
    let mut fields = head.split(',');
    let caller = fields.find_map(|field| field.strip_prefix("caller=T")?.parse().ok());
    let (speaker, said) = match tagged(text) {
        Some((speaker, said)) => (Some(speaker), said),
        None => (caller, text),
    };
    if [caller, speaker].contains(&Some(pid)) {
        return Some(plain(said).to_owned());
    }
    let spoken = SPEAKERS.iter().any(|name| text.starts_with(name));
    let of_another = speaker.is_some() || names_another_device(text, device);
    (spoken && !of_another).then(|| text.to_owned())
}

/// Removes what only a developer of the driver reads.
fn plain(said: &str) -> &str {
    let parts = said.split_once(" ERROR: ");
    parts
        .or_else(|| said.split_once(" NOTICE: "))
        .map_or(said, |(_, said)| said)
}

/// Splits `(mount.ocfs2,123,0):...` into the process and what follows.
fn tagged(text: &str) -> Option<(u32, &str)> {
    let (tag, said) = text.strip_prefix('(')?.split_once("):")?;
    let mut fields = tag.rsplit(',');
    let _processor = fields.next()?;
    Some((fields.next()?.parse().ok()?, said))
}

/// Returns whether the line names another device: `ocfs2: Mounting device (8,17) on (node 1, ...)`,
/// `ocfs2: Unmounting device (8,17)`.
fn names_another_device(text: &str, device: &str) -> bool {
    text.split_once("device (")
        .and_then(|(_, rest)| rest.split_once(')'))
        .is_some_and(|(named, _)| named != device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_of_this_mount_are_told() {
        let told = |record: &str| relevant(record, 42, "98,0");
        assert_eq!(
            told("3,1,9,-;(mount.ocfs2,42,0):ocfs2_parse_options:1455 ERROR: Unrecognized mount option \"x\" or missing value\n SUBSYSTEM=x\n").as_deref(),
            Some("Unrecognized mount option \"x\" or missing value")
        );
        assert_eq!(
            told("3,1,9,-;(mount.ocfs2,43,0):f:1 ERROR: status = -22\n"),
            None
        );
        assert_eq!(
            told("5,1,9,-;o2net: Connection to node n2 shutdown, state 7\n").as_deref(),
            Some("o2net: Connection to node n2 shutdown, state 7")
        );
        assert_eq!(
            told("5,1,9,-;ocfs2: Unmounting device (98,16) on (node 1)\n"),
            None
        );
        assert_eq!(told("3,1,9,-,caller=T43;ocfs2: odd\n"), None);
        assert_eq!(told("3,1,9,-;usb 1-1: new device\n"), None);
        assert_eq!(told("nonsense"), None);
    }
}
