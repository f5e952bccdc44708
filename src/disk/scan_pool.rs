//! Reads many devices at once by a few processes, each of which reads one device after the other.
//! Another process replaces one that hangs.

use crate::host::mounts::DeviceNumber;
use crate::syscall::channel::{self, Channel};
use crate::syscall::fork;
use eyre::{Result, WrapErr};
use std::io;
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
    Volume([u8; 16], Option<DeviceNumber>),
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
        for reader in readers.iter_mut().filter(|reader| reader.work.is_none()) {
            if let Some(at) = waiting.next() {
                reader.ask(at);
            }
        }
        let now = Instant::now();
        let prompt = readers.iter().filter(|reader| !reader.takes(SLOW, now));
        let has_room = prompt.count() < AT_ONCE;
        if (is_stalled || readers.is_empty())
            && has_room
            && let Some(at) = waiting.next()
        {
            let mut reader =
                Reader::start(devices, read).wrap_err("starting a process to read devices")?;
            reader.ask(at);
            readers.push(reader);
        }
        if readers.iter().all(|reader| reader.work.is_none()) {
            return Ok(());
        }
        let pause = match has_room && !waiting.is_empty() {
            true => MOMENT,
            false => TICK,
        };
        let answers = hear(&mut readers, timeout, pause)?;
        is_stalled = answers.iter().all(|(_, held)| *held == Held::Silent);
        for (at, held) in answers {
            if let Some(device) = devices.get(at) {
                timeout = heard(device, held);
            }
        }
    }
}

/// Waits `pause` for answers, and returns them, each with its device's index. A reader that has none
/// and has been at work for `timeout` is left to its device, which is silent.
fn hear(
    readers: &mut Vec<Reader>,
    timeout: Duration,
    pause: Duration,
) -> io::Result<Vec<(usize, Held)>> {
    // The time before the look at the answers: this process may stand still in between.
    let now = Instant::now();
    let channels = readers.iter().map(|reader| &reader.channel);
    let mut ready = channel::ready(channels, pause)?.into_iter();
    let mut answers = Vec::new();
    readers.retain_mut(|reader| {
        let (held, stays) = match ready.next() {
            Some(true) => match reader.channel.receive() {
                Ok(held) => (held, true),
                // The reader was killed, or died because of its device.
                Err(_) => (Held::Broken, false),
            },
            // Its socket closes, which ends it as soon as the device lets it.
            _ if reader.takes(timeout, now) => (Held::Silent, false),
            _ => return true,
        };
        answers.extend(reader.work.take().map(|(at, _)| (at, held)));
        stays
    });
    Ok(answers)
}

/// A process that reads devices.
struct Reader {
    channel: Channel,
    /// The index of its device, and since when it reads that.
    work: Option<(usize, Instant)>,
}

impl Reader {
    fn start(devices: &[PathBuf], read: &dyn Fn(&Path) -> Held) -> io::Result<Self> {
        let (_, channel) = fork::in_child_on_channel(|mut theirs| {
            // Until the parent is done, or has ended.
            while let Ok(at) = theirs.receive::<u32>() {
                let device = devices.get(at as usize);
                let held = device.map_or(Held::Other, |device| read(device));
                if theirs.send(&held).is_err() {
                    return;
                }
            }
        })?;
        let work = None;
        Ok(Self { channel, work })
    }

    /// Requests a device. The wait for its answer detects a reader that has ended.
    fn ask(&mut self, at: usize) {
        let index = u32::try_from(at).unwrap_or(u32::MAX);
        let _ = self.channel.send(&index);
        self.work = Some((at, Instant::now()));
    }

    /// Returns whether the reader has been at work for `time` at `now`.
    fn takes(&self, time: Duration, now: Instant) -> bool {
        self.work
            .is_some_and(|(_, since)| now.duration_since(since) >= time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_counts_however_late_the_parent_looks() {
        let (channel, mut theirs) = Channel::pair().unwrap();
        let work = Some((7, Instant::now()));
        let mut readers = vec![Reader { channel, work }];
        theirs.send(&Held::Other).unwrap();
        let hear = |readers: &mut Vec<Reader>| hear(readers, Duration::ZERO, Duration::ZERO);
        assert_eq!(hear(&mut readers).unwrap(), [(7, Held::Other)]);
        readers[0].ask(8);
        assert_eq!(hear(&mut readers).unwrap(), [(8, Held::Silent)]);
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
            false => Held::Volume([7; 16], None),
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
                false => Held::Volume([7; 16], None),
            };
            assert_eq!(held, wanted, "{}", device.display());
        }
    }
}
