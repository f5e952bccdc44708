//! Shell text to words: quotes, escapes, comments, and where a command ends. Just enough to
//! tell plain assignments from all else; nothing is expanded.

use super::ConfigError;
use std::ops::Range;

/// Words up to the end of a line or a semicolon.
#[derive(Debug, Default)]
pub(super) struct Command {
    pub(super) words: Vec<Word>,
    /// It holds one of `& | < > ( )`: a list, a pipe, a redirection...
    pub(super) operators: bool,
    /// It begins inside parentheses.
    pub(super) in_parentheses: bool,
}

/// A word, quotes removed; `$` and what belongs to it stays as it is.
#[derive(Debug, Default)]
pub(super) struct Word {
    pub(super) line: usize,
    /// Where in the file it stands, quotes and all.
    pub(super) at: Range<usize>,
    pub(super) text: Vec<u8>,
    /// Where in `text` the first quote or escape stood.
    pub(super) quoted_at: Option<usize>,
    /// The first byte that a shell would expand.
    pub(super) special: Option<u8>,
    /// The first of its command, or behind an operator, where keywords are.
    pub(super) leads: bool,
}

impl Word {
    /// Is it that word, without any quotes?
    pub(super) fn is_plainly(&self, text: &[u8]) -> bool {
        self.quoted_at.is_none() && self.text == text
    }

    fn quote(&mut self) {
        self.quoted_at.get_or_insert(self.text.len());
    }

    fn push_special(&mut self, byte: u8) {
        self.special.get_or_insert(byte);
        self.text.push(byte);
    }
}

/// Splits a whole file.
pub(super) fn commands(text: &[u8]) -> Result<Vec<Command>, ConfigError> {
    let mut scanner = Scanner::new(text);
    let mut all = Vec::new();
    let mut command = Command::default();
    let mut parentheses = 0_usize;
    // Keywords stand where a command begins, and behind these operators.
    let mut leads = false;
    // Behind `&&`, `||` and `|` the command goes on in the next line.
    let mut goes_on = false;
    while let Some(byte) = scanner.peek() {
        match byte {
            b' ' | b'\t' => scanner.skip(1),
            b'\\' if scanner.rest.get(1) == Some(&b'\n') => scanner.skip(2),
            b'#' => scanner.skip_comment(),
            b'\n' if goes_on => scanner.skip(1),
            b'\n' | b';' => {
                scanner.skip(1);
                all.push(std::mem::take(&mut command));
                command.in_parentheses = parentheses > 0;
            }
            b'&' | b'|' | b'<' | b'>' | b'(' | b')' => {
                let operator = scanner.operator()?;
                goes_on = matches!(operator, b"&&" | b"||" | b"|");
                leads = !b"<>".contains(&byte);
                parentheses += usize::from(byte == b'(');
                parentheses = parentheses.saturating_sub(usize::from(byte == b')'));
                command.operators = true;
            }
            _ => {
                command
                    .words
                    .push(scanner.word(leads || command.words.is_empty())?);
                (leads, goes_on) = (false, false);
            }
        }
    }
    all.push(command);
    Ok(all)
}

struct Scanner<'a> {
    rest: &'a [u8],
    /// How long the whole file is.
    length: usize,
    line: usize,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self {
            rest: text,
            length: text.len(),
            line: 1,
        }
    }

    /// Where in the file the rest begins.
    fn at(&self) -> usize {
        self.length - self.rest.len()
    }

    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn skip(&mut self, count: usize) {
        let (gone, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.line += gone.iter().filter(|&&byte| byte == b'\n').count();
        self.rest = rest;
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.skip(1);
        byte
    }

    fn skip_comment(&mut self) {
        let end = self.rest.iter().position(|&byte| byte == b'\n');
        self.skip(end.unwrap_or(self.rest.len()));
    }

    fn operator(&mut self) -> Result<&'a [u8], ConfigError> {
        let rest = self.rest;
        if rest.starts_with(b"<<") && !rest.starts_with(b"<<<") {
            let reason = "a here-document: this file is parsed, not run as shell";
            return Err(ConfigError::new(self.line, reason));
        }
        let length = match rest {
            [b'<', b'<', b'<', ..] => 3,
            [b'&', b'&', ..] | [b'|', b'|', ..] => 2,
            _ => 1,
        };
        self.skip(length);
        Ok(rest.get(..length).unwrap_or_default())
    }

    fn word(&mut self, leads: bool) -> Result<Word, ConfigError> {
        let (line, start) = (self.line, self.at());
        let mut word = Word {
            line,
            leads,
            ..Word::default()
        };
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')' => break,
                b'\\' => self.escape(&mut word),
                b'\'' => self.single(&mut word)?,
                b'"' => self.double(&mut word)?,
                b'$' | b'`' => self.expansion(&mut word)?,
                b'*' | b'?' | b'[' => {
                    self.skip(1);
                    word.push_special(byte);
                }
                b'~' if matches!(word.text.last(), None | Some(b'=' | b':')) => {
                    self.skip(1);
                    word.push_special(byte);
                }
                _ => {
                    self.skip(1);
                    word.text.push(byte);
                }
            }
        }
        word.at = start..self.at();
        Ok(word)
    }

    /// A backslash outside quotes: the next byte as it is, a line end not at all.
    fn escape(&mut self, word: &mut Word) {
        word.quote();
        self.skip(1);
        match self.next() {
            Some(b'\n') => {}
            Some(byte) => word.text.push(byte),
            None => word.text.push(b'\\'),
        }
    }

    fn single(&mut self, word: &mut Word) -> Result<(), ConfigError> {
        let line = self.line;
        word.quote();
        self.skip(1);
        let end = self.rest.iter().position(|&byte| byte == b'\'');
        let end = end.ok_or_else(|| unclosed(line, "'"))?;
        word.text
            .extend_from_slice(self.rest.get(..end).unwrap_or_default());
        self.skip(end + 1);
        Ok(())
    }

    fn double(&mut self, word: &mut Word) -> Result<(), ConfigError> {
        let line = self.line;
        word.quote();
        self.skip(1);
        loop {
            match (
                self.peek().ok_or_else(|| unclosed(line, "\""))?,
                self.rest.get(1),
            ) {
                (b'"', _) => {
                    self.skip(1);
                    return Ok(());
                }
                (b'$' | b'`', _) => self.expansion(word)?,
                (b'\\', Some(b'$' | b'`' | b'"' | b'\\' | b'\n')) => self.escape(word),
                (byte, _) => {
                    self.skip(1);
                    word.text.push(byte);
                }
            }
        }
    }

    /// `$NAME`, `${...}`, `$(...)` or backquotes, kept as they stand.
    fn expansion(&mut self, word: &mut Word) -> Result<(), ConfigError> {
        let line = self.line;
        let (open, close) = match (self.next(), self.peek()) {
            (Some(b'`'), _) => {
                word.push_special(b'`');
                (None, b'`')
            }
            (_, Some(open @ (b'(' | b'{'))) => {
                word.push_special(b'$');
                (Some(open), if open == b'(' { b')' } else { b'}' })
            }
            _ => {
                word.push_special(b'$');
                return Ok(());
            }
        };
        let mut depth = usize::from(open.is_none());
        while let Some(byte) = self.next() {
            word.text.push(byte);
            match byte {
                b'\\' => word.text.extend(self.next()),
                b'\'' | b'"' if open.is_some() => self.skip_quoted(byte, word),
                _ if byte == close => depth -= 1,
                _ if Some(byte) == open => depth += 1,
                _ => {}
            }
            if depth == 0 {
                return Ok(());
            }
        }
        Err(unclosed(line, if open.is_some() { "$" } else { "`" }))
    }

    /// Quotes within an expansion: a bracket in them closes nothing.
    fn skip_quoted(&mut self, quote: u8, word: &mut Word) {
        while let Some(byte) = self.next() {
            word.text.push(byte);
            match byte {
                b'\\' if quote == b'"' => word.text.extend(self.next()),
                _ if byte == quote => return,
                _ => {}
            }
        }
    }
}

fn unclosed(line: usize, what: &str) -> ConfigError {
    ConfigError::new(line, format!("what {what} opens here is never closed"))
}
