//! A pseudo-terminal, and a program on it.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};

/// The side of a pseudo-terminal that shows and types.
pub struct Terminal {
    master: OwnedFd,
    pub shown: String,
}

impl Terminal {
    /// Runs a program on a terminal of this type.
    pub fn open(command: &[&str], term: &str) -> (Child, Self) {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).unwrap();
        unlockpt(&master).unwrap();
        let slave = File::from(ioctl_tiocgptpeer(&master, flags).unwrap());
        let child = Command::new("setsid")
            .args(["--ctty", "--wait"])
            .args(command)
            .env("TERM", term)
            .stdin(slave.try_clone().unwrap())
            .stdout(slave.try_clone().unwrap())
            .stderr(slave)
            .spawn()
            .unwrap();
        let shown = String::new();
        (child, Self { master, shown })
    }

    /// Waits until `text` is shown.
    pub fn expect(&mut self, text: &str) {
        let until = Instant::now() + Duration::from_secs(300);
        while !self.shown.contains(text) {
            let left = until.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).unwrap();
            let mut polled = [PollFd::new(&self.master, PollFlags::IN)];
            poll(&mut polled, Some(&left)).unwrap();
            let mut bytes = [0; 4096];
            let is_readable = polled[0].revents().contains(PollFlags::IN);
            assert!(is_readable, "no {text:?}: {:?}", self.shown);
            let length = rustix::io::read(&self.master, &mut bytes).unwrap();
            self.shown += str::from_utf8(&bytes[..length]).unwrap();
        }
    }

    pub fn press(&self, keys: &[u8]) {
        assert_eq!(rustix::io::write(&self.master, keys), Ok(keys.len()));
    }
}
