//! What can be refused before anything is joined.

use super::Plan;
use crate::report;
use crate::system::System;
use crate::volume::{Examined, Membership};
use eyre::{Result, WrapErr, bail};
use rustix::mount::MountFlags;
use std::ffi::CString;
use std::io;
use std::path::Path;

impl Plan {
    /// Before anything is joined; a mount point that only another namespace has is looked up
    /// there.
    pub(super) fn check_mount_point(&self, system: &System) -> Result<()> {
        let look = || point_problem(&system.path(&self.point));
        let problem = match &self.namespace {
            Some(namespace) => namespace.run(look)?,
            None => look(),
        };
        problem.map_or(Ok(()), |problem| {
            bail!("mount point {} {problem}", self.point.display())
        })
    }

    /// What can be refused by looking at the volume; else the driver's option string.
    pub(super) fn check_volume(&self, volume: &Examined) -> Result<CString> {
        if volume.superblock.is_heartbeat_device() {
            bail!("is a heartbeat device: there are no files on it to mount");
        }
        let read_only = self.options.flags.contains(MountFlags::RDONLY);
        if volume.read_only && !(volume.is_local() && read_only) {
            bail!(
                "the device is read-only, which {}",
                if volume.is_local() {
                    "takes -o ro"
                } else {
                    "a node of a cluster cannot mount: it has to write its heartbeat"
                }
            );
        }
        let word = match (&volume.superblock.membership, self.options.nocluster) {
            (Membership::Local, _) => "heartbeat=none".to_owned(),
            (_, Some(asked)) => {
                confirm_nocluster(asked.confirmed)?;
                "heartbeat=none".to_owned()
            }
            (membership, None) => membership.mount_word(),
        };
        Ok(self.options.data_string(&[&word])?)
    }
}

/// Why this cannot be a mount point, as the end of a sentence.
fn point_problem(point: &Path) -> Option<String> {
    let error = match std::fs::metadata(point) {
        Ok(found) if found.is_dir() => return None,
        Ok(_) => return Some("is not a folder".into()),
        Err(error) => error,
    };
    let broken = std::fs::symlink_metadata(point).is_ok_and(|link| link.is_symlink());
    Some(match error.kind() {
        io::ErrorKind::NotFound if broken => "is a broken symbolic link".into(),
        io::ErrorKind::NotFound => "does not exist".into(),
        _ => format!("cannot be looked at: {error}"),
    })
}

/// Without its cluster a volume is corrupted as soon as a second node has it mounted.
fn confirm_nocluster(confirmed: bool) -> Result<()> {
    if confirmed {
        return Ok(());
    }
    if !report::can_ask() {
        bail!(
            "nocluster mounts the volume without its cluster, and if another node has it mounted \
             too, its files are destroyed (if you are certain that none has: -o nocluster=yes)"
        );
    }
    let answer = report::ask(
        "nocluster mounts the volume without its cluster. If another node has it mounted, or \
         mounts it later, its files are destroyed. Mount it? (y/N) ",
    );
    let answer = answer.wrap_err("reading the answer")?.unwrap_or_default();
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        Ok(())
    } else {
        bail!("not mounted, as you chose")
    }
}
