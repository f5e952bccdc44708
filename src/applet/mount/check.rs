//! Checks that can refuse a mount before anything is joined.

use super::super::progress::Progress;
use super::Plan;
use crate::disk::VolumeInfo;
use crate::group::{self, nocluster};
use crate::host::System;
use crate::ondisk::Membership;
use crate::report;
use eyre::{Result, WrapErr, bail};
use rustix::mount::MountFlags;
use std::ffi::CString;
use std::io;
use std::path::Path;

impl Plan {
    /// Checks the mount point before anything is joined. One that only another namespace has is
    /// looked up there.
    pub(super) fn check_mount_point(&self, system: &System) -> Result<()> {
        let problem = self.there(|| Ok(point_problem(&system.path(&self.point))))?;
        problem.map_or(Ok(()), |problem| {
            bail!("mount point {} {problem}", self.point.display())
        })
    }

    /// Checks what the volume alone can refuse, and returns the driver's option string.
    pub(super) fn check_volume(&self, system: &System, volume: &VolumeInfo) -> Result<CString> {
        if volume.superblock.is_heartbeat_device() {
            bail!("is a heartbeat device: there are no files on it to mount");
        }
        if volume.read_only && !volume.is_local() {
            bail!(
                "the device is read-only, which a node of a cluster cannot mount: it has to write \
                 its heartbeat"
            );
        }
        if volume.read_only && !self.options.flags.contains(MountFlags::RDONLY) {
            bail!("the device is read-only, which takes -o ro");
        }
        let mut membership = &volume.superblock.membership;
        if let Some(asked) = self.options.nocluster.filter(|_| !volume.is_local()) {
            // What is mounted already can always be made read-only.
            if !self.options.is_remount() {
                self.confirm_nocluster(system, volume, asked.confirmed)?;
            }
            membership = &Membership::Local;
        }
        Ok(self.options.data_string(Some(&membership.mount_word()))?)
    }

    /// Confirms a mount without the cluster, which corrupts a volume as soon as a second node
    /// mounts it. A node that uses it now is an error whatever the user says; if one may use it,
    /// the user decides.
    fn confirm_nocluster(
        &self,
        system: &System,
        volume: &VolumeInfo,
        confirmed: bool,
    ) -> Result<()> {
        // A heartbeat that a killed process left active here is no use of the volume.
        if !self.fake {
            group::tidy(system);
        }
        let doubts = || {
            Progress::new(self.verbose, &self.device)
                .during(|watch| nocluster::doubts(system, volume, watch))
        };
        let found = doubts()?;
        if !confirmed && !report::can_ask() {
            let more: String = found.iter().map(|doubt| format!("; {doubt}")).collect();
            bail!(
                "nocluster mounts the volume without its cluster, and if another node has it \
                 mounted too, its files are destroyed{more} (if you are certain that none has: \
                 -o nocluster=yes)"
            );
        }
        for doubt in found {
            report::warn(format_args!("{}: {doubt}", self.device.display()));
        }
        if confirmed {
            return Ok(());
        }
        let answer = report::ask(
            "nocluster mounts the volume without its cluster. If another node has it mounted, or \
             mounts it later, its files are destroyed. Mount it? (y/N) ",
        );
        let answer = answer.wrap_err("reading the answer")?.unwrap_or_default();
        if !matches!(answer.trim(), "y" | "Y" | "yes") {
            bail!("not mounted, as you chose");
        }
        // The user may have taken long to answer.
        doubts().map(drop)
    }
}

/// Returns why this cannot be a mount point, as the end of a sentence.
fn point_problem(point: &Path) -> Option<String> {
    let error = match std::fs::metadata(point) {
        Ok(found) if found.is_dir() => return None,
        Ok(_) => return Some("is not a directory".into()),
        Err(error) => error,
    };
    let broken = std::fs::symlink_metadata(point).is_ok_and(|link| link.is_symlink());
    Some(match error.kind() {
        io::ErrorKind::NotFound if broken => "is a broken symbolic link".into(),
        io::ErrorKind::NotFound => "does not exist".into(),
        _ => format!("cannot be looked at: {error}"),
    })
}
