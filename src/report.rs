//! Exit codes, and the only code that prints. `println!` and its kin panic on a closed
//! descriptor and are used nowhere.

pub mod plain;

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::OnceLock;

use crate::sys::signal::Interrupted;
use crate::volume::NotPermitted;
use eyre::{Report, WrapErr};
use rustix::io::Errno;

/// What mount(8) makes of a helper's exit status.
pub mod exit {
    /// Wrong usage, or not permitted.
    pub const USAGE: u8 = 1;
    /// The system is short of something: memory, descriptors, processes.
    pub const SYSTEM: u8 = 2;
    /// The user ended it.
    pub const INTERRUPTED: u8 = 8;
    /// The mount or unmount failed.
    pub const MOUNT: u8 = 32;
    /// `o2cb exec` has not run its command.
    pub const NOT_RUN: u8 = 125;
    /// The command cannot be executed; the shell's code.
    pub const CANNOT_EXECUTE: u8 = 126;
    /// No such applet or command; the shell's code for a command that is not there.
    pub const NOT_FOUND: u8 = 127;
}

/// The arguments are at fault; the text says which and why.
#[derive(Debug, PartialEq, Eq)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Everything is said already, on standard output: only the exit code is left.
#[derive(Debug, PartialEq, Eq)]
pub struct Silent;

impl fmt::Display for Silent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("see above")
    }
}

impl std::error::Error for Silent {}

/// How an applet ends when it does not succeed: a code, and nearly always a reason.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    report: Option<Report>,
    notes: Vec<String>,
}

impl Failure {
    /// Ends with `code` whatever the report says.
    pub fn new(code: u8, report: Report) -> Self {
        Self {
            code,
            report: Some(report).filter(|report| !has::<Silent>(report)),
            notes: Vec::new(),
        }
    }

    /// Lines that follow the message, such as the kernel's own.
    pub fn with_notes(self, notes: Vec<String>) -> Self {
        Self { notes, ..self }
    }

    /// Ends with the code that mount(8) has for this cause, else with `default`.
    pub fn of(report: Report, default: u8) -> Self {
        Self::new(exit_code(&report, default), report)
    }

    /// The exit status.
    pub fn code(&self) -> u8 {
        self.code
    }
}

impl From<Usage> for Failure {
    fn from(usage: Usage) -> Self {
        Self::new(exit::USAGE, Report::new(usage))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.report {
            Some(report) => {
                f.write_str(&without_numbers(&format!("{report:#}")))?;
                if lacks_permission(report) && !rustix::process::geteuid().is_root() {
                    f.write_str(" (only root can do this)")?;
                }
                Ok(())
            }
            None => write!(f, "exit status {}", self.code),
        }
    }
}

/// The code of mount(8) that the chain of `report` asks for. A mount(2) that was refused with
/// EACCES is not the caller's lack of permission: give such a failure its code yourself.
pub fn exit_code(report: &Report, default: u8) -> u8 {
    if has::<Interrupted>(report) {
        return exit::INTERRUPTED;
    }
    if has::<Usage>(report) || has::<NotPermitted>(report) {
        return exit::USAGE;
    }
    match report.chain().find_map(errno) {
        _ if lacks_permission(report) => exit::USAGE,
        Some(Errno::NOMEM | Errno::MFILE | Errno::NFILE | Errno::AGAIN) => exit::SYSTEM,
        _ => default,
    }
}

/// A context added with `wrap_err` is found by downcasting the report, a cause inside
/// another error only by walking the chain.
fn has<E: std::error::Error + Send + Sync + 'static>(report: &Report) -> bool {
    report.downcast_ref::<E>().is_some() || report.chain().any(|cause| cause.is::<E>())
}

fn errno(cause: &(dyn std::error::Error + 'static)) -> Option<Errno> {
    if let Some(errno) = cause.downcast_ref::<Errno>() {
        return Some(*errno);
    }
    let error = cause.downcast_ref::<io::Error>()?;
    match (Errno::from_io_error(error), error.kind()) {
        (Some(errno), _) => Some(errno),
        (None, io::ErrorKind::PermissionDenied) => Some(Errno::PERM),
        (None, io::ErrorKind::OutOfMemory) => Some(Errno::NOMEM),
        _ => None,
    }
}

/// What every line about something goes through.
pub fn plain(message: impl fmt::Display) -> String {
    printable(without_numbers(&message.to_string()))
}

/// Is it the caller's lack of permission?
pub fn lacks_permission(report: &Report) -> bool {
    let refused = report.chain().find_map(errno);
    matches!(refused, Some(Errno::PERM | Errno::ACCESS))
}

/// std shows an error as "No such file or directory (os error 2)"; the number tells nobody
/// anything.
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

/// The applet that runs.
pub fn name() -> &'static str {
    NAME.get().copied().unwrap_or("ocfs2box")
}

/// Prints one line on standard error. That it cannot be printed has nowhere to be said.
pub fn warn(message: impl fmt::Display) {
    let line = format!("{}: {}\n", name(), plain(message));
    // One write, so that lines of several processes do not mix.
    let _ = io::stderr().write_all(line.as_bytes());
}

/// Writes a message to the kernel's log at `log` if standard error leads nowhere.
pub fn log_if_unheard(log: &std::path::Path, message: impl fmt::Display) {
    // linux/major.h and Documentation/admin-guide/devices.txt: /dev/null is 1:3.
    let nowhere = rustix::fs::makedev(1, 3);
    let heard = rustix::fs::fstat(io::stderr()).is_ok_and(|file| file.st_rdev != nowhere);
    if heard {
        return;
    }
    // <3>: an error. A log that cannot be written leaves nobody to tell.
    let line = format!("<3>{}: {}\n", name(), plain(message));
    if let Ok(mut log) = std::fs::File::options().write(true).open(log) {
        let _ = log.write_all(line.as_bytes());
    }
}

/// Shows a line on the terminal that the next one takes the place of; an empty one ends it.
pub fn show_passing(message: impl fmt::Display) {
    let message = plain(message);
    let name = if message.is_empty() { "" } else { name() };
    let colon = if message.is_empty() { "" } else { ": " };
    // Back to the margin, and clear what stood there.
    let _ = io::stderr().write_all(format!("\r\x1b[K{name}{colon}{message}").as_bytes());
}

/// Is there somebody to ask?
pub fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Puts a question, and waits for a line; none at the input's end.
pub fn ask(question: &str) -> io::Result<Option<String>> {
    let _ = io::stderr().write_all(format!("{}: {question}", name()).as_bytes());
    let mut answer = String::new();
    let length = io::stdin().read_line(&mut answer)?;
    Ok(Some(answer).filter(|_| length > 0))
}

/// Prints text on standard output as it stands; an error if it could not be written.
/// Anything in it that an outsider chose has to go through [`printable`] first.
pub fn say(text: impl AsRef<[u8]>) -> eyre::Result<()> {
    // Not through std's buffer, which takes a descriptor that is not open for writing as
    // success.
    write_all(io::stdout().as_fd(), text.as_ref()).wrap_err("cannot write to standard output")
}

fn write_all(to: impl AsFd, mut rest: &[u8]) -> rustix::io::Result<()> {
    while !rest.is_empty() {
        match rustix::io::write(&to, rest) {
            Ok(0) => return Err(Errno::IO),
            Ok(written) => rest = &rest[written..],
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Says what there is to say and turns an applet's end into the process's.
pub fn conclude(result: Result<(), Failure>) -> u8 {
    let Err(failure) = result else {
        return 0;
    };
    if failure.report.is_some() {
        warn(&failure);
    }
    failure.notes.iter().for_each(warn);
    failure.code
}

/// Control characters and those that turn the direction of writing; all within four hex digits.
pub fn is_unprintable(c: char) -> bool {
    c.is_control() || is_directing(c)
}

fn is_directing(c: char) -> bool {
    matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text that cannot break a line or steer a terminal: control characters, those that turn
/// the direction of writing, and bytes that are not UTF-8 come out escaped.
pub fn printable(text: impl AsRef<[u8]>) -> String {
    let mut out = String::new();
    for chunk in text.as_ref().utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                c if is_directing(c) => out.extend(c.escape_unicode()),
                c if c.is_control() => out.extend(c.escape_default()),
                c => out.push(c),
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
    fn codes_follow_the_chain() {
        let io = |errno: Errno| Report::new(io::Error::from(errno));
        for (report, code) in [
            (io(Errno::PERM).wrap_err("while mounting"), exit::USAGE),
            (io(Errno::ACCESS), exit::USAGE),
            (io(Errno::NOMEM), exit::SYSTEM),
            (io(Errno::MFILE).wrap_err("a").wrap_err("b"), exit::SYSTEM),
            (Report::new(Errno::AGAIN).wrap_err("fork"), exit::SYSTEM),
            (io(Errno::IO).wrap_err("x"), exit::MOUNT),
            (Report::new(Interrupted).wrap_err("x"), exit::INTERRUPTED),
            (io(Errno::INTR).wrap_err(Interrupted), exit::INTERRUPTED),
            (io(Errno::INVAL).wrap_err(Usage("u".into())), exit::USAGE),
            (
                Report::new(io::Error::from(io::ErrorKind::OutOfMemory)),
                exit::SYSTEM,
            ),
            (eyre::eyre!("plain"), exit::MOUNT),
        ] {
            assert_eq!(exit_code(&report, exit::MOUNT), code, "{report:#}");
        }
    }

    #[test]
    fn a_failure_reads_as_one_line() {
        let report = Report::new(io::Error::from(Errno::NODEV)).wrap_err("/dev/x");
        let text = Failure::of(report, exit::MOUNT).to_string();
        assert_eq!(text, "/dev/x: No such device");
    }

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
