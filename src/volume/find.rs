//! The device of a volume whose UUID is all that is known.

use super::Examined;
use crate::ids::Uuid;
use crate::system::{self, System, read_attribute};
use eyre::{Result, bail};
use std::path::PathBuf;
use std::time::Duration;

/// One device that hangs must not hold up the search.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks at what udev has under this UUID, then at every block device that nothing stands on:
/// the top of a multipath or device-mapper stack, never a path below it.
pub fn by_uuid(system: &System, uuid: Uuid) -> Result<PathBuf> {
    let linked = system.path("/dev/disk/by-uuid").join(uuid.with_dashes());
    let blocks = system.path("/sys/class/block");
    let names = system::list(&blocks)?;
    let others = names.iter().filter(|name| {
        let holders = system::list(&blocks.join(name).join("holders"));
        let size = read_attribute(&blocks.join(name).join("size"))
            .ok()
            .flatten();
        holders.is_ok_and(|holders| holders.is_empty()) && size.as_deref() != Some("0")
    });
    let devices = others.map(|name| system.path("/dev").join(name));
    for device in std::iter::once(linked).chain(devices) {
        let found = Examined::read_within(system, &device, PATIENCE);
        if found.is_ok_and(|volume| volume.superblock.uuid == uuid) {
            return Ok(device);
        }
    }
    bail!(
        "no device with the volume {uuid} was found (looked at {} block devices)",
        names.len()
    )
}
