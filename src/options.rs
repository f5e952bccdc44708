//! The `-o` string of mount.ocfs2: options that mount(2) takes as flags, options that the driver
//! parses, and user-space options that must never reach the kernel.

mod table;
#[cfg(test)]
mod tests;

use std::ffi::{CStr, CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use rustix::mount::MountFlags;

use crate::report::{Usage, bail_usage, printable};
pub use table::REMOUNT;
use table::{FLAGS, IGNORED, KERNEL, Value};

/// The limit of the driver's string: mount(2) copies one page, the terminating NUL included, and
/// silently drops the rest.
const DATA_MAX: usize = 4095;

/// The content of an `-o` string. Options count in their order: a later one overrides an earlier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountOptions {
    /// The flags of mount(2).
    pub flags: MountFlags,
    /// The options for the driver, in the order given, with their quotes.
    pub data: Vec<OsString>,
    /// The mount without the cluster. The option is in `data` as well: a kernel that has it must
    /// receive it, and another refuses it.
    pub nocluster: Option<NoCluster>,
    /// The caller's `heartbeat=`. It is not in `data`: mount(8) passes on what /proc/mounts shows,
    /// which on a remount need not be what the kernel accepts. The right mode follows from volume
    /// and cluster alone.
    pub heartbeat: Option<OsString>,
    /// The caller's `cluster_stack=`, left out of `data` likewise.
    pub cluster_stack: Option<OsString>,
}

/// The request to mount a clustered volume without its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoCluster {
    /// Whether it was `nocluster=yes`, which leaves no question.
    pub confirmed: bool,
}

impl MountOptions {
    /// Reads an option string; `sloppy` leaves out what the driver does not know.
    pub fn parse(text: &OsStr, sloppy: bool) -> Result<Self, Usage> {
        let mut options = Self {
            flags: MountFlags::empty(),
            data: Vec::new(),
            nocluster: None,
            heartbeat: None,
            cluster_stack: None,
        };
        for word in split(text)? {
            options.take(word, sloppy)?;
        }
        Ok(options)
    }

    /// Returns whether to change the options of a mounted volume.
    pub fn is_remount(&self) -> bool {
        self.flags.contains(REMOUNT)
    }

    /// Returns whether to mount a directory a second time.
    pub fn is_bind(&self) -> bool {
        self.flags.contains(MountFlags::BIND)
    }

    fn take(&mut self, word: &OsStr, sloppy: bool) -> Result<(), Usage> {
        let mut parts = word.as_bytes().splitn(2, |&byte| byte == b'=');
        let name = parts.next().unwrap_or_default();
        let value = parts.next().map(OsStr::from_bytes);
        let is_one_of = |names: &str| names.split(' ').any(|one| one.as_bytes() == name);
        // Mount tables record the mounting user as `user=NAME`; no other flag has a value.
        let mut flags = FLAGS.iter().filter(|_| value.is_none() || name == b"user");
        if let Some((set, _, flags)) =
            flags.find(|(set, clear, _)| is_one_of(set) || is_one_of(clear))
        {
            self.flags.set(*flags, is_one_of(set));
            return Ok(());
        }
        let known = KERNEL.iter().find(|(names, _)| is_one_of(names));
        let outside = name.starts_with(b"x-") || name.starts_with(b"X-") || is_one_of(IGNORED);
        if outside || (sloppy && known.is_none()) {
            return Ok(());
        }
        if let Some((_, syntax)) = known {
            check(word, value, syntax)?;
        }
        match name {
            b"heartbeat" => self.heartbeat = value.map(OsStr::to_owned),
            b"cluster_stack" => self.cluster_stack = value.map(OsStr::to_owned),
            b"nocluster" => {
                if self.nocluster.is_none() {
                    self.data.push("nocluster".into());
                }
                let before = self.nocluster.is_some_and(|given| given.confirmed);
                let confirmed = before || value.is_some();
                self.nocluster = Some(NoCluster { confirmed });
            }
            _ => self.data.push(word.to_owned()),
        }
        Ok(())
    }

    /// Returns the driver's option string, with `added` (the heartbeat or stack option) at its end.
    pub fn data_string(&self, added: Option<&str>) -> Result<CString, Usage> {
        let words = self.data.iter().map(OsString::as_os_str);
        let words: Vec<&OsStr> = words.chain(added.map(OsStr::new)).collect();
        let text = words.join(OsStr::new(","));
        if text.len() > DATA_MAX {
            let length = text.len();
            bail_usage!(
                "the mount options take {length} bytes, the kernel reads no more than {DATA_MAX}"
            );
        }
        CString::new(text.into_vec()).map_err(|_| Usage("a mount option holds a NUL".into()))
    }

    /// Formats what `-v` reports after a mount: `DEVICE on DIR type ocfs2 (rw,noexec,_netdev,...)`.
    /// `data` is the string that the kernel received.
    pub fn describe(&self, device: &Path, dir: &Path, clustered: bool, data: &CStr) -> String {
        let mut flags = self.flags;
        let mut words = Vec::new();
        if !flags.contains(MountFlags::RDONLY) {
            words.push("rw".to_owned());
        }
        // The first name of a bit is the one to show, so each bit is cleared once shown.
        for (name, _, flag) in FLAGS.iter().filter(|flag| flag.2.bits().count_ones() == 1) {
            if flags.contains(*flag) {
                words.push((*name).to_owned());
                flags.remove(*flag);
            }
        }
        words.extend(clustered.then(|| "_netdev".to_owned()));
        if !data.is_empty() {
            words.push(printable(data.to_bytes()));
        }
        let [device, dir] = [device, dir].map(|path| printable(path.as_os_str().as_bytes()));
        format!("{device} on {dir} type ocfs2 ({})", words.join(","))
    }
}

/// Splits options at commas, but not inside double quotes, as in `context="a,b"`.
fn split(text: &OsStr) -> Result<Vec<&OsStr>, Usage> {
    let mut quoted = false;
    let words = text.as_bytes().split(|&byte| {
        quoted ^= byte == b'"';
        byte == b',' && !quoted
    });
    let words: Vec<&OsStr> = words
        .map(OsStr::from_bytes)
        .filter(|word| !word.is_empty())
        .collect();
    if quoted {
        bail_usage!("a quote in the mount options is not closed");
    }
    let broken = |word: &&&OsStr| word.as_bytes().iter().any(|byte| matches!(byte, 0 | b'\n'));
    match words.iter().find(broken) {
        Some(word) => Err(refusal(word, "holds a NUL or a new line")),
        None => Ok(words),
    }
}

/// Refuses only what every kernel refuses, which spares a useless join.
fn check(word: &OsStr, value: Option<&OsStr>, syntax: &Value) -> Result<(), Usage> {
    let text = value.map(OsStr::to_string_lossy);
    let text = text.as_deref();
    let one_of = |all: &[&str]| format!("has to be one of {}", all.join(", "));
    let (fits, needs) = match syntax {
        Value::None => (text.is_none(), "takes no value".into()),
        Value::Any => (text.is_some(), "needs a value".into()),
        Value::Number => (text.is_some_and(is_number), "needs a number".into()),
        Value::OneOf(all) => (text.is_some_and(|text| all.contains(&text)), one_of(all)),
        Value::Maybe(all) => (text.is_none_or(|text| all.contains(&text)), one_of(all)),
    };
    match fits {
        true => Ok(()),
        false => Err(refusal(word, &needs)),
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let number = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    !digits.starts_with(['+', '-']) && number.is_ok()
}

fn refusal(word: &OsStr, why: &str) -> Usage {
    Usage(format!(
        "mount option \"{}\" {why}",
        printable(word.as_bytes())
    ))
}
