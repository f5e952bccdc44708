//! The command line as getopt(3) users know it, in front of argh.
//!
//! argh parses `--long value` and `-s value` and nothing else, and takes only `str`. This module
//! first brings arguments into that form: grouped (`-vn`) and glued (`-odata=ordered`) short
//! options, `--long=value`, shortened long names, options after operands. It takes the options from
//! argh itself (`ArgsInfo`), so an applet declares them once.
//!
//! Every byte string survives: see [`Word`].

mod word;

use std::ffi::OsString;

use argh::{ArgsInfo, FlagInfo, FlagInfoKind, Optionality, TopLevelCommand};

use crate::report::{self, Failure, bail_usage, exit};
use word::{decode, encode};

pub use word::Word;

/// Parses an applet's arguments; `None` when help was asked for and has been printed.
///
/// Of the options that each of `rivals` (long names) lists together, the last one given wins, as in
/// getopt loops: `&[&["--read-only", "--read-write"]]`. argh, which keeps no order, receives only
/// that one.
pub fn parse<T: TopLevelCommand + ArgsInfo>(
    applet: &str,
    args: &[OsString],
    rivals: Rivals<'_>,
) -> Result<Option<T>, Failure> {
    match interpret(applet, args, rivals) {
        Ok(parsed) => Ok(Some(parsed)),
        Err(Stop::Help(text)) => report::say(text)
            .map(|()| None)
            .map_err(|report| Failure::new(exit::SYSTEM, report)),
        Err(Stop::Wrong(text)) => bail_usage!("{text} (see \"{applet} --help\")"),
    }
}

/// Groups of options that exclude each other.
pub type Rivals<'a> = &'a [&'a [&'a str]];

/// The reason why there are no parsed arguments.
#[derive(Debug, PartialEq, Eq)]
enum Stop {
    Help(String),
    Wrong(String),
}

fn interpret<T: TopLevelCommand + ArgsInfo>(
    applet: &str,
    args: &[OsString],
    rivals: Rivals<'_>,
) -> Result<T, Stop> {
    let info = T::get_args_info();
    let line = Line::read(info.flags, args, rivals).map_err(Stop::Wrong)?;
    let words = line.for_argh();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    T::from_args(&[applet], &words).map_err(|early| match early.status {
        Ok(()) => Stop::Help(early.output),
        Err(()) => Stop::Wrong(one_line(&early.output)),
    })
}

/// Joins the lines of argh's message: it lists missing items indented by four.
fn one_line(text: &str) -> String {
    let text = text.strip_suffix('\n').unwrap_or(text);
    shown(&text.replace(":\n    ", ": ").replace("\n    ", ", "))
}

/// A command line taken apart: the options, spelt as given but one to an argument, and the
/// operands.
#[derive(Default)]
struct Line<'a> {
    flags: &'a [FlagInfo<'static>],
    rivals: Rivals<'a>,
    options: Vec<(String, &'a FlagInfo<'static>, Option<String>)>,
    operands: Vec<String>,
    help: bool,
}

impl<'a> Line<'a> {
    fn read(
        flags: &'a [FlagInfo<'static>],
        args: &[OsString],
        rivals: Rivals<'a>,
    ) -> Result<Self, String> {
        let mut line = Self {
            flags,
            rivals,
            ..Self::default()
        };
        let mut words = args.iter().map(|arg| encode(arg));
        while let (Some(word), false) = (words.next(), line.help) {
            match word.strip_prefix('-') {
                Some("-") => line.operands.extend(words.by_ref()),
                Some("") | None => line.operands.push(word),
                Some(rest) => match rest.strip_prefix('-') {
                    Some(long) => line.long(long, &mut words)?,
                    None => line.shorts(rest, &mut words)?,
                },
            }
        }
        Ok(line)
    }

    /// Parses short options: `-vn`, `-odata=ordered`, `-o data=ordered`.
    fn shorts(
        &mut self,
        text: &str,
        words: &mut impl Iterator<Item = String>,
    ) -> Result<(), String> {
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            let spelt = format!("-{letter}");
            let Some(flag) = self.flags.iter().find(|flag| flag.short == Some(letter)) else {
                self.help = letter == 'h';
                return match self.help {
                    true => Ok(()),
                    false => Err(format!("unknown option {}", shown(&spelt))),
                };
            };
            let glued = takes_value(flag).then(|| letters.by_ref().collect());
            let glued = glued.filter(|glued: &String| !glued.is_empty());
            self.give(spelt, flag, glued, words)?;
        }
        Ok(())
    }

    /// Parses a long option: `--long`, `--long=value`, `--long value`, or an unambiguous
    /// abbreviation.
    fn long(&mut self, text: &str, words: &mut impl Iterator<Item = String>) -> Result<(), String> {
        let (name, glued) = match text.split_once('=') {
            Some((name, value)) => (format!("--{name}"), Some(value.to_owned())),
            None => (format!("--{text}"), None),
        };
        let flag = self.named(&name)?;
        self.help |= flag.long == "--help";
        self.give(flag.long.to_owned(), flag, glued, words)
    }

    fn named(&self, name: &str) -> Result<&'a FlagInfo<'static>, String> {
        let mut alike: Vec<&FlagInfo> = Vec::new();
        for flag in self.flags.iter().filter(|flag| flag.long.starts_with(name)) {
            if flag.long == name {
                return Ok(flag);
            }
            alike.insert(alike.partition_point(|one| one.long < flag.long), flag);
        }
        match alike[..] {
            [flag] => Ok(flag),
            [] => Err(format!("unknown option {}", shown(name))),
            _ => {
                let alike: Vec<&str> = alike.iter().map(|flag| flag.long).collect();
                let alike = alike.join(", ");
                Err(format!("option {} may be any of {alike}", shown(name)))
            }
        }
    }

    /// Adds an option, whose value is the next word unless it is glued on. The last of several
    /// values counts, as with getopt, unless the applet wants all of them; so does the last of
    /// several rivals.
    fn give(
        &mut self,
        spelt: String,
        flag: &'a FlagInfo<'static>,
        glued: Option<String>,
        words: &mut impl Iterator<Item = String>,
    ) -> Result<(), String> {
        let value = match (takes_value(flag), glued) {
            (true, None) => match words.next() {
                None => return Err(format!("option {spelt} needs a value")),
                value => value,
            },
            (false, Some(_)) => return Err(format!("option {spelt} takes no value")),
            (_, glued) => glued,
        };
        let single = value.is_some() && flag.optionality != Optionality::Repeating;
        let rivals = self
            .rivals
            .iter()
            .filter(|group| group.contains(&flag.long));
        let rivals: Vec<&str> = rivals.flat_map(|group| group.iter().copied()).collect();
        self.options.retain(|(_, earlier, _)| {
            !(single && earlier.long == flag.long || rivals.contains(&earlier.long))
        });
        self.options.push((spelt, flag, value));
        Ok(())
    }

    /// Returns the arguments for argh. `--` keeps argh from taking an operand for an option, or the
    /// operand `help` for a request for help.
    fn for_argh(self) -> Vec<String> {
        if self.help {
            return vec!["--help".to_owned()];
        }
        let mut words = Vec::new();
        for (spelt, _, value) in self.options {
            words.push(spelt);
            words.extend(value);
        }
        words.push("--".to_owned());
        words.extend(self.operands);
        words
    }
}

fn takes_value(flag: &FlagInfo<'_>) -> bool {
    matches!(flag.kind, FlagInfoKind::Option { .. })
}

fn shown(word: &str) -> String {
    Word(decode(word)).to_string()
}

#[cfg(test)]
mod tests;
