//! Which commands of the file certainly set a key of ours, and to what.

use super::shell::{self, Command, Word};
use super::{ConfigError, Note, shown};
use std::ops::Range;

const OURS: &str = "O2CB_";

/// A key of ours and its value, quotes removed.
pub(super) struct Assignment {
    pub(super) line: usize,
    pub(super) key: String,
    pub(super) value: Vec<u8>,
    /// Where in the file the value stands, quotes and all.
    pub(super) at: Range<usize>,
}

/// All of them, in order. What else the file does is left out, with a note.
pub(super) fn assignments(
    text: &[u8],
    warnings: &mut Vec<Note>,
) -> Result<Vec<Assignment>, ConfigError> {
    let mut found = Vec::new();
    let mut depth = 0_usize;
    for command in shell::commands(text)? {
        let outermost = depth == 0 && !command.in_parentheses;
        depth = nesting(&command, depth);
        let pairs = pairs(&command).filter(|_| outermost);
        if let Some(pairs) = pairs {
            for (key, value, word) in pairs {
                found.extend(ours(key, value, word)?);
            }
            continue;
        }
        if let Some(word) = command.words.iter().find(|word| names_ours(&word.text)) {
            let reason = format!(
                "{}: {NOT_RUN}; only plain assignments are understood (KEY=value, no space \
                 around the \"=\", not inside an if, a loop or a function)",
                shown(&word.text)
            );
            return Err(ConfigError::new(word.line, reason));
        }
        if let (true, Some(word)) = (outermost, command.words.first()) {
            let text = format!("the command {} is ignored: {NOT_RUN}", shown(&word.text));
            warnings.push(Note::new(word.line, text));
        }
    }
    Ok(found)
}

const NOT_RUN: &str = "this file is parsed, not run as shell";

/// The assignment, if the key is one of ours.
fn ours(key: &str, value: &[u8], word: &Word) -> Result<Option<Assignment>, ConfigError> {
    if !key.starts_with(OURS) {
        return Ok(None);
    }
    if let Some(special) = word.special {
        let special = char::from(special);
        let what = match special {
            '$' | '`' => "cannot come from",
            _ => "cannot hold an unquoted",
        };
        let reason = format!("{key}: {NOT_RUN}, so its value {what} {special}");
        return Err(ConfigError::new(word.line, reason));
    }
    Ok(Some(Assignment {
        line: word.line,
        key: key.to_owned(),
        value: value.to_vec(),
        // Neither the key nor the = has quotes in it.
        at: word.at.start + key.len() + 1..word.at.end,
    }))
}

/// The assignments of a command that does nothing else: `A=1 B=2`, `export A=1 B`.
fn pairs(command: &Command) -> Option<Vec<(&str, &[u8], &Word)>> {
    if command.operators {
        return None;
    }
    let (exported, words) = match command.words.split_first() {
        Some((first, rest)) if first.is_plainly(b"export") => (true, rest),
        _ => (false, command.words.as_slice()),
    };
    let is_name = |word: &Word| exported && key_length(&word.text) == word.text.len();
    words
        .iter()
        .filter(|word| !is_name(word))
        .map(|word| assignment(word).map(|(key, value)| (key, value, word)))
        .collect()
}

/// Both sides of a word that the shell takes for an assignment: its name is not quoted.
fn assignment(word: &Word) -> Option<(&str, &[u8])> {
    let (key, rest) = word.text.split_at(key_length(&word.text));
    let value = rest.strip_prefix(b"=")?;
    let plain = word.quoted_at.is_none_or(|at| at > key.len());
    let begins = key.first().is_some_and(|byte| !byte.is_ascii_digit());
    let key = std::str::from_utf8(key).ok()?;
    (plain && begins).then_some((key, value))
}

fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn key_length(text: &[u8]) -> usize {
    text.iter().take_while(|&&byte| is_key(byte)).count()
}

/// Might a command with this word set a key of ours? `O2CB_X=`, `O2CB_X+=`, `${O2CB_X:=`,
/// and the bare name (`unset O2CB_X`, `O2CB_X = 1`).
fn names_ours(text: &[u8]) -> bool {
    let bare = text.starts_with(OURS.as_bytes()) && key_length(text) == text.len();
    bare || (0..text.len()).any(|at| {
        let (before, rest) = text.split_at(at);
        if !rest.starts_with(OURS.as_bytes()) || before.last().is_some_and(|&byte| is_key(byte)) {
            return false;
        }
        let after = rest.get(key_length(rest)..).unwrap_or_default();
        [&b"="[..], b"+=", b":=", b"["]
            .iter()
            .any(|sign| after.starts_with(sign))
    })
}

/// How many `if`, loops, functions... are open behind the command.
fn nesting(command: &Command, mut depth: usize) -> usize {
    let mut leading = true;
    for word in &command.words {
        leading |= word.leads;
        let text = if word.quoted_at.is_some() {
            &b""[..]
        } else {
            &word.text
        };
        match text {
            b"{" => depth += 1,
            _ if !leading => {}
            b"then" | b"do" | b"else" | b"elif" | b"!" => {}
            b"if" | b"while" | b"until" => depth += 1,
            b"case" | b"for" | b"select" => {
                depth += 1;
                leading = false;
            }
            b"fi" | b"done" | b"esac" | b"}" => depth = depth.saturating_sub(1),
            _ => leading = false,
        }
    }
    depth
}
