//! Reads the heartbeat slots of many devices repeatedly, each in a child process of its own. A
//! device that hangs holds up neither the others nor the caller.

use super::{Device, child_device};
use crate::host::System;
use crate::host::mounts::DeviceNumber;
use crate::ondisk::heartbeat_slots::Beats;
use crate::ondisk::{Geometry, HEAD_BYTES, ReadBlocks, Superblock, exactly};
use crate::syscall::channel::{self, Channel};
use crate::syscall::{fork, is_pause};
use eyre::{Result, WrapErr, eyre};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

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

/// A message of the child. After an error before the first `Volume`, the child ends.
type Answer = Result<Found, String>;

/// What the child has read.
enum Found {
    /// The device's sector size, its heartbeat region, its number, and the superblock's bytes.
    Volume(u32, Option<Geometry>, Option<DeviceNumber>, Vec<u8>),
    /// The slots, which the caller has asked for by an empty message.
    Slots(Vec<u8>),
}

message!(enum Found { 0 = Volume(sector, geometry, number, head), 1 = Slots(region) });

/// One device that is observed.
#[derive(Default)]
pub struct Observer {
    device: PathBuf,
    /// None before the first question, and when the child has ended.
    child: Option<(Channel, fork::Child)>,
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
            ..Self::default()
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
            let serve = |device: &Path, parent| serve(system, device, parent);
            let (child, channel) = child_device::start(&self.device, serve)?;
            let set = channel.set_nonblocking(true);
            set.wrap_err("setting up a socket")?;
            self.child = Some((channel, child));
            self.opened = false;
        }
        self.asked = Some(Instant::now());
        if let Some((child, _)) = &mut self.child {
            // The wait for its answer detects a child that has ended.
            let _ = child.send(&());
        }
        Ok(())
    }

    /// Receives what the child has sent.
    fn hear(&mut self) {
        while let Some((child, _)) = &mut self.child {
            let answer = match child.receive::<Answer>() {
                Ok(answer) => answer,
                Err(error) if is_pause(&error) => return,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.reap();
                    return self.end("the process that reads the device has ended early");
                }
                Err(error) => return self.end(&error.to_string()),
            };
            if let Err(why) = answer.and_then(|found| self.note(found)) {
                self.answer(Err(why));
                if !self.opened {
                    self.reap();
                }
            }
        }
    }

    fn note(&mut self, found: Found) -> Result<(), String> {
        match found {
            Found::Volume(sector, geometry, number, head) => {
                let superblock = Superblock::parse(&head, sector);
                self.about = Some(About {
                    superblock: superblock.map_err(|report| format!("{report:#}"))?,
                    geometry,
                    number,
                });
                self.opened = true;
            }
            Found::Slots(region) => {
                let geometry = self.about.as_ref().and_then(|about| about.geometry);
                let geometry = geometry.ok_or("it has no heartbeat")?;
                let beats = Beats::parse(&region, geometry.block_bytes as usize);
                let beats = beats.map_err(|reason| format!("a heartbeat block: {reason}"))?;
                self.answer(Ok(beats));
            }
        }
        Ok(())
    }

    /// Reaps the child, which has ended or is about to.
    fn reap(&mut self) {
        if let Some((socket, child)) = self.child.take() {
            drop(socket);
            child.wait();
        }
    }

    fn answer(&mut self, heard: Result<Beats, String>) {
        self.heard = Some((Instant::now(), heard));
        self.asked = None;
    }

    fn end(&mut self, why: &str) {
        self.child = None;
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
        let children = awaited.iter().filter_map(|one| one.child.as_ref());
        let channels = children.map(|(channel, _)| channel);
        let ready = channel::ready(channels, left.min(POLL_INTERVAL));
        let ready = ready.wrap_err("waiting for devices")?;
        for (observer, ready) in awaited.iter_mut().zip(ready) {
            if ready {
                observer.hear();
            }
        }
    }
}

/// Serves the requests in the child.
fn serve(system: &System, path: &Path, mut parent: Channel) -> io::Result<()> {
    let plain = |report| format!("{report:#}");
    let (mut device, geometry, found) = match open(system, path) {
        Ok(opened) => opened,
        Err(report) => return parent.send(&Answer::Err(plain(report))),
    };
    parent.send(&Answer::Ok(found))?;
    let local = || eyre!("a volume for one node alone (local) has no heartbeat");
    loop {
        let () = parent.receive()?;
        let region = geometry.ok_or_else(local);
        let region = region.and_then(|geometry| geometry.region(&mut device));
        parent.send(&region.map(Found::Slots).map_err(plain))?;
    }
}

fn open(system: &System, path: &Path) -> Result<(Device, Option<Geometry>, Found)> {
    let mut device = Device::open(path)?;
    let head = device
        .read_at(0, HEAD_BYTES)
        .and_then(|head| exactly(head, HEAD_BYTES))
        .unwrap_or_default();
    let geometry = Superblock::read(&mut device)?.heartbeat(&mut device)?;
    let number = system.kernel().block_device(path, device.number());
    let found = Found::Volume(device.sector(), geometry, number, head);
    Ok((device, geometry, found))
}
