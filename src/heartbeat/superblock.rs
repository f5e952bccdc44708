//! Is the region's volume mounted on this node, wherever that may be seen?

use super::{Heartbeat, LeaveCause, State};
use crate::host::places::{self, Place};
use crate::host::{self, is_there, mounts};
use eyre::{Report, Result, WrapErr, eyre};

impl Heartbeat<'_> {
    /// `true` means mounted. `false` may also mean coming or going: the driver shows a
    /// superblock after it has joined its lock domain, and ceases to before it leaves
    /// (fs/ocfs2/super.c). In between, the pin speaks for it.
    ///
    /// Where nothing pins a region, an O_EXCL open of the device is the one sure answer, and a
    /// device that cannot be asked counts as mounted. Nowhere else is that asked, since it
    /// might make the mount(2) of another process fail; and it is no answer to the kernel's
    /// call-out, which comes before the superblock lets its device go.
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

    /// Where the volume is mounted, in all mount namespaces that can be seen.
    pub(super) fn places(&self) -> Result<Vec<Place>> {
        let State::Beating(device) = self.region.state()? else {
            return Ok(Vec::new());
        };
        match mounts::number_of(self.system, &device)? {
            Some(number) => places::of(self.system, number),
            None => Ok(Vec::new()),
        }
    }

    /// Why the region stays: the error of a caller that tried to remove it.
    pub fn refusal(&self) -> Report {
        let places = self.places().unwrap_or_default();
        match places.is_empty() {
            true => eyre!(
                "the heartbeat region is in use: the volume is mounted out of sight, \
                 or a lock domain needs it (after umount -l: end the programs that use its files)"
            ),
            false => {
                eyre!(
                    "the heartbeat region is in use: the volume is mounted on {} \
                     (unmount it first)",
                    places::listed(&places)
                )
            }
        }
    }

    /// The driver shows each superblock in sysfs (since 4.7), its journal in /proc (since
    /// 2.6.25).
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
        Ok(journals
            .iter()
            .any(|name| name.to_string_lossy().starts_with(&own)))
    }
}
