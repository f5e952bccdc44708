//! A socket between this process and a child of its own, which carries whole [messages](Message).

use crate::message::{self, Message};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// One end of the socket. The other one sees when it is dropped, and when its process ends.
#[derive(Debug)]
pub struct Channel {
    socket: UnixStream,
    /// The beginning of the next message.
    inbox: Vec<u8>,
}

impl Channel {
    /// Makes both ends.
    pub fn pair() -> io::Result<(Self, Self)> {
        let of = |socket| Self {
            socket,
            inbox: Vec::new(),
        };
        UnixStream::pair().map(|(ours, theirs)| (of(ours), of(theirs)))
    }

    /// Bounds each wait of [`receive`](Self::receive).
    pub fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.socket.set_read_timeout(Some(timeout))
    }

    /// Has [`receive`](Self::receive) wait or not.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.socket.set_nonblocking(nonblocking)
    }

    /// Sends a message.
    pub fn send(&mut self, value: &impl Message) -> io::Result<()> {
        self.socket
            .write_all(&message::to_bytes(&message::to_bytes(value)))
    }

    /// Receives a message.
    ///
    /// # Errors
    /// It has not come yet (`is_pause`): a later call waits on. The other end is closed
    /// (`UnexpectedEof` or `ConnectionReset`), or has sent no such value (`InvalidData`).
    pub fn receive<T: Message>(&mut self) -> io::Result<T> {
        let bytes = self.next()?;
        message::from_bytes(&bytes).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    fn next(&mut self) -> io::Result<Vec<u8>> {
        let mut part = [0; 16 * 1024];
        loop {
            let mut rest = &self.inbox[..];
            if let Some(message) = Message::take(&mut rest) {
                self.inbox = rest.to_vec();
                return Ok(message);
            }
            match self.socket.read(&mut part) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => self.inbox.extend(part.iter().take(length)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits for the other end to close, for one timeout at most. Its process sends nothing more.
    pub fn await_end(&mut self) {
        // An ending process undoes its semaphores before it closes its files (do_exit).
        let _ = self.socket.read(&mut [0]);
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Waits until one of `channels` has something to receive or is closed at its other end, but no
/// longer than `timeout`. Returns for each whether that is so.
pub fn ready<'c>(
    channels: impl Iterator<Item = &'c Channel>,
    timeout: Duration,
) -> io::Result<Vec<bool>> {
    let mut files: Vec<_> = channels
        .map(|channel| PollFd::new(channel, PollFlags::IN))
        .collect();
    let timeout = Timespec::try_from(timeout).map_err(io::Error::other)?;
    match poll(&mut files, Some(&timeout)) {
        Err(errno) if errno != Errno::INTR => Err(errno.into()),
        _ => Ok(files
            .iter()
            .map(|file| !file.revents().is_empty())
            .collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syscall::is_pause;
    use std::net::Shutdown;

    #[test]
    fn a_wait_that_ends_early_loses_no_part_of_a_message() {
        let (mut ours, mut theirs) = Channel::pair().unwrap();
        let frame = message::to_bytes(&message::to_bytes(&7u32));
        ours.set_nonblocking(true).unwrap();
        for byte in frame {
            assert!(is_pause(&ours.receive::<u32>().unwrap_err()));
            theirs.socket.write_all(&[byte]).unwrap();
        }
        theirs.send(&true).unwrap();
        // A child that another test has just forked may keep a dropped one open.
        theirs.socket.shutdown(Shutdown::Write).unwrap();
        assert_eq!(ours.receive::<u32>().unwrap(), 7);
        // The end comes after all that was sent.
        let odd = ours.receive::<u32>().unwrap_err();
        assert_eq!(odd.kind(), io::ErrorKind::InvalidData);
        let end = ours.receive::<u32>().unwrap_err();
        assert_eq!(end.kind(), io::ErrorKind::UnexpectedEof);
    }
}
