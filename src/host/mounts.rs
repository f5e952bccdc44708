//! The mount table as the kernel shows it (proc(5), /proc/PID/mountinfo).

use super::System;
use crate::ids::StackName;
use eyre::{Result, WrapErr};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// One line of mountinfo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The mount's number.
    pub id: u32,
    /// The number of the mount that it is below.
    pub parent: u32,
    /// major:minor of the superblock; for a volume its block device's.
    pub device: DeviceNumber,
    /// The mount point.
    pub point: PathBuf,
    /// The options of this mount alone, such as `nosuid`, separated by commas.
    pub flags: OsString,
    /// The filesystem's type, such as `ocfs2`.
    pub kind: OsString,
    /// The source that mount(2) was given.
    pub source: PathBuf,
    /// The superblock's own options, separated by commas.
    pub options: OsString,
}

impl Mount {
    /// Returns whether the volume has a group to leave. The driver shows how it was mounted
    /// (fs/ocfs2/super.c, ocfs2_show_options): on a user-space cluster stack `heartbeat=none`
    /// beside the stack, and `cluster_stack=o2cb` also where a volume of global heartbeat has none.
    pub fn has_group(&self) -> bool {
        let heartbeat = self.shows(b"heartbeat=local") || self.shows(b"heartbeat=global");
        heartbeat || (self.user_stack().is_some() && !self.shows(b"nocluster"))
    }

    /// Returns whether the superblock takes no writes; a mount of it may take none all the same.
    pub fn is_read_only(&self) -> bool {
        self.shows(b"ro")
    }

    /// Returns whether this is a mount of the volume on this device.
    pub fn is_volume_on(&self, device: DeviceNumber) -> bool {
        self.device == device && self.kind == "ocfs2"
    }

    /// Returns the user-space cluster stack of the mount; `o2cb` is shown beside global heartbeat.
    pub fn user_stack(&self) -> Option<StackName> {
        let words = self.words();
        let mut stacks = words.filter_map(|word| word.strip_prefix(b"cluster_stack="));
        let stack: StackName = std::str::from_utf8(stacks.next()?).ok()?.parse().ok()?;
        (stack != StackName::O2CB).then_some(stack)
    }

    fn shows(&self, word: &[u8]) -> bool {
        self.words().any(|shown| shown == word)
    }

    fn words(&self) -> impl Iterator<Item = &[u8]> {
        self.options.as_bytes().split(|&byte| byte == b',')
    }
}

/// A device number of the kernel: one volume has one, whatever its names are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeviceNumber {
    /// The driver's number.
    pub major: u32,
    /// The device's number within the driver.
    pub minor: u32,
}

message!(struct DeviceNumber { major, minor });

impl DeviceNumber {
    /// The number of no device.
    pub const NONE: Self = Self { major: 0, minor: 0 };

    /// Converts the `st_dev` or `st_rdev` of stat(2).
    pub fn from_raw(raw: u64) -> Self {
        Self {
            major: rustix::fs::major(raw),
            minor: rustix::fs::minor(raw),
        }
    }

    /// Parses `major:minor`.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (major, minor) = std::str::from_utf8(text).ok()?.split_once(':')?;
        Some(Self {
            major: major.parse().ok()?,
            minor: minor.parse().ok()?,
        })
    }
}

impl std::fmt::Display for DeviceNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

/// Returns the mounts that this process sees, in the order they were made.
pub fn visible(system: &System) -> Result<Vec<Mount>> {
    let table = fs::read(system.path("/proc/self/mountinfo"));
    Ok(parse(&table.wrap_err("reading the mount table")?))
}

/// Returns the mounts of a table's text; skips a line that is none.
pub fn parse(table: &[u8]) -> Vec<Mount> {
    table
        .split(|&byte| byte == b'\n')
        .filter_map(parse_line)
        .collect()
}

/// Returns the number of the block device that the kernel calls `name`.
pub fn number_of(system: &System, name: &str) -> Result<Option<DeviceNumber>> {
    let name = super::file_name_of_device(name);
    let number = super::read_attribute(&system.path(format!("/sys/class/block/{name}/dev")));
    let number = number.wrap_err("looking up the number of a block device")?;
    Ok(number.and_then(|number| DeviceNumber::parse(number.as_bytes())))
}

/// Returns the number of the block device that `path` leads to; none for another file.
pub fn number_at(system: &System, path: &Path) -> io::Result<Option<DeviceNumber>> {
    let found = fs::metadata(path)?;
    let number = found.file_type().is_block_device();
    let number = number.then(|| DeviceNumber::from_raw(found.rdev()));
    Ok(system.kernel().block_device(path, number))
}

/// Returns the visible mounts of volumes.
pub fn volumes(system: &System) -> Result<impl Iterator<Item = Mount>> {
    let mounts = visible(system)?.into_iter();
    Ok(mounts.filter(|mount| mount.kind == "ocfs2"))
}

/// Returns the visible mount points of the volume on a device.
pub fn points_of(system: &System, device: DeviceNumber) -> Result<Vec<PathBuf>> {
    let here = volumes(system)?.filter(|mount| mount.device == device);
    Ok(here.map(|mount| mount.point).collect())
}

/// Parses `ID PARENT MAJ:MIN ROOT POINT OPTIONS [OPTIONAL...] - TYPE SOURCE SUPEROPTIONS`.
fn parse_line(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|&byte| byte == b' ');
    let mut number = || std::str::from_utf8(fields.next()?).ok()?.parse().ok();
    let (id, parent) = (number()?, number()?);
    let device = DeviceNumber::parse(fields.next()?)?;
    let point = unescape(fields.nth(1)?);
    let flags = unescape(fields.next()?);
    // The optional fields end at a lone dash.
    fields.find(|&field| field == b"-")?;
    let kind = unescape(fields.next()?);
    let source = unescape(fields.next()?);
    let options = unescape(fields.next().unwrap_or_default());
    Some(Mount {
        id,
        parent,
        device,
        point: point.into(),
        flags,
        kind,
        source: source.into(),
        options,
    })
}

/// Decodes space, tab, newline and backslash, written as a backslash and three octal digits.
fn unescape(field: &[u8]) -> OsString {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = rest.strip_prefix(b"\\").and_then(|rest| {
            let (digits, after) = rest.split_at_checked(3)?;
            let digits = std::str::from_utf8(digits).ok()?;
            Some((u8::from_str_radix(digits, 8).ok()?, after))
        });
        let (byte, after) = escaped.unwrap_or((byte, after));
        plain.push(byte);
        rest = after;
    }
    OsString::from_vec(plain)
}

/// Returns whether the kernel knows the filesystem type (/proc/filesystems).
pub fn knows_filesystem(system: &System, kind: &str) -> io::Result<bool> {
    let table = fs::read(system.path("/proc/filesystems"))?;
    let mut words = table.split(|&byte| byte == b'\n' || byte == b'\t');
    Ok(words.any(|word| word == kind.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_real_table_are_read() {
        let line = br"36 25 98:0 /sub /mnt/a\040b\134c rw,noatime shared:7 master:1 - ocfs2 /dev/ubda rw,heartbeat=local";
        let mount = parse_line(line).unwrap();
        assert_eq!(
            mount.device,
            DeviceNumber {
                major: 98,
                minor: 0
            }
        );
        assert_eq!((mount.id, mount.parent), (36, 25));
        assert_eq!(mount.point, PathBuf::from(r"/mnt/a b\c"));
        assert_eq!(mount.flags, "rw,noatime");
        assert_eq!(mount.kind, "ocfs2");
        assert_eq!(mount.source, PathBuf::from("/dev/ubda"));
        assert!(mount.has_group() && !mount.is_read_only());
    }

    #[test]
    fn options_show_whether_there_is_a_group() {
        let line = |options: &str| format!("1 2 8:1 / /mnt rw - ocfs2 /dev/sda1 rw,{options}");
        for (options, has_group) in [
            ("_netdev,heartbeat=local,nointr", true),
            ("_netdev,heartbeat=global,cluster_stack=o2cb", true),
            ("heartbeat=none,cluster_stack=pcmk", true),
            ("heartbeat=none,cluster_stack=pcmk,nocluster", false),
            ("heartbeat=none,cluster_stack=o2cb", false),
            ("heartbeat=none,nointr", false),
        ] {
            let mount = parse_line(line(options).as_bytes()).unwrap();
            assert_eq!(mount.has_group(), has_group, "{options}");
        }
    }

    #[test]
    fn a_broken_line_is_no_mount() {
        for line in [
            &b""[..],
            b"36 25",
            b"36 25 98 / /mnt rw - ocfs2 /dev/sda",
            b"36 25 98:0 / /mnt rw ocfs2 /dev/sda",
        ] {
            assert_eq!(parse_line(line), None);
        }
        assert_eq!(unescape(br"a\04"), r"a\04");
        assert_eq!(unescape(br"a\999"), r"a\999");
    }
}
