//! Joins, mounts and completes.

use super::super::progress::Progress;
use super::{Plan, device, explain};
use crate::group::{self, Group};
use crate::ids::Service;
use crate::report::{self, Failure, exit};
use crate::sys::ioprio::Level;
use crate::system::System;
use crate::system::kmsg::Bookmark;
use crate::volume::Examined;
use eyre::Report;
use rustix::mount::MountFlags;
use std::ffi::{CStr, CString};
use std::io;
use std::path::Path;

impl Plan {
    /// Looks at everything first, then joins, mounts and completes.
    pub(super) fn carry_out(&self, system: &System) -> Result<(), Failure> {
        self.check_mount_point(system)
            .map_err(|report| Failure::of(report, exit::MOUNT))?;
        if self.options.bind {
            if self.fake {
                return Ok(());
            }
            let bound = self.there(|| {
                let target = system.path(&self.point);
                self.call_mount(system, &self.device, &target, c"")
            });
            return bound.map_err(|error| {
                let [device, point] = [&self.device, &self.point].map(|path| path.display());
                let place = format!("binding {device} on {point}");
                let busy = || self.why_busy(system, None);
                explain::failure(&error, place, &self.options, Vec::new(), busy)
            });
        }
        let volume = Examined::read(system, &self.device).map_err(|report| self.failed(report))?;
        let data = (self.check_volume(system, &volume)).map_err(|report| self.failed(report))?;
        if self.options.remount || self.options.nocluster.is_some() || volume.is_local() {
            return self.mount_alone(system, &volume, &data);
        }
        self.mount_joined(system, volume, &data)
    }

    /// Before mount(2).
    fn failed(&self, report: Report) -> Failure {
        Failure::of(
            report.wrap_err(self.device.display().to_string()),
            exit::MOUNT,
        )
    }

    /// A mount that nobody else has to know of.
    fn mount_alone(
        &self,
        system: &System,
        volume: &Examined,
        data: &CString,
    ) -> Result<(), Failure> {
        if self.fake {
            return Ok(());
        }
        if !self.options.remount {
            crate::cluster::stack::load_filesystem(system).map_err(|report| self.failed(report))?;
        }
        let bookmark = Bookmark::now(system);
        let mounted = self.mount_volume(system, volume, data);
        self.conclude(system, &mounted, volume, data, bookmark)
    }

    fn mount_joined(
        &self,
        system: &System,
        volume: Examined,
        data: &CString,
    ) -> Result<(), Failure> {
        if self.fake {
            return Group::check(system, &volume).map_err(|report| self.failed(report));
        }
        let group = Group::of_volume(system, &volume).map_err(|report| self.failed(report))?;
        let service = Service::Mount(self.point.clone());
        let mut progress = Progress::new(self.verbose, &self.device);
        let joined = group.begin_join(&service, &mut |wait, since| progress.show(wait, since));
        progress.clear();
        let join = joined.map_err(|report| self.failed(report))?;
        let wait = group.wait_in_mount();
        let reporter = wait.map(|wait| progress.report_blocked(|| wait(system)));
        let bookmark = Bookmark::now(system);
        // Nothing between the two that fails or waits: a mount that succeeded has to keep its
        // heartbeat.
        let mut mounted = self.mount_volume(system, &volume, data);
        drop(reporter);
        match join.complete(&mounted) {
            Ok(()) => {}
            Err(report) if mounted.is_ok() && group::must_unmount(&report) => {
                let target = system.path(&self.point);
                mounted = self.there(|| Err(device::take_back(system, &target, &report)));
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
        self.conclude(system, &mounted, &volume, data, bookmark)
    }

    /// In the mount namespace of `target`.
    pub(super) fn call_mount(
        &self,
        system: &System,
        source: &Path,
        target: &Path,
        data: &CStr,
    ) -> io::Result<()> {
        let mut flags = self.options.flags;
        flags.set(MountFlags::BIND, self.options.bind);
        flags.set(crate::options::REMOUNT, self.options.remount);
        let kernel = system.kernel();
        kernel.mount(source, target, c"ocfs2", flags, data)
    }

    pub(super) fn there<T>(&self, call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match &self.namespace {
            Some(namespace) => namespace.run(call).map_err(io::Error::other)?,
            None => call(),
        }
    }

    /// Says what came of mount(2).
    fn conclude(
        &self,
        system: &System,
        mounted: &io::Result<()>,
        volume: &Examined,
        data: &CString,
        bookmark: Bookmark,
    ) -> Result<(), Failure> {
        let Err(error) = mounted else {
            if self.verbose {
                let line =
                    self.options
                        .describe(&volume.canonical, &self.point, !volume.is_local(), data);
                // The mount stands, and is not to look failed.
                if let Err(report) = report::say(line + "\n") {
                    report::warn(format_args!("mounted, but {report:#}"));
                }
            }
            return Ok(());
        };
        let said = bookmark.said_since(volume.number);
        let place = format!(
            "{}: {}mounting it on {}",
            self.device.display(),
            if self.options.remount { "re" } else { "" },
            self.point.display()
        );
        let busy = || self.why_busy(system, volume.number);
        Err(explain::failure(error, place, &self.options, said, busy))
    }
}
