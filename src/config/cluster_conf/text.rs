//! Text of files, in messages and in names.

use super::{Flaw, MAX_BYTES};
use crate::ids;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Joins the names with commas, or returns "none".
pub(super) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let all = names.collect::<Vec<_>>().join(", ");
    if all.is_empty() { "none".into() } else { all }
}

/// Quotes a file's text within a message: printable and short.
pub(in crate::config) fn shown(text: &[u8]) -> String {
    format!("\"{}\"", ids::shown(&String::from_utf8_lossy(text)))
}

/// Refuses what cannot be a configuration file at all. The C tools would stop at a NUL byte and
/// ignore the rest: a file that a crash left half zeroed would lose its nodes.
pub(in crate::config) fn vet(text: &[u8]) -> Result<(), Flaw> {
    if text.len() > MAX_BYTES {
        let reason = format!("the file is larger than {} KiB", MAX_BYTES >> 10);
        return Err(Flaw::new(1, reason));
    }
    let mut lines = text.split(|&byte| byte == b'\n');
    match lines.position(|line| line.contains(&0)) {
        Some(at) => Err(Flaw::new(at + 1, "a NUL byte: the file is damaged")),
        None => Ok(()),
    }
}

/// Parses a decimal number in `range`, without a sign; the error names what is valid.
pub fn decimal<T: FromStr + PartialOrd + Display>(
    text: &str,
    range: &RangeInclusive<T>,
) -> Result<T, String> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok();
    let number = number.filter(|number| is_plain && range.contains(number));
    let (min, max) = (range.start(), range.end());
    number.ok_or_else(|| format!("a decimal number from {min} to {max}"))
}

/// Checks a name that the kernel takes as a directory's name and that stays inside its parent.
pub(in crate::config) fn node_name(value: &[u8]) -> Result<String, String> {
    const LONGEST: usize = 64;
    let shown = shown(value);
    let name = std::str::from_utf8(value).map_err(|_| format!("{shown} is not UTF-8"))?;
    let wrong = match name {
        "" => "is empty",
        "." | ".." => "would be a directory",
        _ if name.contains('\n') => "spans lines (a backslash before a line's end joins them)",
        _ if name.contains('/') => "holds a slash",
        _ if name.contains(char::is_control) => "holds a control character",
        _ if name.len() > LONGEST => "is longer than 64 bytes",
        _ => return Ok(name.to_owned()),
    };
    Err(format!("the node's name {shown} {wrong}"))
}
