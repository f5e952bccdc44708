//! Exit codes, and the only code that prints. `println!` and the like panic on a closed descriptor
//! and are used nowhere.

mod failure;
pub mod handler;

pub(crate) use failure::bail_usage;
pub use failure::{Failure, Usage, exit, lacks_permission};

use eyre::WrapErr;
use rustix::io::{Errno, retry_on_intr};
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::OnceLock;

/// Formats a message in plain text; every message passes through it.
pub fn plain(message: impl fmt::Display) -> String {
    printable(without_numbers(&message.to_string()))
}

/// Removes error numbers: std shows "No such file or directory (os error 2)", and the number is no
/// use to the user.
fn without_numbers(text: &str) -> String {
    let mut parts = text.split(" (os error ");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once(')').map_or(part, |(_, rest)| rest));
    }
    plain
}

static NAME: OnceLock<&'static str> = OnceLock::new();

/// Sets, once, the name that begins every message.
pub fn set_name(name: &'static str) {
    NAME.get_or_init(|| name);
}

/// Returns the name of the running applet.
fn name() -> &'static str {
    NAME.get().copied().unwrap_or("ocfs2box")
}

/// Prints one line on standard error. A failure to print it cannot be reported.
pub fn warn(message: impl fmt::Display) {
    // A single write keeps lines of several processes apart.
    let _ = io::stderr().write_all((line(message) + "\n").as_bytes());
}

fn line(message: impl fmt::Display) -> String {
    format!("{}: {}", name(), plain(message))
}

/// Writes a message to the kernel's log at `log` if standard error leads nowhere.
pub fn log_if_unheard(log: &std::path::Path, message: impl fmt::Display) {
    // linux/major.h and Documentation/admin-guide/devices.txt: /dev/null is 1:3.
    let nowhere = rustix::fs::makedev(1, 3);
    let heard = rustix::fs::fstat(io::stderr()).is_ok_and(|file| file.st_rdev != nowhere);
    if !heard && let Ok(mut log) = std::fs::File::options().write(true).open(log) {
        // <3> is the level of an error. A failure to write the log cannot be reported.
        let _ = log.write_all(format!("<3>{}\n", line(message)).as_bytes());
    }
}

/// Shows a line on the terminal that the next one replaces; none clears the last one.
pub fn show_passing(message: Option<fmt::Arguments<'_>>) {
    let line = message.map(line).unwrap_or_default();
    // The cursor returns to the margin, and the old line is cleared.
    let _ = io::stderr().write_all(format!("\r\x1b[K{line}").as_bytes());
}

/// Returns whether there is a user to ask.
pub fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a question, and waits for a line; none at the input's end.
pub fn ask(question: &str) -> io::Result<Option<String>> {
    let _ = io::stderr().write_all(format!("{}: {question}", name()).as_bytes());
    let mut answer = String::new();
    let length = io::stdin().read_line(&mut answer)?;
    Ok(Some(answer).filter(|_| length > 0))
}

/// Prints text on standard output unchanged; an error if it could not be written. Foreign text in
/// it has to go through [`printable`] first.
pub fn say(text: impl AsRef<[u8]>) -> eyre::Result<()> {
    // std's buffer would take a descriptor that is not open for writing as success.
    write_all(io::stdout().as_fd(), text.as_ref()).wrap_err("cannot write to standard output")
}

/// Returns whether a write failed because its reader has gone.
pub fn reader_left(report: &eyre::Report) -> bool {
    report.downcast_ref() == Some(&Errno::PIPE)
}

fn write_all(to: impl AsFd, mut rest: &[u8]) -> rustix::io::Result<()> {
    while !rest.is_empty() {
        match retry_on_intr(|| rustix::io::write(&to, rest))? {
            0 => return Err(Errno::IO),
            written => rest = rest.get(written..).unwrap_or_default(),
        }
    }
    Ok(())
}

/// Prints an applet's failure, and returns the process's exit code.
pub fn conclude(result: Result<(), Failure>) -> u8 {
    let Err(failure) = result else {
        return 0;
    };
    if failure.report.is_some() {
        warn(&failure);
    }
    failure.notes.iter().for_each(warn);
    failure.code()
}

/// Returns whether a character is a control character or turns the direction of writing; all these
/// fit in four hex digits.
pub fn is_unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Escapes text so that it cannot break a line or control a terminal: control characters, those
/// that turn the direction of writing, and bytes that are not UTF-8.
pub fn printable(text: impl AsRef<[u8]>) -> String {
    let mut out = String::new();
    for chunk in text.as_ref().utf8_chunks() {
        for c in chunk.valid().chars() {
            match is_unprintable(c) {
                true => out.extend(c.escape_default()),
                false => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_no_numbers_of_errors() {
        let error = io::Error::from(Errno::ACCESS);
        assert_eq!(
            plain(format_args!("/dev/x\n: {error}; {error}")),
            r"/dev/x\n: Permission denied; Permission denied"
        );
    }

    #[test]
    fn hostile_text_is_tamed() {
        assert_eq!(printable("a\nb\x1b[1m\u{9b}ä\t"), r"a\nb\u{1b}[1m\u{9b}ä\t");
        assert_eq!(printable(b"a\xffb\xc3"), r"a\xffb\xc3");
        assert_eq!(printable("\u{202e}x\u{2028}"), r"\u{202e}x\u{2028}");
        assert_eq!(
            printable(printable(b"\xff\n")),
            r"\xff\n",
            "escaping twice is harmless"
        );
    }
}
