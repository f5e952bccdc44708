//! Text of files, in messages and in names.

use super::{ConfigError, MAX_BYTES};
use crate::ids;

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
pub(in crate::config) fn vet(text: &[u8]) -> Result<(), ConfigError> {
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
