//! What is said to a daemon, and what it says (ocfs2-tools, libo2cb's client protocol).
//!
//! Every message has 256 bytes: words with a space between them, filled up with NUL. Only the
//! last word may hold spaces. The daemon answers `STATUS errno text`, or to a question for a
//! list `ITEMCOUNT n`, n times `ITEM text`, and a STATUS.

use super::socket::{self, Socket};
use crate::heartbeat::Watch;
use crate::report;
use crate::system::System;
use eyre::{Report, Result, bail, eyre};
use std::io;
use std::time::{Duration, Instant};

/// Bytes of a message; one of them at least is a NUL.
const LENGTH: usize = 256;
/// A list that is longer is no answer.
const ITEMS_MAX: usize = 4096;
/// The abstract socket's name.
const SOCKET: &str = "ocfs2_controld_sock";
/// What every message but `LISTCLUSTERS` and `DUMP` names first: the daemon serves one kind.
pub const OCFS2: &[u8] = b"ocfs2";

/// A message to the daemon, which fits.
pub struct Message([u8; LENGTH]);

impl Message {
    /// Of these words, the command first.
    ///
    /// # Errors
    /// They do not fit, or a word but the last one holds a space.
    pub fn new(words: &[&[u8]]) -> Result<Self> {
        let text = words.join(&b' ');
        let spaces = text.iter().filter(|&&byte| byte == b' ').count();
        let last = words.last().copied().unwrap_or_default();
        let own = last.iter().filter(|&&byte| byte == b' ').count();
        if spaces != words.len().saturating_sub(1) + own {
            let bad = words.iter().find(|word| word.contains(&b' '));
            let bad = report::printable(bad.copied().unwrap_or_default());
            bail!("\"{bad}\" has a space, which a message to ocfs2_controld cannot carry there");
        }
        let mut bytes = [0; LENGTH];
        match bytes.split_at_mut_checked(text.len()) {
            Some((start, [_, ..])) => start.copy_from_slice(&text),
            _ => bail!(
                "\"{}\" is too long for a message to ocfs2_controld, by {} bytes (use a shorter \
                 path)",
                report::printable(last),
                text.len() + 1 - LENGTH
            ),
        }
        Ok(Self(bytes))
    }
}

/// The daemon has answered with an errno.
#[derive(Debug)]
pub struct Refused {
    /// The errno, positive.
    pub errno: i32,
    text: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let meaning = io::Error::from_raw_os_error(self.errno);
        match self.text.is_empty() {
            true => write!(f, "ocfs2_controld refuses: {meaning}"),
            false => write!(f, "ocfs2_controld refuses: {} ({meaning})", self.text),
        }
    }
}

impl std::error::Error for Refused {}

enum Answer {
    Status(i32, String),
    Count(usize),
    Item(String),
}

impl Answer {
    fn parse(bytes: &[u8; LENGTH]) -> Result<Self> {
        let rubbish = || eyre!("ocfs2_controld answers with rubbish (see its log)");
        let text = bytes.split(|&byte| byte == 0).next();
        let text = text.filter(|text| text.len() < LENGTH && !text.is_empty());
        let text = std::str::from_utf8(text.ok_or_else(rubbish)?).map_err(|_| rubbish())?;
        let (word, rest) = text.split_once(' ').ok_or_else(rubbish)?;
        match word {
            "STATUS" => {
                let (errno, text) = rest.split_once(' ').ok_or_else(rubbish)?;
                let errno = errno.parse().ok().filter(|errno| (0..4096).contains(errno));
                Ok(Self::Status(
                    errno.ok_or_else(rubbish)?,
                    report::printable(text),
                ))
            }
            "ITEMCOUNT" => Ok(Self::Count(rest.parse().map_err(|_| rubbish())?)),
            "ITEM" if !rest.is_empty() => Ok(Self::Item(rest.to_owned())),
            _ => Err(rubbish()),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Status(..) => "STATUS",
            Self::Count(_) => "ITEMCOUNT",
            Self::Item(_) => "ITEM",
        }
    }

    fn out_of_place(&self, wanted: &str) -> Report {
        let name = self.name();
        eyre!("ocfs2_controld answers with {name} where {wanted} is due (see its log)")
    }
}

/// A connection to the daemon.
pub struct Daemon {
    socket: Socket,
}

impl Daemon {
    /// # Errors
    /// The daemon does not run, or takes longer than `patience`.
    pub fn connect(system: &System, patience: Duration, watch: &mut Watch) -> Result<Self> {
        let socket = Socket::connect(system, "ocfs2_controld", SOCKET, patience, watch).map_err(
            |error| match socket::is_absent(&error) {
                true => socket::absent(
                    "the control daemon ocfs2_controld does not run on this node (start it with \
                     the cluster manager)",
                ),
                false => error.wrap_err("connecting to ocfs2_controld"),
            },
        )?;
        Ok(Self { socket })
    }

    /// Asks what is answered with a STATUS.
    ///
    /// # Errors
    /// [`Refused`]; with any other it is not known what the daemon has done.
    pub fn ask(&mut self, message: &Message, watch: &mut Watch) -> Result<()> {
        let asked = Instant::now();
        self.send(message)?;
        let answer = self.receive(asked, watch)?;
        self.nothing_more()?;
        match answer {
            Answer::Status(0, _) => Ok(()),
            Answer::Status(errno, text) => Err(Report::new(Refused { errno, text })),
            other => Err(other.out_of_place("STATUS")),
        }
    }

    /// Asks what is answered with a list.
    pub fn list(&mut self, message: &Message, watch: &mut Watch) -> Result<Vec<String>> {
        let asked = Instant::now();
        self.send(message)?;
        let count = match self.receive(asked, watch)? {
            Answer::Count(count) if count <= ITEMS_MAX => count,
            Answer::Count(count) => bail!("ocfs2_controld announces a list of {count}"),
            Answer::Status(errno, text) if errno != 0 => {
                return Err(Report::new(Refused { errno, text }));
            }
            other => return Err(other.out_of_place("ITEMCOUNT")),
        };
        let mut items = Vec::new();
        loop {
            match self.receive(asked, watch)? {
                Answer::Status(0, _) if items.len() == count => return Ok(items),
                Answer::Status(errno, text) if errno != 0 => {
                    return Err(Report::new(Refused { errno, text }));
                }
                Answer::Item(item) if items.len() < count => items.push(item),
                other if items.len() < count => return Err(other.out_of_place("ITEM")),
                other => return Err(other.out_of_place("STATUS")),
            }
        }
    }

    fn send(&mut self, Message(bytes): &Message) -> Result<()> {
        self.nothing_more()?;
        self.socket.send(bytes).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                eyre!("ocfs2_controld does not take what is said to it (it hangs: see its log)")
            }
            _ => lost(),
        })
    }

    /// What comes without having been asked for is the answer to somebody else.
    fn nothing_more(&mut self) -> Result<()> {
        match self.socket.has_more() {
            true => bail!("ocfs2_controld sends what nobody has asked for (see its log)"),
            false => Ok(()),
        }
    }

    fn receive(&mut self, asked: Instant, watch: &mut Watch) -> Result<Answer> {
        let mut bytes = [0; LENGTH];
        let read = self.socket.receive(&mut bytes, asked, watch)?;
        match read {
            LENGTH => Answer::parse(&bytes),
            0 => Err(lost()),
            _ => bail!(
                "ocfs2_controld has closed the connection in the middle of its answer (see its log)"
            ),
        }
    }
}

fn lost() -> Report {
    eyre!("ocfs2_controld has closed the connection without an answer (see its log)")
}
