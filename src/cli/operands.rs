//! Operands: how many there have to be, and names among them.

use super::Word;
use crate::report::{Usage, printable};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Returns what is wrong with the number of operands, whose names these are: one in brackets is
/// optional, and one with dots may repeat.
pub fn miscounted(names: &str, given: &[Word]) -> Option<String> {
    let mut names = names.split_whitespace();
    for word in given {
        match names.next() {
            Some(name) if name.ends_with("...]") => return None,
            Some(_) => {}
            None => return Some(format!("extra operand \"{word}\"")),
        }
    }
    let missing = names.next().filter(|name| !name.starts_with('['));
    missing.map(|name| format!("missing {name} operand"))
}

/// Returns the operands of an applet that requires one for each of `names`.
///
/// # Errors
///
/// The name of the first missing operand, or the first operand without a name.
pub fn operands<'a, const N: usize>(
    applet: &str,
    names: [&str; N],
    given: &'a [Word],
) -> Result<&'a [Word; N], Usage> {
    given.try_into().map_err(|_| {
        let wrong = miscounted(&names.join(" "), given).unwrap_or_default();
        Usage(format!("{wrong} (see \"{applet} --help\")"))
    })
}

/// Describes a name that is none of `names`: with the one that was probably meant, or else with
/// `see`, where they are listed.
pub fn unknown<'a>(
    what: &str,
    name: &OsStr,
    names: impl Iterator<Item = &'a str>,
    see: &str,
) -> String {
    let given = name.as_bytes();
    let near = names
        .map(|name| (distance(given, name.as_bytes()), name))
        .filter(|&(distance, _)| distance <= 2 && distance < given.len());
    let hint = match near.min() {
        Some((_, near)) => format!("did you mean {near}?"),
        None => format!("see \"{see}\""),
    };
    format!("{what} \"{}\" ({hint})", printable(given))
}

/// Returns the length of what differs between a common beginning and a common end; 0 if `name`
/// begins with all of `given`.
fn distance(given: &[u8], name: &[u8]) -> usize {
    if name.starts_with(given) {
        return 0;
    }
    let same = |(one, other): &(&u8, &u8)| one == other;
    let front = given.iter().zip(name).take_while(same).count();
    let back = given.iter().rev().zip(name.iter().rev());
    let back = back.take_while(same).count();
    given.len().max(name.len()).saturating_sub(front + back)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_operands() {
        for (names, given, says) in [
            ("", 0, ""),
            ("", 1, "extra operand \"x\""),
            ("A B", 1, "missing B operand"),
            ("A B", 2, ""),
            ("A B", 3, "extra operand \"x\""),
            ("[A]", 0, ""),
            ("[A]", 2, "extra operand \"x\""),
            ("[A...]", 9, ""),
            ("A [B...]", 0, "missing A operand"),
        ] {
            let given = vec![Word("x".into()); given];
            let said = miscounted(names, &given).unwrap_or_default();
            assert_eq!(said, says, "{names}");
        }
    }

    #[test]
    fn near_names_are_suggested() {
        for (name, hint) in [
            ("onlin", "did you mean online?"),
            ("stauts", "did you mean status?"),
            ("ofline", "did you mean offline?"),
            ("off", "did you mean offline?"),
            ("mount", "see \"--list\""),
            ("x", "see \"--list\""),
            ("", "see \"--list\""),
        ] {
            let names = ["online", "status", "offline"].into_iter();
            let said = unknown("unknown command", name.as_ref(), names, "--list");
            assert_eq!(said, format!("unknown command \"{name}\" ({hint})"));
        }
    }
}
