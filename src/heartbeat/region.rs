//! A heartbeat region as configfs shows it (fs/ocfs2/cluster/heartbeat.c).

mod thread;

pub use thread::{REBOOT, Thread};

use crate::host::configfs::{REMOVAL, note_removal};
use crate::host::lock_file::{self, LockMode};
use crate::host::{System, is_absent};
use crate::ids::Uuid;
use crate::ondisk::Geometry;
use eyre::{Result, WrapErr, bail, eyre};
use std::cell::Cell;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Bounds the wait for another process that removes a region.
const REMOVAL_TIMEOUT: Duration = Duration::from_secs(30);

/// The most bytes of a device's name; the kernel's own limit is lower (DISK_NAME_LEN and a
/// partition).
const NAME_MAX: usize = 64;

/// The directory of one region, whether or not it exists.
pub struct Region<'s> {
    system: &'s System,
    name: Uuid,
    path: PathBuf,
    /// When this process last saw that the region is absent.
    absent_at: Cell<Option<Instant>>,
}

/// The state of a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The region does not exist.
    Absent,
    /// The region's heartbeat is active on the device of this name (the kernel's, without `/dev`).
    Beating(String),
    /// The region exists without a device: its start was cut off or has not begun.
    HalfStarted(Thread),
}

impl<'s> Region<'s> {
    /// Returns the region `name` in the cluster whose configfs directory is `cluster`.
    pub fn new(system: &'s System, cluster: &std::path::Path, name: Uuid) -> Self {
        Self {
            system,
            name,
            path: cluster.join("heartbeat").join(name.to_string()),
            absent_at: Cell::new(None),
        }
    }

    /// Returns its name, which is the volume's UUID.
    pub fn name(&self) -> Uuid {
        self.name
    }

    /// Returns its state.
    pub fn state(&self) -> Result<State> {
        let reading = || format!("reading the heartbeat region {}", self.name);
        if !self.system.has_object(&self.path).wrap_err_with(reading)? {
            self.absent_at.set(Some(Instant::now()));
            return Ok(State::Absent);
        }
        let device = self.attribute("dev").wrap_err_with(reading)?;
        match device {
            None => Ok(State::Absent),
            Some(device) if device.len() > NAME_MAX => bail!(
                "the heartbeat region {} has a device name of {} bytes",
                self.name,
                device.len()
            ),
            Some(device) if !device.is_empty() => Ok(State::Beating(device)),
            Some(_) => Ok(State::HalfStarted(self.thread()?)),
        }
    }

    fn attribute(&self, name: &str) -> io::Result<Option<String>> {
        self.system.attribute(&self.path.join(name))
    }

    /// Returns a number; `None` where the attribute has none, or does not exist.
    fn number(&self, attribute: &str) -> Result<Option<u64>> {
        let text = self.attribute(attribute);
        let text = text.wrap_err_with(|| format!("reading {attribute} of region {}", self.name))?;
        Ok(text.and_then(|text| text.trim().parse().ok()))
    }

    /// Returns the process number of the heartbeat thread; `None` before it runs, and on drivers
    /// that do not show it (before 2.6.24).
    pub fn pid(&self) -> Result<Option<u32>> {
        Ok(self.number("pid")?.and_then(|pid| pid.try_into().ok()))
    }

    /// Returns its blocks on the device as the kernel has them; `None` until they are set.
    pub fn geometry(&self) -> Result<Option<Geometry>> {
        let value = |attribute| Ok::<_, eyre::Report>(self.number(attribute)?.unwrap_or(0));
        let geometry = Geometry {
            block_bytes: u32::try_from(value("block_bytes")?)?,
            start_block: value("start_block")?,
            blocks: u32::try_from(value("blocks")?)?,
        };
        Ok(Some(geometry).filter(Geometry::is_set))
    }

    /// Makes the region and starts its heartbeat, which takes 8 s or more. The process must not be
    /// interrupted meanwhile. Removes what a failed start leaves behind.
    pub fn start(&self, geometry: &Geometry, device: &File) -> Result<()> {
        self.system
            .make_object(&self.path)
            .map_err(|error| match is_absent(&error) {
                // `o2cb offline` came between.
                true => eyre!("the cluster is not online any more (run: o2cb online)"),
                false => eyre!(error),
            })
            .wrap_err_with(|| format!("making the heartbeat region {}", self.name))?;
        let started = self.configure(geometry, device);
        if started.is_err() {
            // At once: the thread of a failed start lives for some 2 s more, and only during these
            // is it safe everywhere to remove the region.
            drop(self.remove_as(Self::state_after_start));
        }
        started
    }

    fn configure(&self, geometry: &Geometry, device: &File) -> Result<()> {
        let values = [
            ("block_bytes", geometry.block_bytes.to_string()),
            ("start_block", geometry.start_block.to_string()),
            ("blocks", geometry.blocks.to_string()),
        ];
        for (attribute, value) in values {
            self.system
                .set_attribute(&self.path.join(attribute), &value)
                .wrap_err_with(|| format!("setting {attribute} of the heartbeat region"))?;
        }
        let device = device.as_raw_fd().to_string();
        match self.system.set_attribute(&self.path.join("dev"), &device) {
            Err(error) if error.raw_os_error() == Some(libc::EIO) => bail!(
                "the heartbeat did not become steady (the device fails or is too slow, or \
                 another node writes this node's slot; see the kernel log)"
            ),
            other => other.wrap_err("starting the heartbeat"),
        }
    }

    /// Stops the heartbeat and removes the region; returns `false` where the kernel keeps it, as a
    /// mounted volume or a lock domain needs it.
    ///
    /// # Errors
    /// The region is half-started and its thread has ended, or could end before the region is gone:
    /// the region is left alone.
    pub fn remove(&self) -> Result<bool> {
        self.remove_as(Self::state)
    }

    /// Returns the state just after a start by this process: a thread would still be visible, so
    /// that none visible means none.
    fn state_after_start(&self) -> Result<State> {
        Ok(match self.state()? {
            State::HalfStarted(Thread::Ended) if self.pid()?.is_none() => {
                State::HalfStarted(Thread::None)
            }
            state => state,
        })
    }

    fn remove_as(&self, look: fn(&Self) -> Result<State>) -> Result<bool> {
        let lock = self.removal_lock();
        let is_behind = matches!(lock, Ok(None));
        if let Ok(Some(lock)) = &lock {
            note_removal(lock, &self.name.to_string());
        }
        let mut found = look(self)?;
        let mut _ahead = None;
        if let State::HalfStarted(Thread::Running(pid)) = found {
            if is_behind {
                bail!(
                    "the heartbeat region {} was left half-started, and another process has been \
                     removing a region for {} s (try again when that has ended)",
                    self.name,
                    REMOVAL_TIMEOUT.as_secs()
                );
            }
            // The thread lives until its next heartbeat. On a busy node this process could be
            // delayed for longer between the check and the removal. So check again, ahead of it.
            _ahead = self.system.kernel().get_ahead_of(pid);
            found = look(self)?;
        }
        if found == State::HalfStarted(Thread::Ended) {
            bail!(
                "the heartbeat region {} was left half-started, its thread has ended, and {REBOOT}",
                self.name
            );
        }
        match self.system.remove_object(&self.path) {
            Ok(()) => Ok(true),
            Err(error) if is_absent(&error) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => Ok(false),
            Err(error) => {
                Err(error).wrap_err_with(|| format!("removing the heartbeat region {}", self.name))
            }
        }
    }

    /// Keeps other processes of ours from removing any region until the result is dropped; `None`
    /// while another process hangs in a removal.
    ///
    /// The kernel removes one region at a time, and before 6.0 waits up to 2 s for its thread. A
    /// thread that was alive before such a wait for another may have ended after it. An error, as
    /// where there is no /run, does not prevent a removal.
    fn removal_lock(&self) -> io::Result<Option<File>> {
        let timeout = self.system.pause(REMOVAL_TIMEOUT);
        lock_file::take(self.system, REMOVAL, LockMode::Exclusive, timeout)
    }
}
