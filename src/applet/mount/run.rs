//! Joins, mounts and completes.

use super::super::{progress::Progress, there};
use super::{Plan, device};
use crate::disk::VolumeInfo;
use crate::group;
use crate::host::System;
use crate::host::kmsg::Bookmark;
use crate::ids::Service;
use crate::report::{self, Failure, exit};
use crate::syscall::ioprio::Level;
use eyre::{Report, Result};
use std::ffi::CStr;
use std::io;
use std::path::Path;

/// The result of mount(2), and the position in the kernel's log before it.
type Outcome = (io::Result<()>, Bookmark);

impl Plan {
    /// Checks everything first, then joins, mounts and completes.
    pub(super) fn carry_out(&self, system: &System) -> Result<(), Failure> {
        self.check_mount_point(system)
            .map_err(|report| Failure::of(report, exit::MOUNT))?;
        if self.options.is_bind() {
            return self.bind(system);
        }
        let failed = |report: Report| {
            let report = report.wrap_err(self.device.display().to_string());
            Failure::of(report, exit::MOUNT)
        };
        let volume = VolumeInfo::read(system, &self.device).map_err(failed)?;
        let data = self.check_volume(system, &volume).map_err(failed)?;
        let alone =
            self.options.is_remount() || self.options.nocluster.is_some() || volume.is_local();
        let outcome = match (self.fake, alone) {
            (true, true) => return Ok(()),
            (true, false) => return group::check(system, &volume).map_err(failed),
            (false, true) => self.mount_alone(system, &volume, &data),
            (false, false) => self.mount_joined(system, &volume, &data),
        };
        let (mounted, bookmark) = outcome.map_err(failed)?;
        if let Err(error) = mounted {
            let said = bookmark.said_since(volume.number);
            return Err(self.failure(system, &error, volume.number, &said));
        }
        self.describe(&volume, &data);
        Ok(())
    }

    fn bind(&self, system: &System) -> Result<(), Failure> {
        if self.fake {
            return Ok(());
        }
        let bound = self.there(|| {
            let target = system.path(&self.point);
            self.call_mount(system, &self.device, &target, c"")
        });
        bound.map_err(|error| self.failure(system, &error, None, &[]))
    }

    /// Mounts the volume or remounts it, which concerns no other node.
    fn mount_alone(&self, system: &System, volume: &VolumeInfo, data: &CStr) -> Result<Outcome> {
        if !self.options.is_remount() {
            crate::cluster::stack::load_filesystem(system)?;
        }
        let bookmark = Bookmark::now(system);
        Ok((self.mount_volume(system, volume, data), bookmark))
    }

    /// Mounts the volume as a member of its group.
    fn mount_joined(&self, system: &System, volume: &VolumeInfo, data: &CStr) -> Result<Outcome> {
        let group = group::of_volume(system, volume)?;
        let service = Service::Mount(self.point.clone());
        let mut progress = Progress::new(self.verbose, &self.device);
        let join = progress.during(|watch| group.begin_join(&service, watch))?;
        let wait = group.wait_in_mount();
        let reporter = wait.map(|wait| progress.report_blocked(|| wait(system)));
        let bookmark = Bookmark::now(system);
        // Nothing between the two may fail or wait: a mount that succeeded has to keep its
        // heartbeat.
        let mut mounted = self.mount_volume(system, volume, data);
        drop(reporter);
        match join.complete(&mounted) {
            Ok(Ok(())) => {}
            Ok(Err(unprotected)) => {
                let target = system.path(&self.point);
                mounted = self.there(|| Err(device::take_back(system, &target, unprotected)));
            }
            Err(report) => {
                let what = if mounted.is_ok() {
                    "mounted, but"
                } else {
                    "undoing the join:"
                };
                report::warn(format_args!("{}: {what} {report:#}", self.device.display()));
            }
        }
        if mounted.is_ok()
            && let Err(report) = group.prefer_heartbeat_io(Level::HIGHEST)
            && self.verbose
        {
            report::warn(format_args!("{report:#}"));
        }
        group::tidy(system);
        Ok((mounted, bookmark))
    }

    /// Calls mount(2) in the mount namespace of `target`.
    pub(super) fn call_mount(
        &self,
        system: &System,
        source: &Path,
        target: &Path,
        data: &CStr,
    ) -> io::Result<()> {
        let flags = self.options.flags;
        system.kernel().mount(source, target, c"ocfs2", flags, data)
    }

    pub(super) fn there<T>(&self, call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        there(self.namespace.as_ref(), call).map_err(io::Error::other)?
    }

    /// Reports the mount, with `-v`.
    fn describe(&self, volume: &VolumeInfo, data: &CStr) {
        if !self.verbose {
            return;
        }
        let clustered = !volume.is_local();
        let line = (self.options).describe(&volume.canonical, &self.point, clustered, data);
        // The mount succeeded, and must not appear to have failed.
        if let Err(report) = report::say(line + "\n") {
            report::warn(format_args!("mounted, but {report:#}"));
        }
    }
}
