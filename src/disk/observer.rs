//! Reads the heartbeat slots of many devices repeatedly, each in a child process of its own. A
//! device that hangs holds up neither the others nor the caller.

use super::{Device, child_device};
use crate::host::System;
use crate::host::mounts::DeviceNumber;
use crate::ondisk::heartbeat_slots::Beats;
use crate::ondisk::{Geometry, ReadBlocks, Superblock, read_head};
use crate::syscall::channel::{self, Channel};
use crate::syscall::{fork, is_pause};
use eyre::{Report, Result, WrapErr, eyre};
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

/// What the child has read, for an empty message of its parent.
enum Found {
    /// The device's sector size, its heartbeat region, its number, and the superblock's bytes: once,
    /// before the first slots.
    Volume(u32, Option<Geometry>, Option<DeviceNumber>, Vec<u8>),
    /// The slots.
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
    heard: Option<(Instant, Result<Beats>)>,
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
    pub fn take(&mut self) -> Option<(Instant, Result<Beats>)> {
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
        let (channel, _) = match &mut self.child {
            Some(child) => child,
            none => {
                let serve = |device: &Path, parent| serve(system, device, parent);
                let (child, channel) = child_device::start(&self.device, serve)?;
                let set = channel.set_nonblocking(true);
                set.wrap_err("setting up a socket")?;
                none.insert((channel, child))
            }
        };
        // The wait for its answer detects a child that has ended.
        let _ = channel.send(&());
        self.asked = Some(Instant::now());
        Ok(())
    }

    /// Receives what the child has sent.
    fn hear(&mut self) {
        while self.asked.is_some()
            && let Some((child, _)) = &mut self.child
        {
            let heard = match child.receive::<Result<Found>>() {
                Ok(answer) => answer.and_then(|found| self.note(found)),
                Err(error) if is_pause(&error) => return,
                Err(error) => Err(self.end(error)),
            };
            if let Some(heard) = heard.transpose() {
                self.heard = Some((Instant::now(), heard));
                self.asked = None;
            }
        }
    }

    /// Returns the slots, if they have come.
    fn note(&mut self, found: Found) -> Result<Option<Beats>> {
        match found {
            Found::Volume(sector, geometry, number, head) => {
                self.about = Some(About {
                    superblock: Superblock::parse(&head, sector)?,
                    geometry,
                    number,
                });
                Ok(None)
            }
            Found::Slots(region) => {
                let geometry = self.about.as_ref().and_then(|about| about.geometry);
                let geometry = geometry.ok_or_else(|| eyre!("it has no heartbeat"))?;
                Beats::parse(&region, geometry.block_bytes).map(Some)
            }
        }
    }

    /// Reaps a child that has ended, leaves any other to itself, and returns the error.
    fn end(&mut self, error: io::Error) -> Report {
        let has_ended = error.kind() == io::ErrorKind::UnexpectedEof;
        if let Some((_, child)) = self.child.take()
            && has_ended
        {
            child.wait();
        }
        child_device::silence(error).into()
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

/// Serves the requests in the child. A device that could not be opened is tried again.
fn serve(system: &System, path: &Path, mut parent: Channel) -> io::Result<()> {
    let (mut device, geometry) = loop {
        let () = parent.receive()?;
        match open(system, path) {
            Ok((device, geometry, found)) => {
                parent.send(&Result::<_>::Ok(found))?;
                break (device, geometry);
            }
            Err(report) => parent.send(&Result::<Found>::Err(report))?,
        }
    };
    let local = || eyre!("a volume for one node alone (local) has no heartbeat");
    loop {
        let region = geometry.ok_or_else(local);
        let region = region.and_then(|geometry| geometry.region(&mut device));
        parent.send(&region.map(Found::Slots))?;
        let () = parent.receive()?;
    }
}

fn open(system: &System, path: &Path) -> Result<(Device, Option<Geometry>, Found)> {
    let mut device = Device::open(path)?;
    let head = read_head(&mut device)?;
    let geometry = Superblock::parse(&head, device.sector())?.heartbeat(&mut device)?;
    let number = system.kernel().block_device(path, device.number());
    let found = Found::Volume(device.sector(), geometry, number, head);
    Ok((device, geometry, found))
}
