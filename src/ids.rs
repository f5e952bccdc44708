//! The names that travel between the disk, configfs, semaphores and the user.
//! Each is checked once, where it enters, and trusted from there on.

use std::fmt;
use std::str::FromStr;

/// The reason why a name was refused; the text is a whole clause for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadName(String);

impl BadName {
    /// Makes the error; `why` completes the sentence that begins with `text`.
    pub fn new(text: &str, why: &str) -> Self {
        Self(format!("\"{}\" {why}", shown(text)))
    }
}

sentence!(BadName(it) => "{}", it.0);

/// Quotes foreign text within a message: printable and short.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 64;
    let mut chars = text.chars();
    let start: String = chars.by_ref().take(LONGEST).collect();
    let dots = if chars.next().is_some() { "..." } else { "" };
    format!("{}{dots}", start.escape_debug())
}

/// A volume's UUID, which is also the name of its heartbeat region and of its lock domain.
/// Displayed as the kernel and the C tools spell it: 32 upper-case hex digits, no dashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid([u8; 16]);

message!(struct Uuid { 0 });

impl Uuid {
    /// Makes a UUID of the raw bytes in the superblock.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Formats the UUID as udev and blkid do: lower case, with dashes.
    pub fn with_dashes(self) -> String {
        let hex = format!("{:032x}", u128::from_be_bytes(self.0));
        let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
        parts.map(|part| &hex[part]).join("-")
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl FromStr for Uuid {
    type Err = BadName;

    /// Parses either case, with the dashes that blkid prints or without.
    fn from_str(text: &str) -> Result<Self, BadName> {
        let number = u128::from_str_radix(&text.replace('-', ""), 16).ok();
        let uuid = number.map(|number| Self(number.to_be_bytes()));
        // The number may have a sign, fewer digits, or dashes anywhere.
        let spelt = |uuid: &Self| {
            let spellings = [uuid.to_string(), uuid.with_dashes()];
            spellings.iter().any(|one| one.eq_ignore_ascii_case(text))
        };
        uuid.filter(spelt)
            .ok_or_else(|| BadName::new(text, "is not a UUID"))
    }
}

/// A cluster's name: 1 to 16 ASCII letters and digits, the form that fits the superblock
/// (`ocfs2_fs.h`, OCFS2_CLUSTER_NAME_LEN) and that the C tools accept. On user-space cluster stacks
/// the superblock may hold `-`, `_` and `.` as well (corosync's rules).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterName(String);

impl ClusterName {
    /// The longest name that the superblock has room for, in bytes.
    pub const MAX: usize = 16;

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

display!(ClusterName(it) => "{}", it.0);

impl FromStr for ClusterName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let foreign = |c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c));
        let bad = |why: String| Err(BadName(format!("cluster name \"{}\"{why}", shown(text))));
        if text.is_empty() {
            return Err(BadName("a cluster name cannot be empty".into()));
        }
        if let Some(at) = text.chars().position(foreign) {
            let at = at + 1;
            return bad(format!(": character {at} is neither a letter nor a digit"));
        }
        // The name is a path component of configfs: these two would leave the directory.
        if text == "." || text == ".." {
            return Err(BadName::new(text, "is not a cluster name"));
        }
        if text.len() > Self::MAX {
            return bad(format!(" is longer than {} characters", Self::MAX));
        }
        Ok(Self(text.to_owned()))
    }
}

/// The four letters that name a cluster stack: `o2cb`, `pcmk`, `cman`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StackName([u8; 4]);

impl StackName {
    /// The classic stack, in the kernel, with disk heartbeat.
    pub const O2CB: Self = Self(*b"o2cb");
    /// Pacemaker, with the kernel's DLM.
    pub const PCMK: Self = Self(*b"pcmk");
    /// The stack of ocfs2_controld below cman.
    pub const CMAN: Self = Self(*b"cman");

    /// Returns the label as text.
    pub fn as_str(&self) -> &str {
        // `from_str` accepts only lower-case letters and digits.
        std::str::from_utf8(&self.0).unwrap_or("????")
    }
}

display!(StackName(it) => "{}", it.as_str());

impl FromStr for StackName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        match <[u8; 4]>::try_from(text.as_bytes()) {
            Ok(name) if name.iter().all(u8::is_ascii_alphanumeric) => Ok(Self(name)),
            _ => Err(BadName::new(
                text,
                "is not the name of a cluster stack (four letters)",
            )),
        }
    }
}

/// A user of a volume, and for how long it counts as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Service {
    /// A mount at this absolute path: a user as long as the superblock lives.
    Mount(std::path::PathBuf),
    /// A program of this name: a user until it leaves or its process ends.
    Program(String),
    /// A program of this name: a user until a later call removes it (ocfs2_hb_ctl -S).
    Standing(std::ffi::OsString),
    /// A mount by ocfs2-tools 1.2, which follows: a user until that fails, or as long as the
    /// superblock lives.
    OldMount,
}

/// The place of the nodes' heartbeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeartbeatMode {
    /// Heartbeats on every mounted volume.
    Local,
    /// Heartbeats on the cluster's own regions, whatever is mounted.
    Global,
}

impl HeartbeatMode {
    /// Makes the mode from a bit of the superblock or an attribute of the kernel.
    pub const fn new(global: bool) -> Self {
        match global {
            true => Self::Global,
            false => Self::Local,
        }
    }

    /// Returns whether regions are the cluster's own.
    pub const fn is_global(self) -> bool {
        matches!(self, Self::Global)
    }

    /// Returns the mode as the kernel and cluster.conf spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Global => "global",
        }
    }
}

display!(HeartbeatMode(it) => "{}", it.as_str());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuid_takes_the_usual_spellings_only() {
        let uuid: Uuid = "8d55d77d-7ef7-4f4e-8e96-4f519a7060bf".parse().unwrap();
        assert_eq!(uuid.to_string(), "8D55D77D7EF74F4E8E964F519A7060BF");
        assert_eq!(uuid.to_string().parse(), Ok(uuid));
        assert_eq!(uuid.with_dashes(), "8d55d77d-7ef7-4f4e-8e96-4f519a7060bf");
        for bad in [
            "",
            "8D55D77D7EF74F4E8E964F519A7060B",
            "8D55D77D7EF74F4E8E964F519A7060BG",
            "+D55D77D7EF74F4E8E964F519A7060BF",
            "8d55-d77d7ef74f4e8e964f519a7060bf---",
            "ééééééééééééééée",
        ] {
            assert!(bad.parse::<Uuid>().is_err(), "{bad}");
        }
    }

    #[test]
    fn cluster_names_stay_inside_their_directory() {
        assert!("webc".parse::<ClusterName>().is_ok());
        assert!("a234567890123456".parse::<ClusterName>().is_ok());
        for bad in ["", ".", "..", "a/b", "web c", "a2345678901234567", "é"] {
            assert!(bad.parse::<ClusterName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn stack_names_have_four_letters() {
        assert_eq!("o2cb".parse(), Ok(StackName::O2CB));
        for bad in ["", "o2c", "o2cbx", "o2\n "] {
            assert!(bad.parse::<StackName>().is_err(), "{bad:?}");
        }
    }
}
