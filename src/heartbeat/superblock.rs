//! Whether the region's volume is mounted on this node, in any mount namespace.

use super::{Heartbeat, LeaveCause, State};
use crate::host::places::{self, Place};
use crate::host::{self, is_there, mounts};
use eyre::{Report, Result, WrapErr, eyre};

impl Heartbeat<'_> {
    /// Returns whether the superblock is alive. `false` may also mean that it is coming or going:
    /// the driver shows a superblock after it has joined its lock domain, and ceases to before it
    /// leaves (fs/ocfs2/super.c). In between, the pin keeps the region.
    ///
    /// Where nothing pins a region, only an O_EXCL open of the device is certain, and a device that
    /// cannot be opened counts as mounted. Nowhere else is it tried, since it might make the
    /// mount(2) of another process fail. Nor is it an answer in the kernel's callout, which comes
    /// before the superblock releases its device.
    pub(super) fn superblock_lives(&self, cause: LeaveCause) -> Result<bool> {
        if self.is_shown_mounted()? {
            return Ok(true);
        }
        let State::Beating(device) = self.region.state()? else {
            return Ok(false);
        };
        if self.is_pinned_while_mounted()? || cause == LeaveCause::Kernel {
            return Ok(false);
        }
        let node = self.system.path("/dev").join(device);
        Ok(self.system.kernel().is_claimed(&node).unwrap_or(true))
    }

    /// Returns where the volume is mounted, in all mount namespaces that are visible.
    pub(super) fn places(&self) -> Result<Vec<Place>> {
        let State::Beating(device) = self.region.state()? else {
            return Ok(Vec::new());
        };
        let number = mounts::number_of(self.system, &device)?;
        number.map_or(Ok(Vec::new()), |number| places::of(self.system, number))
    }

    /// Returns the error of a failed removal: why the region stays.
    pub fn refusal(&self) -> Report {
        let places = self.places().unwrap_or_default();
        match places.is_empty() {
            true => eyre!(
                "the heartbeat region is in use: the volume is mounted out of sight, \
                 or a lock domain needs it (after umount -l: end the programs that use its files)"
            ),
            false => eyre!(
                "the heartbeat region is in use: the volume is mounted on {} (unmount it first)",
                places::listed(&places)
            ),
        }
    }

    /// Returns whether the driver shows the superblock in sysfs (since 4.7), or its journal in
    /// /proc (since 2.6.25).
    pub(super) fn is_shown_mounted(&self) -> Result<bool> {
        let State::Beating(device) = self.region.state()? else {
            return Ok(false);
        };
        let device = host::file_name_of_device(&device);
        if is_there(&self.system.path("/sys/fs/ocfs2").join(&device))? {
            return Ok(true);
        }
        let journals = host::list(&self.system.path("/proc/fs/jbd2"))
            .wrap_err("listing the journals of mounted filesystems")?;
        let own = format!("{device}-");
        let mut journals = journals.iter();
        Ok(journals.any(|name| name.to_string_lossy().starts_with(&own)))
    }
}
