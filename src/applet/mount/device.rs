//! mount(2) of the device that was read, and of no other.
//!
//! The kernel resolves the device's name anew, in the mount namespace of `-N`, and after the wait
//! for the heartbeat: by then the name may lead to another volume, which has no heartbeat here.

use super::Plan;
use crate::disk::VolumeInfo;
use crate::host::System;
use crate::host::mounts::{self, DeviceNumber, Mount};
use rustix::mount::UnmountFlags;
use std::ffi::CStr;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

impl Plan {
    /// Mounts or remounts the volume. After an error it is not mounted by this call.
    pub(super) fn mount_volume(
        &self,
        system: &System,
        volume: &VolumeInfo,
        data: &CStr,
    ) -> io::Result<()> {
        self.there(|| {
            let target = fs::canonicalize(system.path(&self.point))?;
            // The path without symbolic links, as the mount table shows it.
            let point = system.shown(&target);
            // Opened before mount(2): nothing that may fail can follow that.
            let table = match &self.namespace {
                Some(namespace) => namespace.open_table()?,
                None => File::open(system.path("/proc/self/mountinfo"))?,
            };
            let source = &volume.canonical;
            if self.options.is_remount() {
                // The kernel remounts what is mounted there, whatever the source and the type are.
                let latest = latest(table, |mount| mount.point == point)?;
                if latest.as_ref().is_some_and(|mount| mount.kind != "ocfs2") {
                    return Err(io::Error::from_raw_os_error(libc::EINVAL));
                }
                same(volume, latest)?;
                return self.call_mount(system, source, &target, data);
            }
            compare(volume, mounts::number_at(system, source)?)?;
            self.call_mount(system, source, &target, data)?;
            // stat(2) may wait for other nodes (fs/ocfs2/file.c, ocfs2_getattr). Another mount may
            // cover ours by now, or have replaced it.
            let mounted = latest(table, |mount| {
                mount.point == point && mount.kind == "ocfs2" && mount.source == *source
            });
            let compared = mounted.and_then(|mount| same(volume, mount));
            compared.map_err(|cause| take_back(system, &target, cause))
        })
    }
}

/// Returns the last mount of an open table that `wanted` accepts.
fn latest(mut table: File, wanted: impl Fn(&Mount) -> bool) -> io::Result<Option<Mount>> {
    let mut text = Vec::new();
    table.read_to_end(&mut text)?;
    Ok(mounts::parse(&text).into_iter().rev().find(wanted))
}

/// Compares what is mounted; where nothing is, the kernel reports that.
fn same(volume: &VolumeInfo, mounted: Option<Mount>) -> io::Result<()> {
    mounted.map_or(Ok(()), |mount| compare(volume, Some(mount.device)))
}

fn compare(volume: &VolumeInfo, found: Option<DeviceNumber>) -> io::Result<()> {
    if found == volume.number {
        return Ok(());
    }
    let shown = |number: Option<DeviceNumber>| match number {
        Some(number) => format!("device {number}"),
        None => "a file".to_owned(),
    };
    let (read, found) = (shown(volume.number), shown(found));
    Err(io::Error::other(format!(
        "the volume was read from {read}, but {found} is in its place now (lsblk shows the names \
         of devices)"
    )))
}

/// Detaches a mount that must not stay, for `cause`; returns the error to report.
pub(super) fn take_back(system: &System, target: &Path, cause: impl fmt::Display) -> io::Error {
    // No process may write to a volume without a heartbeat, so this is immediate.
    match system.kernel().unmount(target, UnmountFlags::DETACH) {
        Ok(()) => io::Error::other(cause.to_string()),
        Err(error) => io::Error::other(format!(
            "{cause}, and to unmount it again failed: {error} (unmount it at once)"
        )),
    }
}
