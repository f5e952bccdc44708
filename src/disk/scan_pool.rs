//! Reads many devices at once by a few processes, each of which reads one device after the other.
//! Another process replaces one that hangs.

use crate::host::mounts::DeviceNumber;
use crate::ids::Uuid;
use crate::syscall::channel::{self, Channel};
use crate::syscall::fork;
use eyre::{Result, WrapErr};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The number of readers at once; more would only wait for each other.
const AT_ONCE: usize = 32;
/// A reader that takes longer does not count among them any more: where one device hangs, many may.
const SLOW: Duration = Duration::from_millis(250);
/// How often the pool checks for readers that take too long.
const TICK: Duration = Duration::from_millis(50);
/// As long as answers come faster, no further reader is started.
const MOMENT: Duration = Duration::from_millis(1);

/// What a device holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// A volume of this UUID, and the device's number; none for a file.
    Volume(Uuid, Option<DeviceNumber>),
    /// Something else, or nothing.
    Other,
    /// It cannot be read.
    Broken,
    /// The caller may not read it.
    Denied,
    /// It has not answered in time.
    Silent,
}

message!(enum Held { 0 = Volume(uuid, number), 1 = Other, 2 = Broken, 3 = Denied, 4 = Silent });

/// Reads each of `devices`, and reports what it holds. The last answer of `heard` bounds the time
/// of a device; before the first, `timeout` does.
pub(super) fn read_all(
    devices: &[PathBuf],
    read: &dyn Fn(&Path) -> Held,
    mut timeout: Duration,
    heard: &mut dyn FnMut(&Path, Held) -> Duration,
) -> Result<()> {
    let mut readers: Vec<Reader> = Vec::new();
    let mut waiting = 0..devices.len();
    let mut is_stalled = true;
    loop {
        let now = Instant::now();
        let prompt = readers.iter().filter(|reader| !reader.takes(SLOW, now));
        let has_room = prompt.count() < AT_ONCE;
        if (is_stalled || readers.is_empty())
            && has_room
            && let Some(at) = waiting.next()
        {
            let started = Reader::start(devices, read, at);
            readers.push(started.wrap_err("starting a process to read devices")?);
        }
        if readers.is_empty() {
            return Ok(());
        }
        let pause = match has_room && !waiting.is_empty() {
            true => MOMENT,
            false => TICK,
        };
        let answers = hear(&mut readers, &mut waiting, timeout, pause)?;
        is_stalled = answers.iter().all(|(_, held)| *held == Held::Silent);
        for (at, held) in answers {
            if let Some(device) = devices.get(at) {
                timeout = heard(device, held);
            }
        }
    }
}

/// Waits `pause` for answers, and returns them, each with its device's index. Their readers go on
/// with the devices that wait. A reader that has no answer and has been at work for `timeout` is
/// left to its device, which is silent.
fn hear(
    readers: &mut Vec<Reader>,
    waiting: &mut Range<usize>,
    timeout: Duration,
    pause: Duration,
) -> io::Result<Vec<(usize, Held)>> {
    // The time before the look at the answers: this process may stand still in between.
    let now = Instant::now();
    let channels = readers.iter().map(|reader| &reader.channel);
    let mut ready = channel::ready(channels, pause)?.into_iter();
    let mut answers = Vec::new();
    readers.retain_mut(|reader| {
        let (held, next) = match ready.next() {
            Some(true) => match reader.channel.receive() {
                Ok(held) => (held, waiting.next()),
                // The reader was killed, or died because of its device.
                Err(_) => (Held::Broken, None),
            },
            // Its socket closes, which ends it as soon as the device lets it.
            _ if reader.takes(timeout, now) => (Held::Silent, None),
            _ => return true,
        };
        answers.push((reader.device, held));
        next.map(|next| reader.ask(next)).is_some()
    });
    Ok(answers)
}

/// A process that reads devices.
struct Reader {
    channel: Channel,
    /// The index of the device that it reads.
    device: usize,
    /// When it was asked for that.
    since: Instant,
}

impl Reader {
    /// Starts a process that reads the first of its devices.
    fn start(devices: &[PathBuf], read: &dyn Fn(&Path) -> Held, device: usize) -> io::Result<Self> {
        let (_, channel) = fork::in_child_on_channel(|mut theirs| {
            // Until the parent is done, or has ended.
            while let Ok(at) = theirs.receive::<u64>() {
                let device = devices.get(at as usize);
                let held = device.map_or(Held::Other, |device| read(device));
                if theirs.send(&held).is_err() {
                    return;
                }
            }
        })?;
        let mut reader = Self {
            channel,
            device,
            since: Instant::now(),
        };
        reader.ask(device);
        Ok(reader)
    }

    /// Requests a device. The wait for its answer detects a reader that has ended.
    fn ask(&mut self, device: usize) {
        let _ = self.channel.send(&(device as u64));
        (self.device, self.since) = (device, Instant::now());
    }

    /// Returns whether the reader has been at work for `time` at `now`.
    fn takes(&self, time: Duration, now: Instant) -> bool {
        now.duration_since(self.since) >= time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_counts_however_late_the_parent_looks() {
        let (channel, mut theirs) = Channel::pair().unwrap();
        let mut readers = vec![Reader {
            channel,
            device: 7,
            since: Instant::now(),
        }];
        theirs.send(&Held::Other).unwrap();
        let mut waiting = 8..9;
        let mut hear = || hear(&mut readers, &mut waiting, Duration::ZERO, Duration::ZERO);
        assert_eq!(hear().unwrap(), [(7, Held::Other)]);
        assert_eq!(hear().unwrap(), [(8, Held::Silent)]);
        assert!(readers.is_empty());
    }

    /// The pool replaces each reader that dies of its device, and leaves no device out.
    #[test]
    fn readers_that_die_take_no_device_along() {
        let devices: Vec<_> = (0..50).map(|at| PathBuf::from(at.to_string())).collect();
        let deadly = |device: &Path| device.to_string_lossy().ends_with('7');
        let read = |device: &Path| match deadly(device) {
            // There is no such file.
            true => std::fs::read(device).map(|_| Held::Other).unwrap(),
            false => Held::Volume(Uuid::from_bytes([7; 16]), None),
        };
        let mut held = Vec::new();
        let timeout = Duration::from_secs(60);
        read_all(&devices, &read, timeout, &mut |device, found| {
            held.push((device.to_owned(), found));
            timeout
        })
        .unwrap();
        held.sort_by_key(|(device, _)| devices.iter().position(|one| one == device));
        assert_eq!(held.len(), devices.len());
        for (device, held) in held {
            let wanted = match deadly(&device) {
                true => Held::Broken,
                false => Held::Volume(Uuid::from_bytes([7; 16]), None),
            };
            assert_eq!(held, wanted, "{}", device.display());
        }
    }
}
