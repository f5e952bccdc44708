//! Reads the heartbeat slots of many devices repeatedly, each in a child process of its own. A
//! device that hangs holds up neither the others nor the caller.
//!
//! | from | message | meaning |
//! |---|---|---|
//! | child | `V`, sector, place of the heartbeat, superblock | what the device holds |
//! | caller | any byte | read the slots |
//! | child | `B` and the slots | as they were |
//! | child | `E` and text | why not; before `V` the child ends with it |
//!
//! A length precedes each message of a child. The end of the caller's socket ends the child.

mod reader;

use crate::host::System;
use crate::host::mounts::DeviceNumber;
use crate::ondisk::heartbeat_slots::Beats;
use crate::ondisk::{Geometry, Superblock};
use crate::syscall::fork;
use eyre::{Result, WrapErr, eyre};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The longest message: a region with the largest blocks, and its header.
const LONGEST: usize = 255 * 4096 + 64;
/// Tag and length.
const FRAME: usize = 5;
/// How often a wait checks whether the caller still waits.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// What a device holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Its superblock.
    pub superblock: Superblock,
    /// Where its heartbeat region is; none for a local volume.
    pub geometry: Option<Geometry>,
    /// The block device's number; none for an image in a file.
    pub number: Option<DeviceNumber>,
}

/// One device that is observed.
pub struct Observer {
    device: PathBuf,
    /// None before the first question, and when the child has ended.
    child: Option<(UnixStream, fork::Child)>,
    inbox: Vec<u8>,
    asked: Option<Instant>,
    about: Option<About>,
    /// The child has reported what the device holds.
    opened: bool,
    heard: Option<(Instant, Result<Beats, String>)>,
}

impl Observer {
    /// Makes an observer, which opens nothing before [`ask`](Self::ask).
    pub fn new(device: PathBuf) -> Self {
        Self {
            device,
            child: None,
            inbox: Vec::new(),
            asked: None,
            about: None,
            opened: false,
            heard: None,
        }
    }

    /// Returns the device by the name that was given.
    pub fn device(&self) -> &Path {
        &self.device
    }

    /// Returns what the device holds, once that is known.
    pub fn about(&self) -> Option<&About> {
        self.about.as_ref()
    }

    /// Returns since when an answer is due.
    pub fn silent_since(&self) -> Option<Instant> {
        self.asked
    }

    /// Returns what was read since the last call and when, or why the read failed.
    pub fn take(&mut self) -> Option<(Instant, Result<Beats, String>)> {
        self.heard.take()
    }

    /// Requests a reading of the slots, unless the last one is still under way. [`listen`] receives
    /// the answer.
    ///
    /// # Errors
    /// No process can be started.
    pub fn ask(&mut self, system: &System) -> Result<()> {
        if self.asked.is_some() {
            return Ok(());
        }
        if self.child.is_none() {
            self.child = Some(reader::start(system, &self.device)?);
            self.inbox.clear();
            self.opened = false;
        }
        self.asked = Some(Instant::now());
        if let Some((child, _)) = &mut self.child {
            // The wait for its answer detects a child that has ended.
            let _ = child.write_all(b"?");
        }
        Ok(())
    }

    /// Reads what the child has sent.
    fn hear(&mut self) {
        let mut part = vec![0; 64 * 1024];
        let Some((child, _)) = &mut self.child else {
            return;
        };
        match child.read(&mut part) {
            Ok(0) => {
                self.reap();
                return self.end("the process that reads the device has ended early");
            }
            Ok(length) => self
                .inbox
                .extend_from_slice(part.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return,
            Err(error) => return self.end(&error.to_string()),
        }
        while let Some((tag, message)) = self.message() {
            let told = match tag {
                b'V' => About::receive(&message).map(|about| {
                    self.about = Some(about);
                    self.opened = true;
                }),
                b'B' => self.slots(&message).map(|beats| self.answer(Ok(beats))),
                _ => Err(eyre!("{}", String::from_utf8_lossy(&message))),
            };
            if let Err(report) = told {
                self.answer(Err(format!("{report:#}")));
                if !self.opened {
                    self.reap();
                }
            }
        }
    }

    /// Reaps the child, which has ended or is about to.
    fn reap(&mut self) {
        if let Some((socket, child)) = self.child.take() {
            drop(socket);
            child.wait();
        }
    }

    /// Takes the first whole message that has come.
    fn message(&mut self) -> Option<(u8, Vec<u8>)> {
        let (head, rest) = self.inbox.split_at_checked(FRAME)?;
        let (tag, length) = head.split_first()?;
        let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
        if length > LONGEST {
            self.end("the process that reads the device talks rubbish");
            return None;
        }
        let found = (*tag, rest.get(..length)?.to_vec());
        self.inbox.drain(..FRAME + length);
        Some(found)
    }

    fn slots(&self, region: &[u8]) -> Result<Beats> {
        let geometry = self.about.as_ref().and_then(|about| about.geometry);
        let geometry = geometry.ok_or_else(|| eyre!("it has no heartbeat"))?;
        let size = usize::try_from(geometry.block_bytes)?;
        Beats::parse(region, size).map_err(|reason| eyre!("a heartbeat block: {reason}"))
    }

    fn answer(&mut self, heard: Result<Beats, String>) {
        self.heard = Some((Instant::now(), heard));
        self.asked = None;
    }

    fn end(&mut self, why: &str) {
        self.child = None;
        self.inbox.clear();
        // After an error the child ends as it should.
        if self.asked.is_some() {
            self.answer(Err(why.to_owned()));
        }
    }
}

/// Waits for all outstanding answers, until `deadline` at most. `tick` is called some five times a
/// second; its error ends the wait.
pub fn listen(
    observers: &mut [&mut Observer],
    deadline: Instant,
    tick: &mut dyn FnMut() -> Result<()>,
) -> Result<()> {
    loop {
        tick()?;
        let mut awaited: Vec<_> = (observers.iter_mut())
            .filter(|observer| observer.asked.is_some() && observer.child.is_some())
            .collect();
        let left = deadline.saturating_duration_since(Instant::now());
        if awaited.is_empty() || left.is_zero() {
            return Ok(());
        }
        let pause = left.min(POLL_INTERVAL);
        let pause = Timespec {
            tv_sec: 0,
            tv_nsec: i64::from(pause.subsec_nanos()).max(1_000_000),
        };
        let mut files: Vec<_> = awaited
            .iter()
            .filter_map(|observer| observer.child.as_ref())
            .map(|(child, _)| PollFd::new(child, PollFlags::IN))
            .collect();
        match poll(&mut files, Some(&pause)) {
            Err(errno) if errno != Errno::INTR => {
                return Err(errno).wrap_err("waiting for devices");
            }
            _ => {}
        }
        let ready: Vec<bool> = files
            .iter()
            .map(|file| !file.revents().is_empty())
            .collect();
        for (observer, ready) in awaited.iter_mut().zip(ready) {
            if ready {
                observer.hear();
            }
        }
    }
}
