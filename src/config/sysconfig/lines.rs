//! The lines of the file that are plain `KEY=value`, by which a shell means the same.

use super::{Flaw, shown};
use std::ops::Range;

const OURS: &str = "O2CB_";

/// A plain assignment to a known key.
pub(super) struct Assignment<'t> {
    pub(super) line: usize,
    pub(super) key: &'t str,
    /// The value without its quotes.
    pub(super) value: &'t str,
    /// The place of the value in the file, with its quotes.
    pub(super) at: Range<usize>,
}

/// Returns all of them, in order. Lines of shell that name no known key are left out, with a note.
pub(super) fn assignments<'t>(
    text: &'t [u8],
    warnings: &mut Vec<Flaw>,
) -> Result<Vec<Assignment<'t>>, Flaw> {
    let mut found = Vec::new();
    let mut start = 0;
    // A backslash joins the next line to one of shell, whatever it looks like.
    let mut continued = false;
    for (at, whole) in text.split(|&byte| byte == b'\n').enumerate() {
        let (line, offset) = (at + 1, start);
        start += whole.len() + 1;
        let first = whole.iter().find(|byte| !b" \t".contains(byte));
        if !continued && matches!(first, None | Some(b'#')) {
            continue;
        }
        match plain(whole).filter(|_| !continued) {
            Some((key, value, place)) => {
                let at = offset + place.start..offset + place.end;
                found.extend(key.starts_with(OURS).then_some(Assignment {
                    line,
                    key,
                    value,
                    at,
                }));
            }
            None if names_ours(whole) => return Err(Flaw::new(line, refusal(whole))),
            None => {
                let reason = format!("{} is ignored: it is not KEY=value", shown(whole));
                warnings.push(Flaw::new(line, reason));
                continued = whole.ends_with(b"\\");
            }
        }
    }
    Ok(found)
}

fn names_ours(line: &[u8]) -> bool {
    line.windows(OURS.len()).any(|part| part == OURS.as_bytes())
}

fn refusal(line: &[u8]) -> String {
    let why = match line.ends_with(b"\r") {
        true => "it ends in CR LF as on Windows; this file needs plain LF",
        false => {
            "this file is parsed, not run as shell: a line with O2CB_ has to be KEY=value from its \
             first column on, not continued, with special characters in quotes around the whole \
             value, and $, ` and \\ in single ones"
        }
    };
    format!("{}: {why}", shown(line))
}

/// Returns key and value of such a line, and the value's place in the line, with its quotes.
fn plain(line: &[u8]) -> Option<(&str, &str, Range<usize>)> {
    let line = std::str::from_utf8(line).ok()?;
    let (key, rest) = line.split_once('=')?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !key.chars().all(is_name) || key.starts_with(|c: char| c.is_ascii_digit()) || key.is_empty()
    {
        return None;
    }
    let (value, behind) = match rest.as_bytes().first() {
        Some(b'\'') => rest.get(1..)?.split_once('\'')?,
        Some(b'"') => rest.get(1..)?.split_once('"')?,
        _ => rest.split_at(rest.find(|c| !is_plain(c)).unwrap_or(rest.len())),
    };
    let expands = rest.starts_with('"') && value.contains(['$', '`', '\\']);
    let comment = behind.trim_start_matches([' ', '\t']);
    let ends = comment.is_empty() || comment.starts_with('#') && comment.len() < behind.len();
    let at = key.len() + 1..line.len() - behind.len();
    (!expands && ends).then_some((key, value, at))
}

/// Whether a shell takes the character as it is, without quotes.
pub(super) fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || !c.is_ascii() || "_-./:,@%+".contains(c)
}
