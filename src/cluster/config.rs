//! `/etc/ocfs2/cluster.conf`: text in, checked values out.
//!
//! The grammar is that of the C tools: what they refuse is refused here. Beyond that,
//! whatever they drop without a word, and whatever the kernel would refuse half-way through
//! a registration, is an error with its line. A node that misses from one machine's view of
//! the cluster is a node whose death goes unseen there, so nothing is skipped in silence.

mod check;
mod fields;
mod syntax;
#[cfg(test)]
mod tests;

use crate::ids::{ClusterName, Uuid};
use std::fmt;
use std::net::Ipv4Addr;

/// A full cluster with long comments needs a tenth of this; more is some other file.
const MAX_BYTES: usize = 1 << 20;

/// Why a configuration file was refused, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Counted from 1.
    pub line: usize,
    /// A whole clause for the user.
    pub reason: String,
}

impl ConfigError {
    pub(super) fn new(line: usize, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { line, reason }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for ConfigError {}

/// Something odd that works all the same: worth a warning, not a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Counted from 1.
    pub line: usize,
    /// A whole clause for the user.
    pub text: String,
}

impl Note {
    pub(super) fn new(line: usize, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { line, text }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

/// A whole `cluster.conf`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// In the order of the file; no two of the same name.
    pub clusters: Vec<Cluster>,
    /// By line.
    pub warnings: Vec<Note>,
}

/// One cluster with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// ASCII letters and digits only, as the classic stack wants it.
    pub name: ClusterName,
    /// Where the nodes' signs of life are written.
    pub heartbeat_mode: HeartbeatMode,
    /// In the order of the file; names, numbers and addresses are unique.
    pub nodes: Vec<Node>,
    /// The heartbeat regions in the order of the file, each once; used in global mode only.
    pub regions: Vec<Uuid>,
}

/// Where the nodes' signs of life are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeartbeatMode {
    /// On every mounted volume.
    Local,
    /// On the cluster's own regions, whatever is mounted.
    Global,
}

impl HeartbeatMode {
    /// As the kernel and the file spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Global => "global",
        }
    }
}

impl fmt::Display for HeartbeatMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One node, such that the kernel takes each of its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// 1 to 64 bytes; safe as one component of a path.
    pub name: String,
    /// The node's slot in the heartbeat region, 0 to 254.
    pub number: u8,
    /// Where its peers reach it.
    pub address: Ipv4Addr,
    /// 1 to 65534: the kernel refuses 65535.
    pub port: u16,
}

impl Node {
    /// Is this the machine of that name? In any case, the name may be the whole hostname
    /// or the part of it before one of its dots, as the C tools have it.
    fn is_host(&self, hostname: &str) -> bool {
        let (host, name) = (hostname.as_bytes(), self.name.as_bytes());
        host.get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name))
            && matches!(host.get(name.len()), None | Some(b'.'))
    }
}

/// No single node of a cluster is this machine; the text is a whole clause for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoLocalNode(String);

impl fmt::Display for NoLocalNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoLocalNode {}

impl Config {
    /// Reads a whole file, or says what is wrong where. A missing file is the caller's
    /// business; an empty one has no clusters.
    pub fn parse(text: &[u8]) -> Result<Self, ConfigError> {
        vet(text)?;
        let mut warnings = Vec::new();
        let stanzas = syntax::stanzas(text, &mut warnings)?;
        let clusters = check::clusters(&stanzas, &mut warnings)?;
        warnings.sort_by_key(|note| note.line);
        Ok(Self { clusters, warnings })
    }

    /// The cluster of exactly that name.
    pub fn cluster(&self, name: &ClusterName) -> Option<&Cluster> {
        self.clusters.iter().find(|cluster| cluster.name == *name)
    }
}

impl Cluster {
    /// The node that is this machine.
    ///
    /// Two that fit are an error: the kernel takes one local node only, and which of
    /// the two the machine is decides whose heartbeat slot it writes to.
    pub fn local_node(&self, hostname: &str) -> Result<&Node, NoLocalNode> {
        let cluster = &self.name;
        let host = shown(hostname.as_bytes());
        let mut fits = self.nodes.iter().filter(|node| node.is_host(hostname));
        match (fits.next(), fits.next()) {
            (Some(node), None) => Ok(node),
            (Some(one), Some(other)) => Err(NoLocalNode(format!(
                "nodes \"{}\" and \"{}\" of cluster \"{cluster}\" both fit this machine's \
                 name {host}",
                one.name, other.name
            ))),
            (None, _) => Err(NoLocalNode(format!(
                "no node of cluster \"{cluster}\" is named like this machine, {host}; its \
                 nodes are: {} (set the hostname, or O2CB_NODE_NAME in o2cb's defaults file)",
                listed(self.nodes.iter().map(|node| node.name.as_str()))
            ))),
        }
    }
}

/// The names with commas between, or "none".
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let all = names.collect::<Vec<_>>().join(", ");
    if all.is_empty() { "none".into() } else { all }
}

/// Text of a file within a message: quoted, printable, short.
pub(super) fn shown(text: &[u8]) -> String {
    const LONGEST: usize = 64;
    let text = String::from_utf8_lossy(text);
    let mut chars = text.chars();
    let start: String = chars.by_ref().take(LONGEST).collect();
    let dots = if chars.next().is_some() { "..." } else { "" };
    format!("\"{}{dots}\"", start.escape_debug())
}

/// Refuses what cannot be a configuration file at all. At a NUL byte the C tools would
/// stop and ignore the rest: a file that a crash left half zeroed would lose its nodes.
pub(super) fn vet(text: &[u8]) -> Result<(), ConfigError> {
    if text.len() > MAX_BYTES {
        let reason = format!("the file is larger than {} KiB", MAX_BYTES >> 10);
        return Err(ConfigError::new(1, reason));
    }
    let Some(at) = text.iter().position(|&byte| byte == 0) else {
        return Ok(());
    };
    let before = text.iter().take(at).filter(|&&byte| byte == b'\n').count();
    Err(ConfigError::new(
        before + 1,
        "a NUL byte: the file is damaged",
    ))
}

/// A name that the kernel takes as a folder's name and that stays inside its parent.
pub(super) fn node_name(value: &[u8]) -> Result<String, String> {
    const LONGEST: usize = 64;
    let shown = shown(value);
    let name = std::str::from_utf8(value).map_err(|_| format!("{shown} is not UTF-8"))?;
    let wrong = match name {
        "" => "is empty",
        "." | ".." => "would be a folder",
        _ if name.contains('\n') => "spans lines (a backslash before a line's end joins them)",
        _ if name.contains('/') => "holds a slash",
        _ if name.contains(char::is_control) => "holds a control character",
        _ if name.len() > LONGEST => "is longer than 64 bytes",
        _ => return Ok(name.to_owned()),
    };
    Err(format!("the node's name {shown} {wrong}"))
}
