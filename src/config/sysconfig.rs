//! `/etc/sysconfig/o2cb` or `/etc/default/o2cb`: how this machine runs its cluster.
//!
//! The C tools' script sources the file. Here it is only parsed, as plain `KEY=value` lines: a tool
//! that root runs at boot executes nothing from it. Any other line with a known key is an error,
//! and other shell is noted, so the two never differ silently.

pub mod edit;
mod lines;
#[cfg(test)]
mod tests;

use super::cluster_conf::{Flaw, decimal, node_name, shown, vet};
use crate::cluster::timeouts::Timeouts;
use crate::ids::{BadName, ClusterName, StackName};
use lines::Assignment;
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// The file's keys. `None` means not set, or set to nothing, which a script cannot distinguish.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sysconfig {
    /// `O2CB_ENABLED`: bring the cluster up at boot.
    pub enabled: bool,
    /// `O2CB_STACK`; the C tools' default is `o2cb`.
    pub stack: Option<StackName>,
    /// `O2CB_BOOTCLUSTER`: the cluster to bring up when none is named.
    pub boot_cluster: Option<ClusterName>,
    /// `O2CB_HEARTBEAT_THRESHOLD`, `O2CB_IDLE_TIMEOUT_MS`, `O2CB_KEEPALIVE_DELAY_MS`,
    /// `O2CB_RECONNECT_DELAY_MS` and `O2CB_FENCE_METHOD`. The kernel silently ignores a threshold
    /// below 3, and refuses a keepalive delay that is not less than the idle timeout.
    pub timeouts: Timeouts,
    /// `O2CB_HB_CTL_PATH`: the program that the kernel runs to stop a heartbeat; absolute.
    pub hb_ctl_path: Option<PathBuf>,
    /// `O2CB_NODE_NAME`: this machine's node, where the hostname does not match it.
    pub node_name: Option<String>,
    /// The warnings, by line.
    pub warnings: Vec<Flaw>,
}

const IDLE: &str = "O2CB_IDLE_TIMEOUT_MS";
const KEEPALIVE: &str = "O2CB_KEEPALIVE_DELAY_MS";

/// The kernel's default (o2nm), which applies where the file has none.
const IDLE_DEFAULT: u32 = 30_000;
const KEEPALIVE_DEFAULT: u32 = 2_000;

impl Sysconfig {
    /// Reads a whole file, or reports what is wrong where. The caller handles a missing file; an
    /// empty one sets nothing.
    pub fn parse(text: &[u8]) -> Result<Self, Flaw> {
        vet(text)?;
        let mut sysconfig = Self::default();
        let found = lines::assignments(text, &mut sysconfig.warnings)?;
        // The shell keeps the last assignment, and only that one counts.
        for (at, assignment) in found.iter().enumerate() {
            let &Assignment { line, key, .. } = assignment;
            if found.iter().skip(at + 1).any(|later| later.key == key) {
                let reason = format!("{key} is set again below; the last one counts");
                sysconfig.warnings.push(Flaw::new(line, reason));
            } else {
                sysconfig.assign(assignment)?;
            }
        }
        let last = |key: &str| found.iter().rfind(|found| found.key == key);
        let line_of = |key: &str| last(key).map_or(1, |found| found.line);
        sysconfig.check_timeouts(line_of(IDLE).max(line_of(KEEPALIVE)))?;
        sysconfig.warnings.sort_unstable_by_key(|flaw| flaw.line);
        Ok(sysconfig)
    }

    fn assign(&mut self, assignment: &Assignment) -> Result<(), Flaw> {
        let &Assignment {
            line, key, value, ..
        } = assignment;
        let flaw = |why: String| Flaw::new(line, format!("{key} {why}"));
        if value.contains(char::is_control) {
            let value = shown(value.as_bytes());
            return Err(flaw(format!("holds unprintable bytes: {value}")));
        }
        if !self.set(key, value).map_err(flaw)? {
            self.warnings
                .push(flaw("is not a key of this file: ignored".into()));
        }
        Ok(())
    }

    /// Puts `text` where `key` belongs; returns `false` for an unknown key.
    fn set(&mut self, key: &str, text: &str) -> Result<bool, String> {
        let set = Some(text).filter(|text| !text.is_empty());
        let timeouts = &mut self.timeouts;
        match key {
            "O2CB_ENABLED" => self.enabled = switch(text)?,
            "O2CB_STACK" => self.stack = set.map(stack).transpose()?,
            "O2CB_BOOTCLUSTER" => self.boot_cluster = set.map(cluster).transpose()?,
            "O2CB_HEARTBEAT_THRESHOLD" => {
                let threshold = set.map(|text| number(text, 3..=u32::MAX));
                timeouts.heartbeat_threshold = threshold.transpose()?;
            }
            IDLE => timeouts.idle_timeout_ms = set.map(delay).transpose()?,
            KEEPALIVE => timeouts.keepalive_delay_ms = set.map(delay).transpose()?,
            "O2CB_RECONNECT_DELAY_MS" => {
                timeouts.reconnect_delay_ms = set.map(delay).transpose()?
            }
            "O2CB_HB_CTL_PATH" => self.hb_ctl_path = set.map(path).transpose()?,
            "O2CB_NODE_NAME" => self.node_name = set.map(node).transpose()?,
            "O2CB_FENCE_METHOD" => timeouts.fence_method = set.map(fence).transpose()?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Checks the order of the timeouts: the kernel refuses a wrong one, also where one is its
    /// default.
    fn check_timeouts(&self, line: usize) -> Result<(), Flaw> {
        let effective = |set: Option<u32>, default| match set {
            Some(set) => (set, ""),
            None => (default, " by default"),
        };
        let (idle, idle_note) = effective(self.timeouts.idle_timeout_ms, IDLE_DEFAULT);
        let (keepalive, note) = effective(self.timeouts.keepalive_delay_ms, KEEPALIVE_DEFAULT);
        if keepalive < idle {
            return Ok(());
        }
        let reason =
            format!("{KEEPALIVE} ({keepalive}{note}) must be less than {IDLE} ({idle}{idle_note})");
        Err(Flaw::new(line, reason))
    }
}

fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "" | "false" | "no" | "0" => Ok(false),
        _ => Err(other(text, "true or false")),
    }
}

fn cluster(text: &str) -> Result<ClusterName, String> {
    text.parse()
        .map_err(|why: BadName| format!("is wrong: {why}"))
}

fn node(text: &str) -> Result<String, String> {
    node_name(text.as_bytes()).map_err(|why| format!("is wrong: {why}"))
}

fn delay(text: &str) -> Result<u32, String> {
    number(text, 1..=u32::MAX - 1)
}

/// Parses a plain decimal number. With a leading zero the kernel takes some of these for octal.
fn number(text: &str, range: RangeInclusive<u32>) -> Result<u32, String> {
    let digits = if text.starts_with('0') { "" } else { text };
    decimal(digits, &range).map_err(|wanted| other(text, &wanted))
}

/// Parses the path of a program that the kernel is to run.
pub fn path(text: &str) -> Result<PathBuf, String> {
    /// The longest path that the kernel keeps.
    const LONGEST: usize = 255;
    if text.starts_with('/') && text.len() <= LONGEST {
        return Ok(text.into());
    }
    let wanted = format!("a path from / on, of at most {LONGEST} bytes");
    Err(other(text, &wanted))
}

/// Parses a stack. The kernel takes any four characters for a user-space cluster stack.
fn stack(text: &str) -> Result<StackName, String> {
    let known = ["o2cb", "pcmk", "cman"].contains(&text);
    let name = text.parse().ok().filter(|_| known);
    name.ok_or_else(|| other(text, "o2cb, pcmk or cman"))
}

fn fence(text: &str) -> Result<String, String> {
    match text {
        "reset" | "panic" => Ok(text.to_owned()),
        _ => Err(other(text, "reset or panic")),
    }
}

fn other(given: &str, wanted: &str) -> String {
    format!("must be {wanted}, not {}", shown(given.as_bytes()))
}
