//! Finds the devices of volumes of which only the UUIDs are known.

use super::scan_pool::{Held, read_all};
use super::{Device, NotPermitted, volume_info};
use crate::host::mounts::DeviceNumber;
use crate::host::{System, list, read_attribute};
use crate::ids::Uuid;
use crate::ondisk::{ReadError, Superblock};
use eyre::{Report, Result, WrapErr, bail, eyre};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Timeout of a device while a volume is missing: a disk has to spin up.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout when all volumes are found: the other devices may only hold copies of them.
const SHORT_TIMEOUT: Duration = Duration::from_secs(1);
/// An error names at most so many devices.
const NAMED: usize = 8;

/// The volumes that this node's block devices hold.
#[derive(Debug, Default)]
pub struct Search {
    looked_at: Vec<PathBuf>,
    /// What those of interest hold, in the order of the answers.
    held: Vec<(PathBuf, Held)>,
}

/// Searches for the `wanted` volumes, or for all if there are none.
///
/// The devices that udev shows under their names come first, then every other block device that no
/// other one is built on. Each is read once, many at the same time.
/// # Errors
/// The devices cannot be listed, or no process can be started. [`Search::device`] reports a volume
/// that was not found.
pub fn search(system: &System, wanted: &[Uuid]) -> Result<Search> {
    let devices = candidates(system, wanted)?;
    let mut search = Search::default();
    let read = |device: &Path| look(system, device);
    read_all(&devices, &read, TIMEOUT, &mut |device, held| {
        if held != Held::Other {
            search.held.push((device.to_owned(), held));
        }
        match !wanted.is_empty() && wanted.iter().all(|uuid| search.has(*uuid)) {
            true => SHORT_TIMEOUT,
            false => TIMEOUT,
        }
    })?;
    search.looked_at = devices;
    Ok(search)
}

/// Returns whether the devices have changed since the search.
pub fn is_outdated(system: &System, wanted: &[Uuid], search: &Search) -> Result<bool> {
    Ok(candidates(system, wanted)? != search.looked_at)
}

impl Search {
    /// Returns whether a device holds this volume.
    pub fn has(&self, uuid: Uuid) -> bool {
        self.volumes().any(|(found, ..)| found == uuid)
    }

    /// Returns all volumes, each with its device and the device's number.
    pub fn volumes(&self) -> impl Iterator<Item = (Uuid, &Path, Option<DeviceNumber>)> {
        self.held.iter().filter_map(|(device, held)| match held {
            Held::Volume(uuid, number) => Some((*uuid, &**device, *number)),
            _ => None,
        })
    }

    fn those(&self, wanted: Held) -> Vec<&Path> {
        let those = self.held.iter().filter(|(_, held)| *held == wanted);
        those.map(|(device, _)| device.as_path()).collect()
    }

    /// Returns whether the caller may not read some of the devices.
    pub fn is_denied(&self) -> bool {
        !self.those(Held::Denied).is_empty()
    }

    /// Returns the device that holds the volume.
    ///
    /// # Errors
    /// No device holds it, or two do: they are named.
    pub fn device(&self, system: &System, uuid: Uuid) -> Result<&Path> {
        let mut found = self.volumes().filter(|(found, ..)| *found == uuid);
        let Some((_, device, number)) = found.next() else {
            return Err(self.missing(uuid));
        };
        let is_copy = |other| other != number || number.is_none();
        if let Some((_, other, _)) = found.find(|(.., other)| is_copy(*other)) {
            let shown = |device: &Path| {
                volume_info::canonical(system, device).unwrap_or_else(|_| device.to_owned())
            };
            bail!(
                "the volume {uuid} is on {} and on {}: one of them is a copy (name the device, or \
                 take the other away)",
                shown(device).display(),
                shown(other).display()
            );
        }
        Ok(device)
    }

    /// Returns a clause that names the devices that were skipped because they hang, if any.
    pub fn skipped(&self) -> Option<String> {
        let silent = self.those(Held::Silent);
        let named = || format!("{}: not answering, skipped", listed(&silent));
        (!silent.is_empty()).then(named)
    }

    fn missing(&self, uuid: Uuid) -> Report {
        if self.is_denied() {
            return Report::new(NotPermitted).wrap_err(format!("looking for the volume {uuid}"));
        }
        let mut text = format!(
            "no device has the volume {uuid} (looked at {} block devices",
            self.looked_at.len()
        );
        for (devices, what) in [
            (self.those(Held::Silent), "not answering"),
            (self.those(Held::Broken), "not to be read"),
        ] {
            if !devices.is_empty() {
                text = format!("{text}; {what}: {}", listed(&devices));
            }
        }
        eyre!("{text})")
    }
}

/// Lists devices as the user sees them; of very many, only the first.
fn listed(devices: &[&Path]) -> String {
    let shown = devices.iter().take(NAMED);
    let shown: Vec<_> = shown.map(|device| device.display().to_string()).collect();
    match devices.len().saturating_sub(NAMED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Reads what a device holds, in a child process.
fn look(system: &System, path: &Path) -> Held {
    let read = Device::open(path).and_then(|mut device| {
        let superblock = Superblock::read(&mut device)?;
        Ok((superblock.uuid, device.number()))
    });
    match read {
        Ok((uuid, number)) => Held::Volume(uuid, system.kernel().block_device(path, number)),
        Err(report) if report.is::<NotPermitted>() => Held::Denied,
        Err(report) if report.is::<ReadError>() => Held::Broken,
        Err(_) => Held::Other,
    }
}

/// Lists the devices to read, each once.
fn candidates(system: &System, wanted: &[Uuid]) -> Result<Vec<PathBuf>> {
    let blocks = Blocks::of(system)?;
    let links = system.path("/dev/disk/by-uuid");
    let linked = wanted.iter().filter_map(|uuid| {
        let device = std::fs::canonicalize(links.join(uuid.with_dashes())).ok()?;
        // It may be a path of a multipath device of which udev does not know.
        let is_top = blocks.is_top(device.file_name().unwrap_or_default());
        is_top.then_some(device)
    });
    let linked: Vec<_> = linked.collect();
    let mut devices = linked.clone();
    for name in &blocks.names {
        let path = name.to_string_lossy().replace('!', "/");
        let device = system.path("/dev").join(path);
        if !linked.contains(&device) && blocks.is_top(name) {
            devices.push(device);
        }
    }
    Ok(devices)
}

/// The kernel's block devices.
struct Blocks {
    directory: PathBuf,
    names: Vec<OsString>,
    /// The disks that have partitions.
    divided: Vec<OsString>,
}

impl Blocks {
    fn of(system: &System) -> Result<Self> {
        let directory = system.path("/sys/class/block");
        let names = list(&directory).wrap_err("listing the block devices")?;
        let mut blocks = Self {
            directory,
            names,
            divided: Vec::new(),
        };
        let names = blocks.names.iter();
        blocks.divided = names.filter_map(|name| blocks.disk_of(name)).collect();
        Ok(blocks)
    }

    /// Returns the disk of this partition, whose directory contains the partition's.
    fn disk_of(&self, name: &OsStr) -> Option<OsString> {
        let real = std::fs::read_link(self.directory.join(name)).ok()?;
        let parent = real.parent()?.file_name()?.to_owned();
        self.names.binary_search(&parent).is_ok().then_some(parent)
    }

    /// Returns whether a volume may be on the device. A device below a multipath, device-mapper or
    /// RAID device has none of its own. Nor has an empty one, nor a disk with partitions, on which
    /// an old superblock may be left.
    fn is_top(&self, name: &OsStr) -> bool {
        let is_held = |name: &OsStr| {
            let holders = list(&self.directory.join(name).join("holders"));
            holders.is_ok_and(|holders| !holders.is_empty())
        };
        let size = || read_attribute(&self.directory.join(name).join("size"));
        !self.divided.iter().any(|disk| disk == name)
            && !is_held(name)
            // A multipath device claims whole disks; the kernel shows their partitions as well.
            && !self.disk_of(name).is_some_and(|disk| is_held(&disk))
            && !matches!(size(), Ok(Some(size)) if size == "0")
    }
}
