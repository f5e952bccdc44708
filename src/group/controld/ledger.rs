//! The ledger records which services of a volume are ours, in a file for each volume in /run, as
//! the daemon never reports them.
//!
//! A process holds its lock from before a join to its end, and while it leaves, so that mounts and
//! unmounts of a volume do not overlap. Every change is one system call. A kill leaves at worst a
//! service that the daemon does not know; to leave that does no harm.
//!
//! The file holds records that each end with a NUL: `major:minor device`; then for each service a
//! mark and its name. `?`: the service is in doubt, as the daemon has not yet answered a request
//! for it or to leave it. `+`: the daemon has it. `-`: it does not.

use crate::heartbeat::{POLL_INTERVAL, Wait, Watch};
use crate::host::lock_file::{self, LockMode};
use crate::host::mounts::DeviceNumber;
use crate::host::{self, System};
use crate::ids::Uuid;
use eyre::{Result, WrapErr, eyre};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Longer than a join and a mount that replays journals, unless the cluster waits for something.
const LOCK_TIMEOUT: Duration = Duration::from_secs(120);
/// No machine has so many mounts of one volume.
const BYTES_MAX: u64 = 1 << 20;

/// The block device of a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its number in the kernel.
    pub number: DeviceNumber,
    /// One of its names.
    pub path: PathBuf,
}

/// A service of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name, as the daemon has it.
    pub service: OsString,
    /// The daemon has it; otherwise it is in doubt.
    pub taken: bool,
    at: u64,
}

/// The ledger of one volume, locked until it is dropped. One without a service is removed.
pub struct Ledger {
    file: File,
    path: PathBuf,
    device: Option<Device>,
    entries: Vec<Entry>,
    end: u64,
}

impl Ledger {
    /// Locks the ledger of `uuid`, which it makes if there is none.
    ///
    /// # Errors
    /// Another process has the lock for two minutes.
    pub fn lock(system: &System, uuid: Uuid, watch: &mut Watch) -> Result<Self> {
        Self::lock_within(system, uuid, LOCK_TIMEOUT, watch)?.ok_or_else(|| {
            eyre!(
                "another mount or unmount of the volume has not ended within {} s (fuser -v {} \
                 names its process)",
                LOCK_TIMEOUT.as_secs(),
                path_of(system, uuid).display()
            )
        })
    }

    /// Locks the ledger of `uuid` if that is possible within `timeout`.
    pub fn lock_within(
        system: &System,
        uuid: Uuid,
        timeout: Duration,
        watch: &mut Watch,
    ) -> Result<Option<Self>> {
        let started = Instant::now();
        loop {
            if let Some(ledger) = Self::try_lock(system, uuid)? {
                return Ok(Some(ledger));
            }
            let waited = started.elapsed();
            if waited > timeout {
                return Ok(None);
            }
            std::thread::sleep(POLL_INTERVAL.min(waited + Duration::from_millis(10)));
            watch(Wait::Lock, waited)?;
        }
    }

    /// Locks the ledger of `uuid` if no other process has it.
    pub fn try_lock(system: &System, uuid: Uuid) -> Result<Option<Self>> {
        let path = path_of(system, uuid);
        let opened = lock_file::directory(system).and_then(|_| lock_file::open(&path));
        let file = opened.wrap_err_with(|| format!("opening {}", path.display()))?;
        let locked = lock_file::has(&file, LockMode::Exclusive);
        let reading = || format!("reading {}", path.display());
        // Another process may just have removed the file.
        if !locked.wrap_err_with(|| format!("locking {}", path.display()))?
            || file.metadata().wrap_err_with(reading)?.nlink() == 0
        {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let mut start = (&file).take(BYTES_MAX);
        start.read_to_end(&mut bytes).wrap_err_with(reading)?;
        let (device, entries, end) = parse(&bytes);
        Ok(Some(Self {
            file,
            path,
            device,
            entries,
            end,
        }))
    }

    /// Returns the volume's device at the time of the first service.
    pub fn device(&self) -> Option<&Device> {
        self.device.as_ref()
    }

    /// Returns the services, in the order they came.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Records that the daemon is about to be asked for the service.
    pub fn ask(&mut self, device: Option<&Device>, service: &OsStr) -> Result<Entry> {
        let mut bytes = Vec::new();
        if self.entries.is_empty() {
            self.end = 0;
            self.device = device.cloned();
            if let Some(Device { number, path }) = device {
                let path = path.as_os_str().as_bytes();
                bytes = [number.to_string().as_bytes(), b" ", path, b"\0"].concat();
            }
        }
        let entry = Entry {
            service: service.to_owned(),
            taken: false,
            at: self.end + bytes.len() as u64,
        };
        bytes.extend([b"?", service.as_bytes(), b"\0"].concat());
        // What a kill has cut off would run into what is written.
        let written = self
            .file
            .set_len(self.end)
            .and_then(|()| self.file.write_all_at(&bytes, self.end));
        if written.is_err() {
            let _ = self.file.set_len(self.end);
        }
        written.wrap_err_with(|| format!("writing {}", self.path.display()))?;
        self.end += bytes.len() as u64;
        self.entries.push(entry.clone());
        Ok(entry)
    }

    /// Records that the daemon has the service.
    ///
    /// # Errors
    /// The service stays in doubt, and must not be mounted: whatever is in doubt is left.
    pub fn take(&mut self, entry: &Entry) -> Result<()> {
        let written = self.file.write_all_at(b"+", entry.at);
        written.wrap_err_with(|| format!("writing {}", self.path.display()))?;
        self.set_taken(entry, true);
        Ok(())
    }

    /// Records that the daemon is about to be asked to leave the service. Best effort: it is left
    /// either way.
    pub fn doubt(&mut self, entry: &Entry) {
        let _ = self.file.write_all_at(b"?", entry.at);
        self.set_taken(entry, false);
    }

    /// Records that the daemon does not have the service.
    pub fn forget(&mut self, entry: &Entry) {
        let last = self.entries.last().is_some_and(|last| last.at == entry.at);
        self.entries.retain(|known| known.at != entry.at);
        if last {
            self.end = entry.at;
            let _ = self.file.set_len(entry.at);
        } else {
            let _ = self.file.write_all_at(b"-", entry.at);
        }
        if self.entries.is_empty() {
            self.device = None;
        }
    }

    fn set_taken(&mut self, entry: &Entry, taken: bool) {
        for known in self.entries.iter_mut().filter(|known| known.at == entry.at) {
            known.taken = taken;
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        if self.entries.is_empty() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Returns the volumes that have a ledger.
pub fn all(system: &System) -> Vec<Uuid> {
    let names = host::list(&system.path(lock_file::DIRECTORY)).unwrap_or_default();
    let names = names.iter().filter_map(|name| name.to_str()?.parse().ok());
    names.collect()
}

/// Returns the volume on `device`. Reads a ledger that another process has locked as it is.
pub fn volume_on(system: &System, device: DeviceNumber) -> Option<Uuid> {
    all(system).into_iter().find(|&uuid| {
        let bytes = std::fs::read(path_of(system, uuid)).unwrap_or_default();
        parse(&bytes).0.is_some_and(|known| known.number == device)
    })
}

fn path_of(system: &System, uuid: Uuid) -> PathBuf {
    system.path(lock_file::DIRECTORY).join(uuid.to_string())
}

/// Parses a ledger. A record that a kill has cut off has no end, and does not count.
fn parse(bytes: &[u8]) -> (Option<Device>, Vec<Entry>, u64) {
    let mut at = 0;
    let mut device = None;
    let mut entries = Vec::new();
    for record in bytes.split_inclusive(|&byte| byte == 0) {
        let Some(record) = record.strip_suffix(&[0]) else {
            break;
        };
        match record.split_first() {
            Some((mark @ (b'?' | b'+'), service)) => entries.push(Entry {
                service: OsStr::from_bytes(service).to_owned(),
                taken: *mark == b'+',
                at,
            }),
            _ => device = device.or_else(|| parse_device(record)),
        }
        at += record.len() as u64 + 1;
    }
    (device, entries, at)
}

fn parse_device(record: &[u8]) -> Option<Device> {
    let space = record.iter().position(|&byte| byte == b' ')?;
    Some(Device {
        number: DeviceNumber::parse(record.get(..space)?)?,
        path: OsStr::from_bytes(record.get(space + 1..)?).into(),
    })
}

#[cfg(test)]
mod tests;
