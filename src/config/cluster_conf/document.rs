//! A file that is changed stanza by stanza. A change leaves all other lines as they are, byte for
//! byte: comments, unknown attributes, space.

use super::syntax::{Stanza, is_blank};
use super::{Config, Flaw, render};
use eyre::{Result, WrapErr, bail};

/// A checked file, with its text. Its changes are in `edit`.
#[derive(Debug)]
pub struct Document {
    text: Vec<u8>,
    config: Config,
    pub(super) stanzas: Vec<Stanza>,
}

impl Document {
    /// Reads a whole file, as [`Config::parse`] does.
    pub fn parse(text: Vec<u8>) -> Result<Self, Flaw> {
        let (config, stanzas) = Config::with_stanzas(&text)?;
        Ok(Self {
            text,
            config,
            stanzas,
        })
    }

    /// Returns the file's text.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Returns the configuration in the file.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Replaces the text by one that has to mean exactly `wanted`. A file in the exact layout of
    /// the C tools keeps that layout, though stanzas may have to move.
    pub(super) fn become_text(&mut self, mut text: Vec<u8>, wanted: &Config) -> Result<()> {
        if self.text == render::file(&self.config).as_bytes() {
            text = render::file(wanted).into_bytes();
        }
        let changed = Self::parse(text).wrap_err("this would not be a valid file")?;
        if changed.config.clusters != wanted.clusters {
            bail!("the file cannot hold this (a name with space around it or a backslash?)");
        }
        *self = changed;
        Ok(())
    }

    /// Returns the text without some stanzas. Comments stay, within them too; so does a blank line
    /// that keeps a comment or a stanza apart from what follows.
    pub(super) fn without(&self, is_doomed: &dyn Fn(&Stanza) -> bool) -> Vec<u8> {
        let mut lines = self.lines();
        for stanza in self.stanzas.iter().filter(|stanza| is_doomed(stanza)) {
            let attributes = stanza.attributes.iter().map(|one| (one.line, one.end));
            for (first, last) in attributes.chain([(stanza.line, stanza.line)]) {
                let gone = lines.get_mut(first - 1..last).unwrap_or_default();
                gone.fill(b"");
            }
            let end = stanza.end().min(lines.len());
            let (before, after) = lines.split_at_mut(end);
            let mut left = before.iter().rev().filter(|line| !line.is_empty());
            let stands_apart = left.next().is_none_or(blank);
            if let Some(next) = after.first_mut().filter(|next| stands_apart && blank(next)) {
                *next = b"";
            }
        }
        lines.concat()
    }

    /// Returns the text with one stanza more, behind the `after`th or else at the end. The stanza
    /// ends in a blank line, and gets one before it.
    pub(super) fn with(&self, after: Option<usize>, stanza: &str) -> Vec<u8> {
        let lines = self.lines();
        let mut at = lines.len();
        if let Some(stanza) = after.and_then(|after| self.stanzas.get(after)) {
            at = stanza.end().min(lines.len());
            let following = lines.iter().skip(at);
            // Comments that touch the stanza are its own, unless they touch the next one.
            let comments = following.take_while(|line| line.starts_with(b"#")).count();
            at += match lines.get(at + comments) {
                None => comments,
                Some(line) if blank(line) => comments + 1,
                Some(_) => 0,
            };
        }
        let (before, behind) = lines.split_at(at);
        let mut text = before.concat();
        end_line(&mut text);
        if before.last().is_some_and(|line| !blank(line)) {
            text.push(b'\n');
        }
        text.extend_from_slice(stanza.as_bytes());
        text.extend(behind.concat());
        text
    }

    /// Returns the text with an attribute of a stanza set; a new one goes behind the name.
    pub(super) fn with_value(&self, stanza: &Stanza, name: &str, value: &str) -> Vec<u8> {
        let lines = self.lines();
        let (kept, resumed, column) = match (stanza.get(name), stanza.get("name")) {
            (Some(now), _) => (now.line - 1, now.end, Some(now.column)),
            (None, Some(before)) => (before.end, before.end, None),
            (None, None) => (stanza.line, stanza.line, None),
        };
        let mut text = lines.get(..kept).unwrap_or_default().concat();
        end_line(&mut text);
        let start = column.and_then(|column| lines.get(kept)?.get(..column));
        text.extend_from_slice(start.unwrap_or(format!("\t{name} = ").as_bytes()));
        text.extend_from_slice(value.as_bytes());
        text.push(b'\n');
        text.extend(lines.get(resumed..).unwrap_or_default().concat());
        text
    }

    /// Returns the lines with their ends; line n is at n - 1.
    fn lines(&self) -> Vec<&[u8]> {
        self.text.split_inclusive(|&byte| byte == b'\n').collect()
    }
}

fn blank(line: &&[u8]) -> bool {
    is_blank(line.strip_suffix(b"\n").unwrap_or(line))
}

fn end_line(text: &mut Vec<u8>) {
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
}
