//! The device of a volume whose UUID is all that is known.

use super::Examined;
use crate::ids::Uuid;
use crate::system::{self, System, read_attribute};
use eyre::{Result, bail, eyre};
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
    let mut found: Option<Examined> = None;
    for device in std::iter::once(linked).chain(devices) {
        let Ok(volume) = Examined::read_within(system, &device, PATIENCE) else {
            continue;
        };
        if volume.superblock.uuid != uuid || volume.number.is_none() {
            continue;
        }
        match &found {
            Some(other) if other.number != volume.number => bail!(
                "the volume {uuid} is on {} and on {}: name the device",
                other.canonical.display(),
                volume.canonical.display()
            ),
            _ => found = Some(volume),
        }
    }
    let looked_at = names.len();
    found.map(|volume| volume.canonical).ok_or_else(|| {
        eyre!("no device has the volume {uuid} (looked at {looked_at} block devices)")
    })
}
