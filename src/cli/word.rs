//! Arguments that are not text, carried through a parser that knows only text.

use crate::report::printable;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// An argument byte for byte: a path, an option string, a name.
///
/// argh takes only `str`. So a byte that is not part of valid UTF-8 travels through it as
/// the character U+10FF00 plus the byte, at the end of the last private-use plane. Where an
/// argument really holds one of these characters, its bytes travel the same way, so there
/// is always one way back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word(pub OsString);

impl argh::FromArgValue for Word {
    fn from_arg_value(value: &str) -> Result<Self, String> {
        Ok(Self(decode(value)))
    }
}

/// Safe for a terminal.
impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(self.0.as_bytes()))
    }
}

impl AsRef<OsStr> for Word {
    fn as_ref(&self) -> &OsStr {
        &self.0
    }
}

impl AsRef<Path> for Word {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}

const STAND_IN: u32 = 0x10_ff00;

fn stood_in(c: char) -> Option<u8> {
    let byte = u32::from(c).checked_sub(STAND_IN)?;
    u8::try_from(byte).ok().filter(|byte| !byte.is_ascii())
}

pub(super) fn encode(arg: &OsStr) -> String {
    let mut text = String::new();
    let stand_in = |byte: u8| char::from_u32(STAND_IN + u32::from(byte));
    for chunk in arg.as_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            match stood_in(c) {
                Some(_) => text.extend(c.encode_utf8(&mut [0; 4]).bytes().filter_map(stand_in)),
                None => text.push(c),
            }
        }
        text.extend(chunk.invalid().iter().copied().filter_map(stand_in));
    }
    text
}

pub(super) fn decode(text: &str) -> OsString {
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match stood_in(c) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    OsString::from_vec(bytes)
}
