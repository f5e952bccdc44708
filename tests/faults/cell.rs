//! One cell of the matrix: a case, a point in it, and the harm done there. As a line of text
//! it goes to a node, and its result comes back.

use crate::trace::{Harm, Point};
use std::fmt;
use std::str::FromStr;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    pub point: Point,
    pub harm: Harm,
}

/// The errors that calls are made to fail with.
pub const ERRORS: [(&str, i32); 5] = [
    ("EIO", libc::EIO),
    ("ENOMEM", libc::ENOMEM),
    ("EINTR", libc::EINTR),
    ("ENOSPC", libc::ENOSPC),
    ("EACCES", libc::EACCES),
];

/// All kinds of harm, in the order of the table's columns.
pub fn harms() -> Vec<Harm> {
    let mut all = vec![Harm::Kill, Harm::KillAll];
    all.extend(ERRORS.map(|(_, errno)| Harm::Fail(errno)));
    all
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Harm::Kill => "kill",
            Harm::KillAll => "kill-all",
            Harm::Fail(errno) => ERRORS
                .iter()
                .find(|(_, number)| number == errno)
                .map_or("?", |(name, _)| name),
        })
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Point { process, call } = self.point;
        write!(f, "{process} {call} {}", self.harm)
    }
}

impl FromStr for Cell {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("not a cell: {text:?}");
        let mut words = text.split(' ');
        let mut number = || words.next()?.parse().ok();
        let point = Point {
            process: number().ok_or_else(bad)?,
            call: number().ok_or_else(bad)?,
        };
        let word = words.next().ok_or_else(bad)?;
        let harm = harms().into_iter().find(|harm| harm.to_string() == word);
        let harm = harm.ok_or_else(bad)?;
        Ok(Cell { point, harm })
    }
}

/// What came of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The command did not make that call this time.
    NotReached,
    /// It did what it was for in spite of the harm.
    Done,
    /// It did not, and all was as before.
    Undone,
    /// The next ordinary call made up for what was left.
    Tidied,
    /// Killed together with the one that writes to `dev`: this kernel cannot use the region
    /// again, and every later call says that a reboot is needed.
    Refused,
    /// A promise was broken.
    Broken,
}

pub const OUTCOMES: [(Outcome, &str); 6] = [
    (Outcome::NotReached, "not-reached"),
    (Outcome::Done, "done"),
    (Outcome::Undone, "undone"),
    (Outcome::Tidied, "tidied"),
    (Outcome::Refused, "refused"),
    (Outcome::Broken, "BROKEN"),
];

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = OUTCOMES.iter().find(|(outcome, _)| outcome == self);
        f.pad(name.map_or("?", |(_, name)| name))
    }
}

/// A cell's result.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub cell: Cell,
    pub outcome: Outcome,
    /// The system call's number.
    pub call: i64,
    pub code: i32,
    /// What the command said, or which promise was broken.
    pub text: String,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict {
            cell,
            outcome,
            call,
            code,
            text,
        } = self;
        let text = text.trim_end().replace('\n', " | ");
        write!(f, "{cell}\t{outcome}\t{call}\t{code}\t{text}")
    }
}

impl FromStr for Verdict {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let bad = || format!("not a verdict: {line:?}");
        let mut fields = line.splitn(5, '\t');
        let mut field = || fields.next().ok_or_else(bad);
        let cell = field()?.parse()?;
        let word = field()?;
        let outcome = OUTCOMES.iter().find(|(_, name)| *name == word);
        Ok(Verdict {
            cell,
            outcome: outcome.ok_or_else(bad)?.0,
            call: field()?.parse().map_err(|_| bad())?,
            code: field()?.parse().map_err(|_| bad())?,
            text: field()?.to_owned(),
        })
    }
}
