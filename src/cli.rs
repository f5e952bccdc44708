//! The command line as getopt(3) users know it, in front of argh.
//!
//! argh parses `--long value` and `-s value` and nothing else, and takes only `str`. This module
//! first brings arguments into that form: grouped (`-vn`) and glued (`-odata=ordered`) short
//! options, `--long=value`, shortened long names, options after operands. It takes the options from
//! argh itself (`ArgsInfo`), so an applet declares them once.
//!
//! Every byte string survives: see [`Word`].

pub mod help;
mod operands;
mod word;

use std::ffi::OsString;

use argh::{ArgsInfo, FlagInfo, FlagInfoKind, Optionality, TopLevelCommand};

use crate::report::{self, Failure, Usage, bail_usage, exit};
use word::{decode, encode};

pub use operands::{miscounted, operands, unknown};
pub use word::Word;

/// The answer to `--version`.
const VERSION: &str = concat!("ocfs2box ", env!("CARGO_PKG_VERSION"), "\n");

/// Parses an applet's arguments; `None` when help or the version was asked for and has been
/// printed.
///
/// Of the options that each of `rivals` (long names) lists together, the last one given wins, as in
/// getopt loops: `&[&["--read-only", "--read-write"]]`. argh, which keeps no order, receives only
/// that one.
pub fn parse<T: TopLevelCommand + ArgsInfo>(
    applet: &str,
    args: &[OsString],
    rivals: Rivals<'_>,
) -> Result<Option<T>, Failure> {
    let help = |_: &[Word]| Ok(help::of(applet, &T::get_args_info(), None));
    let parsed = parse_or(applet, args, rivals, &help)?;
    Ok(parsed.map(|(parsed, _)| parsed))
}

/// Parses like [`parse`], and returns the long names of the given options as well; `help` makes the
/// text of `--help` from the operands before that.
pub fn parse_or<T: TopLevelCommand + ArgsInfo>(
    applet: &str,
    args: &[OsString],
    rivals: Rivals<'_>,
    help: &dyn Fn(&[Word]) -> Result<String, Usage>,
) -> Result<Option<(T, Vec<&'static str>)>, Failure> {
    let text = match interpret(applet, args, rivals) {
        Ok(parsed) => return Ok(Some(parsed)),
        Err(Stop::Help(operands)) => help(&operands)?,
        Err(Stop::Version) => VERSION.to_owned(),
        Err(Stop::Wrong(text)) => bail_usage!("{text} (see \"{applet} --help\")"),
    };
    report::say(text).map_err(|report| Failure::new(exit::SYSTEM, report))?;
    Ok(None)
}

/// Groups of options that exclude each other.
pub type Rivals<'a> = &'a [&'a [&'a str]];

/// The reason why there are no parsed arguments.
#[derive(Debug, PartialEq, Eq)]
enum Stop {
    /// `--help`, after these operands.
    Help(Vec<Word>),
    Version,
    Wrong(String),
}

impl From<String> for Stop {
    fn from(wrong: String) -> Self {
        Self::Wrong(wrong)
    }
}

fn interpret<T: TopLevelCommand + ArgsInfo>(
    applet: &str,
    args: &[OsString],
    rivals: Rivals<'_>,
) -> Result<(T, Vec<&'static str>), Stop> {
    let flags = help::flags(&T::get_args_info());
    let (words, given) = Line::read(flags, args, rivals)?.for_argh();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let parsed = T::from_args(&[applet], &words).map_err(|early| reworded(&early.output))?;
    Ok((parsed, given))
}

/// Words argh's messages as getopt and coreutils do. All values that argh itself checks are
/// numbers.
fn reworded(text: &str) -> String {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let option = text.strip_prefix("Error parsing option '");
    if let Some((option, rest)) = option.and_then(|rest| rest.split_once("' with value '")) {
        let value = rest.rsplit_once("': ").map_or(rest, |(value, _)| value);
        return format!("option {option}: invalid number \"{}\"", shown(value));
    }
    if let Some(word) = text.strip_prefix("Unrecognized argument: ") {
        return format!("extra operand \"{}\"", shown(word));
    }
    let missing = text.replace(":\n    ", ": ").replace("\n    ", ", ");
    shown(&missing.replace("Required options not provided:", "missing option"))
}

/// A command line taken apart: the options, spelt as given but one to an argument, and the
/// operands.
#[derive(Default)]
struct Line<'a> {
    flags: Vec<&'static FlagInfo<'static>>,
    rivals: Rivals<'a>,
    options: Vec<(String, &'static FlagInfo<'static>, Option<String>)>,
    operands: Vec<String>,
}

impl<'a> Line<'a> {
    fn read(
        flags: Vec<&'static FlagInfo<'static>>,
        args: &[OsString],
        rivals: Rivals<'a>,
    ) -> Result<Self, Stop> {
        let mut line = Self {
            flags,
            rivals,
            ..Self::default()
        };
        let mut words = args.iter().map(|arg| encode(arg));
        while let Some(word) = words.next() {
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
    fn shorts(&mut self, text: &str, words: &mut impl Iterator<Item = String>) -> Result<(), Stop> {
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            let spelt = format!("-{letter}");
            let mut flags = self.flags.iter();
            let Some(flag) = flags.find(|flag| flag.short == Some(letter)) else {
                return Err(format!("unknown option {}", shown(&spelt)).into());
            };
            let glued = takes_value(flag).then(|| letters.by_ref().collect());
            let glued = glued.filter(|glued: &String| !glued.is_empty());
            self.give(spelt, flag, glued, words)?;
        }
        Ok(())
    }

    /// Parses a long option: `--long`, `--long=value`, `--long value`, or an unambiguous
    /// abbreviation.
    fn long(&mut self, text: &str, words: &mut impl Iterator<Item = String>) -> Result<(), Stop> {
        let (name, glued) = match text.split_once('=') {
            Some((name, value)) => (format!("--{name}"), Some(value.to_owned())),
            None => (format!("--{text}"), None),
        };
        let flag = self.named(&name)?;
        self.give(flag.long.to_owned(), flag, glued, words)
    }

    fn named(&self, name: &str) -> Result<&'static FlagInfo<'static>, String> {
        let mut alike: Vec<&FlagInfo> = Vec::new();
        let flags = self.flags.iter();
        for flag in flags.filter(|flag| flag.long.starts_with(name)) {
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
                Err(format!("option {} is ambiguous: {alike}", shown(name)))
            }
        }
    }

    /// Adds an option, whose value is the next word unless it is glued on. The last of several
    /// values counts, as with getopt, unless the applet wants all of them; so does the last of
    /// several rivals.
    fn give(
        &mut self,
        spelt: String,
        flag: &'static FlagInfo<'static>,
        glued: Option<String>,
        words: &mut impl Iterator<Item = String>,
    ) -> Result<(), Stop> {
        let value = match (takes_value(flag), glued) {
            (true, None) => match words.next() {
                None => return Err(format!("option {spelt} requires an argument").into()),
                value => value,
            },
            (false, Some(_)) => return Err(format!("option {spelt} takes no argument").into()),
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
        match flag.long {
            "--help" => {
                let operands = self.operands.iter().map(|word| Word(decode(word)));
                return Err(Stop::Help(operands.collect()));
            }
            "--version" => return Err(Stop::Version),
            _ => self.options.push((spelt, flag, value)),
        }
        Ok(())
    }

    /// Returns the arguments for argh, and the long names of the options. `--` keeps argh from
    /// taking an operand for an option, or the operand `help` for a request for help.
    fn for_argh(self) -> (Vec<String>, Vec<&'static str>) {
        let mut words = Vec::new();
        let mut given = Vec::new();
        for (spelt, flag, value) in self.options {
            given.push(flag.long);
            words.push(spelt);
            words.extend(value);
        }
        words.push("--".to_owned());
        words.extend(self.operands);
        (words, given)
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
