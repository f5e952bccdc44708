//! Splits lines into stanzas: the grammar, without any meaning.
//!
//! A stanza's head (`node:`) and comments begin in the first column, attributes are
//! indented, a blank line closes a stanza.

use super::{Flaw, decimal, shown};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// A head and the attributes under it.
#[derive(Debug)]
pub(super) struct Stanza {
    pub(super) line: usize,
    pub(super) kind: String,
    pub(super) attributes: Vec<Attribute>,
}

impl Stanza {
    /// Returns the last line of the head and its attributes.
    pub(super) fn end(&self) -> usize {
        let last = self.attributes.last();
        last.map_or(self.line, |attribute| attribute.end)
    }

    /// Returns the last attribute of that name, which is the one that counts.
    pub(super) fn get(&self, name: &str) -> Option<&Attribute> {
        let mut attributes = self.attributes.iter();
        attributes.rfind(|attribute| attribute.name == name)
    }

    pub(super) fn need(&self, name: &str) -> Result<&Attribute, Flaw> {
        self.get(name).ok_or_else(|| {
            let alike = |other: &&Attribute| other.name.eq_ignore_ascii_case(name);
            let hint = match self.attributes.iter().find(alike) {
                Some(other) => format!(" (line {} spells it \"{}\")", other.line, other.name),
                None => String::new(),
            };
            let reason = format!("this \"{}\" stanza has no \"{name}\"{hint}", self.kind);
            Flaw::new(self.line, reason)
        })
    }

    /// Parses the value of an attribute that must be there.
    pub(super) fn parse<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&[u8]) -> Result<T, String>,
    ) -> Result<T, Flaw> {
        let attribute = self.need(name)?;
        parse(&attribute.value).map_err(|why| attribute.wrong(why))
    }

    /// Parses a decimal number as strtoul(3) does, with space and a plus sign in front.
    pub(super) fn number<T: FromStr + PartialOrd + Display>(
        &self,
        name: &str,
        range: RangeInclusive<T>,
    ) -> Result<T, Flaw> {
        self.parse(name, |value| {
            let text = String::from_utf8_lossy(value.trim_ascii_start());
            let digits = text.strip_prefix('+').unwrap_or(&text);
            let number = decimal(digits, &range);
            number.map_err(|wanted| format!("\"{name}\" must be {wanted}, not {}", shown(value)))
        })
    }

    /// Returns the number of nodes that a cluster's stanza states.
    pub(super) fn node_count(&self) -> Result<usize, Flaw> {
        self.number("node_count", 0..=u32::MAX as usize)
    }
}

/// An attribute: `name = value`.
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) line: usize,
    /// The attribute's last line: a backslash may have joined others to the first.
    pub(super) end: usize,
    /// The byte of the first line where the value begins.
    pub(super) column: usize,
    pub(super) name: String,
    /// The value without the space around it. It is bytes, since only what is used has to be UTF-8.
    pub(super) value: Vec<u8>,
}

impl Attribute {
    pub(super) fn wrong(&self, reason: impl Into<String>) -> Flaw {
        Flaw::new(self.line, reason)
    }
}

/// Splits a file into its stanzas.
pub(super) fn stanzas(text: &[u8], warnings: &mut Vec<Flaw>) -> Result<Vec<Stanza>, Flaw> {
    let whole = text.strip_suffix(b"\n").unwrap_or(text);
    let mut lines = (1..).zip(whole.split(is_newline));
    let mut reader = Reader {
        stanzas: Vec::new(),
        closed: None,
        warnings,
    };
    while let Some((number, line)) = lines.next() {
        reader.line(number, line, &mut lines)?;
    }
    if !text.ends_with(b"\n") && !text.is_empty() {
        let last = whole.split(is_newline).count();
        reader.warn_once(last, "the last line has no end: is the file cut short?");
    }
    Ok(reader.stanzas)
}

const CRLF: &str = "the line ends in CR LF as on Windows; cluster.conf needs plain LF \
                    (convert the file with: sed -i 's/\\r$//')";

const UNPARTED: &str = "no blank line parts this stanza from the one before";

/// The lines that follow, with their numbers.
type Lines<'l, 't> = &'l mut dyn Iterator<Item = (usize, &'t [u8])>;

struct Reader<'w> {
    stanzas: Vec<Stanza>,
    /// The blank line that closed the last stanza; until then an attribute may follow.
    closed: Option<usize>,
    warnings: &'w mut Vec<Flaw>,
}

impl Reader<'_> {
    fn line(&mut self, number: usize, line: &[u8], next: Lines) -> Result<(), Flaw> {
        match line.first() {
            _ if is_blank(line) => {
                self.closed.get_or_insert(number);
            }
            Some(b'#') => {}
            Some(byte) if is_indent(byte) => {
                let attribute = self.attribute(number, line, next)?;
                self.place(attribute)?;
            }
            _ => {
                let kind = head(line).map_err(|why| Flaw::new(number, why))?;
                if self.closed.take().is_none() && !self.stanzas.is_empty() {
                    // Some versions of the C tools do not see such a head.
                    self.warn_once(number, UNPARTED);
                }
                self.stanzas.push(Stanza {
                    line: number,
                    kind,
                    attributes: Vec::new(),
                });
            }
        }
        Ok(())
    }

    fn warn_once(&mut self, line: usize, reason: &str) {
        if self.warnings.iter().all(|known| known.reason != reason) {
            self.warnings.push(Flaw::new(line, reason));
        }
    }

    fn place(&mut self, attribute: Attribute) -> Result<(), Flaw> {
        let name = &attribute.name;
        let reason = match (self.stanzas.last_mut(), self.closed) {
            (Some(stanza), None) => {
                stanza.attributes.push(attribute);
                return Ok(());
            }
            (Some(_), Some(blank)) => format!(
                "the blank line {blank} ends the stanza, so \"{name}\" stands outside any stanza"
            ),
            (None, _) => format!("\"{name}\" stands outside any stanza"),
        };
        Err(attribute.wrong(reason))
    }

    fn attribute(&mut self, number: usize, line: &[u8], next: Lines) -> Result<Attribute, Flaw> {
        let (name, value) = name_and_value(line).map_err(|why| Flaw::new(number, why))?;
        let column = line.len() - value.len();
        let mut value = value.to_vec();
        let (mut end, mut last) = (number, line);
        // A backslash at the end keeps the line break in the value, which goes on behind it.
        while value.pop_if(|byte| *byte == b'\\').is_some() {
            (end, last) = next.next().ok_or_else(|| {
                let reason = "the line ends in a backslash, which joins the next line to it, but \
                              the file ends here";
                Flaw::new(number, reason)
            })?;
            value.push(b'\n');
            value.extend_from_slice(last);
        }
        if last.ends_with(b"\r") {
            // The C parser takes it for space after the value.
            self.warn_once(number, CRLF);
        }
        // Only these count: the C parser leaves a vertical tab in place.
        let kept = value
            .iter()
            .rposition(|byte| !b" \t\n\r\x0c".contains(byte));
        value.truncate(kept.map_or(0, |kept| kept + 1));
        Ok(Attribute {
            line: number,
            end,
            column,
            name,
            value,
        })
    }
}

fn is_newline(byte: &u8) -> bool {
    *byte == b'\n'
}

/// Returns whether the line is blank, which closes a stanza.
pub(super) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(is_indent)
}

fn is_indent(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn skip_space(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| !is_indent(byte));
    start.and_then(|at| text.get(at..)).unwrap_or_default()
}

/// Returns the word of ASCII letters, digits and `_` at the front, and what follows it.
fn word(text: &[u8]) -> (String, &[u8]) {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let end = text.iter().position(|byte| !is_word(byte));
    let (word, rest) = text.split_at(end.unwrap_or(text.len()));
    (String::from_utf8_lossy(word).into_owned(), rest)
}

/// Returns the kind of stanza that a line in the first column begins.
fn head(line: &[u8]) -> Result<String, String> {
    let (kind, rest) = word(line);
    if let (false, Some(after)) = (kind.is_empty(), rest.strip_prefix(b":")) {
        return match skip_space(after) {
            b"" => Ok(kind),
            b"\r" => Err(CRLF.into()),
            junk => Err(format!(
                "nothing may follow \"{kind}:\" on its line, not even a comment, but {} does",
                shown(junk)
            )),
        };
    }
    Err(match skip_space(rest).first() {
        _ if line.starts_with(b"\xef\xbb\xbf") => {
            "the file begins with a byte-order mark (EF BB BF): save it as plain UTF-8".into()
        }
        _ if line == b"\r" => CRLF.into(),
        Some(b'=') if !kind.is_empty() => {
            format!("attribute \"{kind}\" must be indented with a tab or spaces")
        }
        Some(b':') if !kind.is_empty() => {
            format!("no space may stand between \"{kind}\" and its colon")
        }
        _ => format!(
            "{} is neither the head of a stanza (\"node:\"), nor an indented attribute, nor a \
             comment (\"#\")",
            shown(line)
        ),
    })
}

/// Returns both sides of an indented attribute; the value still with what follows it.
fn name_and_value(line: &[u8]) -> Result<(String, &[u8]), String> {
    let body = skip_space(line);
    let (name, rest) = word(body);
    let after = skip_space(rest);
    if let (false, Some(value)) = (name.is_empty(), after.strip_prefix(b"=")) {
        return Ok((name, skip_space(value)));
    }
    Err(match after.first() {
        _ if body.starts_with(b"#") => "a comment must begin in the first column".into(),
        _ if body == b"\r" => CRLF.into(),
        Some(b':') if !name.is_empty() => {
            format!("the stanza \"{name}:\" must begin in the first column")
        }
        _ if after.contains(&b'=') => format!(
            "{} is not an attribute: its name is one word of letters, digits and \"_\", \
             followed by \"=\"",
            shown(body)
        ),
        _ => format!(
            "{} lacks the \"=\" of an attribute (\"name = value\")",
            shown(body)
        ),
    })
}
