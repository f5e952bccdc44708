//! What a join and a mount have to know of a volume, read once.

use super::child_device::ChildDevice;
use crate::host::mounts::DeviceNumber;
use crate::host::{System, read_attribute};
use crate::ondisk::{Geometry, Membership, Slot, Superblock};
use eyre::{Result, WrapErr, bail};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longer than a path fail-over of multipath or iSCSI usually takes.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A volume, the place of its heartbeat region, and the device that it was read from.
#[derive(Debug, Clone)]
pub struct VolumeInfo {
    /// Its superblock.
    pub superblock: Superblock,
    /// Where its heartbeat region is; that of a local volume is inactive.
    pub geometry: Option<Geometry>,
    /// The device as it was named.
    pub device: PathBuf,
    /// The name to mount it by: without symbolic links, a device-mapper one's own.
    pub canonical: PathBuf,
    /// The block device's number; none for an image in a file.
    pub number: Option<DeviceNumber>,
    /// The device refuses writes.
    pub read_only: bool,
}

impl VolumeInfo {
    /// Reads the volume on `device`, in 4 reads for most.
    pub fn read(system: &System, device: &Path) -> Result<Self> {
        Self::read_within(system, device, TIMEOUT)
    }

    /// Reads the volume on `device`; each answer of the device may take `timeout`.
    pub fn read_within(system: &System, device: &Path, timeout: Duration) -> Result<Self> {
        let (mut remote, superblock) = open(system, device, timeout)?;
        Ok(Self {
            geometry: superblock.heartbeat(&mut remote)?,
            superblock,
            device: device.to_owned(),
            canonical: canonical(system, device)?,
            number: system.kernel().block_device(device, remote.facts.number),
            read_only: remote.facts.read_only,
        })
    }

    /// Reads the volume's node slots as they are at this moment.
    pub fn slots(&self, system: &System) -> Result<Vec<Slot>> {
        let (mut remote, superblock) = self.reopen(system, TIMEOUT)?;
        superblock.slots(&mut remote)
    }

    /// Reopens the device, to read what changes; each answer may take `timeout`.
    ///
    /// # Errors
    /// The device holds another volume by now.
    pub fn reopen(&self, system: &System, timeout: Duration) -> Result<(ChildDevice, Superblock)> {
        let (remote, superblock) = open(system, &self.device, timeout)?;
        if superblock.uuid != self.superblock.uuid {
            bail!("it holds another volume now");
        }
        Ok((remote, superblock))
    }

    /// Returns whether one node at a time mounts the volume, without a cluster.
    pub fn is_local(&self) -> bool {
        self.superblock.membership == Membership::Local
    }
}

fn open(system: &System, device: &Path, timeout: Duration) -> Result<(ChildDevice, Superblock)> {
    let mut remote = ChildDevice::open(device, &system.path("/sys"), timeout)?;
    let superblock = Superblock::read(&mut remote)?;
    Ok((remote, superblock))
}

/// Resolves `device`. An administrator does not know `/dev/dm-3`, whose number changes between
/// boots.
pub(super) fn canonical(system: &System, device: &Path) -> Result<PathBuf> {
    let real = std::fs::canonicalize(device).wrap_err("resolving its name")?;
    let name = real.file_name().unwrap_or_default();
    let attribute = system.path("/sys/block").join(name).join("dm/name");
    // None but a device-mapper one has the attribute.
    let mapped = read_attribute(&attribute).ok().flatten();
    let mapped = mapped.map(|name| system.path("/dev/mapper").join(name));
    Ok(mapped.filter(|path| path.exists()).unwrap_or(real))
}
