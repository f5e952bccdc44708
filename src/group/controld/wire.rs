//! The messages to and from the daemon (ocfs2-tools, libo2cb's client protocol).
//!
//! Every message has 256 bytes: words with a space between them, padded with NUL. Only the last
//! word may hold spaces. The daemon answers `STATUS errno text`, or to a request for a list
//! `ITEMCOUNT n`, n times `ITEM text`, and a STATUS.

use super::socket::Socket;
use crate::heartbeat::Watch;
use crate::host::System;
use crate::report;
use eyre::{Report, Result, WrapErr, bail, eyre};
use std::ffi::CStr;
use std::io;
use std::time::{Duration, Instant};

/// Bytes of a message; one of them at least is a NUL.
const LENGTH: usize = 256;
/// The most items of a valid list. The daemon remembers 1 MiB, which DUMP shows in two parts, in
/// items of 250 bytes (ocfs2_controld/main.c, `dump_debug`).
const ITEMS_MAX: usize = (1 << 20) / 250 + 2;
/// The abstract socket's name.
const SOCKET: &str = "ocfs2_controld_sock";
/// The filesystem type, the first operand of every message but `LISTCLUSTERS` and `DUMP`.
pub const OCFS2: &[u8] = b"ocfs2";

/// A message to the daemon, which fits its length.
pub struct Message([u8; LENGTH]);

impl Message {
    /// Makes a message of these words, the command first.
    ///
    /// # Errors
    /// The words do not fit, or a word but the last one holds a space.
    pub fn new(words: &[&[u8]]) -> Result<Self> {
        if let [others @ .., _] = words
            && let Some(bad) = others.iter().find(|word| word.contains(&b' '))
        {
            let bad = report::printable(bad);
            bail!("\"{bad}\" has a space, which a message to ocfs2_controld cannot carry there");
        }
        let text = words.join(&b' ');
        let mut bytes = [0; LENGTH];
        match bytes.split_at_mut_checked(text.len()) {
            Some((start, [_, ..])) => start.copy_from_slice(&text),
            _ => bail!(
                "\"{}\" is too long for a message to ocfs2_controld, by {} bytes (use a shorter \
                 path)",
                report::printable(words.last().copied().unwrap_or_default()),
                text.len() + 1 - LENGTH
            ),
        }
        Ok(Self(bytes))
    }
}

/// An answer of the daemon with an errno. One errno has several meanings, which only the text
/// distinguishes. The text holds names in any bytes and is cut at 127 (ocfs2_controld/mount.c,
/// `fill_error`), so that only its fixed parts count.
#[derive(Debug)]
pub struct Refused {
    errno: i32,
    text: String,
}

impl Refused {
    /// Returns whether the group is joined already, so that the mount can proceed. The daemon also
    /// answers 114 alone to a registration that has failed.
    pub fn goes_ahead(&self) -> bool {
        self.says(libc::EALREADY, "Already mounted, go ahead")
    }

    /// Returns whether the service is registered, by this name.
    pub fn is_mounted(&self) -> bool {
        self.errno == libc::EBUSY && self.text.contains(" is already mounted on ")
    }

    /// Returns whether the daemon does not know the service.
    pub fn is_unknown(&self) -> bool {
        self.errno == libc::ENOENT
    }

    /// Returns whether the daemon does not know the group either, nor joins or leaves it any more.
    pub fn has_no_group(&self) -> bool {
        self.says(libc::ENOENT, "Filesystem ")
    }

    /// Returns whether a result came from a client that mounts nothing: nothing is joined.
    pub fn is_detached(&self) -> bool {
        self.is_unknown() || self.says(libc::EINVAL, "Client is not attached")
    }

    /// Returns whether the cause may be the volume's cluster.
    pub fn is_invalid(&self) -> bool {
        self.errno == libc::EINVAL
    }

    /// Returns whether this may be an error of an earlier client's result, with which the daemon
    /// refuses a service although it is registered (`add_service`).
    pub fn may_be_stale(&self) -> bool {
        matches!(self.errno, libc::EINVAL | libc::ENOENT | libc::ERANGE)
            && !["Invalid ", "Trying to mount ", "Failed to stat "]
                .iter()
                .any(|own| self.text.starts_with(own))
    }

    fn says(&self, errno: i32, text: &str) -> bool {
        self.errno == errno && self.text.starts_with(text)
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { errno, text } = self;
        let meaning = io::Error::from_raw_os_error(*errno);
        f.write_str("ocfs2_controld refuses: ")?;
        match text.as_str() {
            "" => write!(f, "{meaning}"),
            // The text ends with the errno's own words.
            _ if text.contains(": ") => f.write_str(text),
            _ => write!(f, "{text} ({meaning})"),
        }?;
        match *errno {
            libc::EOPNOTSUPP => f.write_str(" (start dlm_controld with --enable_fscontrol=1)"),
            libc::EALREADY => f.write_str(
                " (dlm_controld has an earlier registration of the volume: retry; if it stays, \
                 restart the cluster's daemons on this node)",
            ),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Refused {}

enum Answer {
    Status(Result<(), Refused>),
    Count(usize),
    Item(Vec<u8>),
}

impl Answer {
    fn parse(bytes: &[u8; LENGTH]) -> Option<Self> {
        let text = CStr::from_bytes_until_nul(bytes).ok()?.to_bytes();
        let space = text.iter().position(|&byte| byte == b' ')?;
        let (word, bytes) = (text.get(..space)?, text.get(space + 1..)?);
        let rest = String::from_utf8_lossy(bytes);
        match word {
            b"STATUS" => {
                let (errno, text) = rest.split_once(' ')?;
                let text = report::printable(text);
                match errno.parse().ok()? {
                    0 => Some(Self::Status(Ok(()))),
                    errno @ 1..4096 => Some(Self::Status(Err(Refused { errno, text }))),
                    _ => None,
                }
            }
            b"ITEMCOUNT" => rest.parse().ok().map(Self::Count),
            b"ITEM" if !bytes.is_empty() => Some(Self::Item(bytes.to_vec())),
            _ => None,
        }
    }

    fn out_of_place(&self, wanted: &str) -> Report {
        let name = match self {
            Self::Status(_) => "STATUS",
            Self::Count(_) => "ITEMCOUNT",
            Self::Item(_) => "ITEM",
        };
        eyre!("ocfs2_controld answers with {name} where {wanted} is due (see its log)")
    }
}

/// The daemon's answer to a request without a result; after an error of the outer kind it is unknown
/// what the daemon has done.
pub type Reply = Result<Result<(), Refused>>;

/// A connection to the daemon.
pub struct Daemon(Socket);

impl Daemon {
    /// # Errors
    /// The daemon does not run, or takes longer than `timeout`.
    pub fn connect(system: &System, timeout: Duration, watch: &mut Watch) -> Result<Self> {
        Self::if_running(system, timeout, watch)?.ok_or_else(|| {
            eyre!(
                "the control daemon ocfs2_controld does not run on this node (start it with the \
                 cluster manager)"
            )
        })
    }

    /// Connects to the daemon; `None` if it does not run.
    pub fn if_running(
        system: &System,
        timeout: Duration,
        watch: &mut Watch,
    ) -> Result<Option<Self>> {
        let socket = Socket::connect(system, "ocfs2_controld", SOCKET, timeout, watch);
        Ok(socket.wrap_err("connecting to ocfs2_controld")?.map(Self))
    }

    /// Sends a request whose answer is a STATUS.
    pub fn ask(&mut self, message: &Message, watch: &mut Watch) -> Reply {
        let asked = Instant::now();
        self.send(message)?;
        let answer = self.receive(asked, watch)?;
        self.nothing_more()?;
        match answer {
            Answer::Status(status) => Ok(status),
            other => Err(other.out_of_place("STATUS")),
        }
    }

    /// Sends such a request, and waits until `watch` ends it. The daemon does not recover from a
    /// client that gives up while dlm_controld registers its group (ocfs2_controld/mount.c,
    /// `register_result`).
    pub fn ask_patiently(&mut self, message: &Message, watch: &mut Watch) -> Reply {
        self.0.for_ever = true;
        let answer = self.ask(message, watch);
        self.0.for_ever = false;
        answer
    }

    /// Sends a request whose answer is a list. Its items may be cut inside a character.
    pub fn list(&mut self, words: &[&[u8]], watch: &mut Watch) -> Result<Vec<Vec<u8>>> {
        let asked = Instant::now();
        self.send(&Message::new(words)?)?;
        let count = match self.receive(asked, watch)? {
            Answer::Count(count) if count <= ITEMS_MAX => count,
            Answer::Count(count) => bail!("ocfs2_controld announces a list of {count}"),
            Answer::Status(Err(refused)) => bail!(refused),
            other => return Err(other.out_of_place("ITEMCOUNT")),
        };
        let mut items = Vec::new();
        loop {
            match self.receive(asked, watch)? {
                Answer::Status(Ok(())) if items.len() == count => return Ok(items),
                Answer::Status(Err(refused)) => bail!(refused),
                Answer::Item(item) if items.len() < count => items.push(item),
                other if items.len() < count => return Err(other.out_of_place("ITEM")),
                other => return Err(other.out_of_place("STATUS")),
            }
        }
    }

    fn send(&mut self, Message(bytes): &Message) -> Result<()> {
        self.nothing_more()?;
        self.0.send(bytes).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                eyre!("ocfs2_controld does not take what is said to it (it hangs: see its log)")
            }
            _ => lost(),
        })
    }

    /// Checks that nothing more comes: an unrequested message answers another client.
    fn nothing_more(&mut self) -> Result<()> {
        match self.0.has_more() {
            true => bail!("ocfs2_controld sends what nobody has asked for (see its log)"),
            false => Ok(()),
        }
    }

    fn receive(&mut self, asked: Instant, watch: &mut Watch) -> Result<Answer> {
        let mut bytes = [0; LENGTH];
        match self.0.receive(&mut bytes, asked, watch)? {
            LENGTH => Answer::parse(&bytes)
                .ok_or_else(|| eyre!("ocfs2_controld answers with rubbish (see its log)")),
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
