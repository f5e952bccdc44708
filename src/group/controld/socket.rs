//! A connection to a daemon on which every wait is bounded.

use crate::heartbeat::{POLL_INTERVAL, Wait, Watch};
use crate::host::System;
use crate::syscall::is_pause;
use crate::syscall::socket::peer_user;
use eyre::{Result, WrapErr, bail};
use rustix::net::{AddressFamily, RecvFlags, SocketAddrUnix, SocketFlags, SocketType};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// A stream socket.
pub struct Socket {
    /// The daemon's name, for the user.
    daemon: &'static str,
    stream: UnixStream,
    timeout: Duration,
    /// The first byte of an answer may take any time.
    pub for_ever: bool,
}

impl Socket {
    /// Connects to root's abstract socket `name`, as any user can listen on one; `None` if no
    /// process does.
    ///
    /// `timeout` bounds the wait for the daemon to accept, and later for each of its answers.
    pub fn connect(
        system: &System,
        daemon: &'static str,
        name: &str,
        timeout: Duration,
        watch: &mut Watch,
    ) -> Result<Option<Self>> {
        let socket = rustix::net::socket_with(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )
        .wrap_err("making a socket")?;
        let stream = UnixStream::from(socket);
        // The kernel waits as long for a place in the daemon's queue.
        let set = stream.set_write_timeout(Some(POLL_INTERVAL));
        set.and_then(|()| stream.set_read_timeout(Some(POLL_INTERVAL)))
            .wrap_err("setting up a socket")?;
        let name = system.abstract_socket(name);
        let address = SocketAddrUnix::new_abstract_name(&name).wrap_err("naming a socket")?;
        let started = Instant::now();
        while let Err(error) = rustix::net::connect(&stream, &address) {
            match io::Error::from(error) {
                error if is_pause(&error) => pause(daemon, started, timeout, watch)?,
                error if error.kind() == io::ErrorKind::ConnectionRefused => return Ok(None),
                error => return Err(error.into()),
            }
        }
        let user = peer_user(&stream).wrap_err("asking whose a socket is")?;
        if user != system.owner() {
            bail!(
                "{daemon}: user {user} has taken its socket (end that user's process, which ss -xlp \
                 names, and start {daemon})"
            );
        }
        Ok(Some(Self {
            daemon,
            stream,
            timeout,
            for_ever: false,
        }))
    }

    /// Sends all of `bytes`.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Returns whether there is anything to read just now; the end of the connection is not.
    pub fn has_more(&self) -> bool {
        let mut byte = [0];
        let flags = RecvFlags::DONTWAIT | RecvFlags::PEEK;
        matches!(
            rustix::net::recv(&self.stream, &mut byte, flags),
            Ok((_, 1..))
        )
    }

    /// Reads until `bytes` is full or the other side has ended; returns how many there were. The
    /// timeout of the whole answer runs from when it was `asked` for.
    ///
    /// # Errors
    /// The answer takes too long, or `watch` fails.
    pub fn receive(
        &mut self,
        bytes: &mut [u8],
        mut asked: Instant,
        watch: &mut Watch,
    ) -> Result<usize> {
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.stream.read(rest) {
                Ok(0) => break,
                Ok(read) => {
                    if self.for_ever && filled == 0 {
                        asked = Instant::now();
                    }
                    filled += read;
                    if filled == bytes.len() {
                        break;
                    }
                }
                Err(error) if is_pause(&error) => {}
                // The daemon closed the connection before it read all that was sent.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break,
                Err(error) => return Err(error).wrap_err("waiting for the daemon's answer"),
            }
            // Also bounds a daemon that sends a byte now and then.
            let timeout = match filled {
                0 if self.for_ever => Duration::MAX,
                _ => self.timeout,
            };
            let paused = pause(self.daemon, asked, timeout, watch);
            match filled {
                0 => paused?,
                _ => paused.wrap_err("waiting for the rest of an answer")?,
            }
        }
        Ok(filled)
    }
}

fn pause(daemon: &str, started: Instant, timeout: Duration, watch: &mut Watch) -> Result<()> {
    let waited = started.elapsed();
    if waited > timeout {
        bail!(
            "{daemon} has not answered within {} s (it hangs, or its cluster does: see its log)",
            timeout.as_secs()
        );
    }
    watch(Wait::Daemon, waited)
}
