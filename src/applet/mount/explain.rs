//! The meaning of a failed mount(2), and what to do about it.

use super::Plan;
use crate::cluster::registered::UNREACHABLE;
use crate::host::System;
use crate::host::mounts::DeviceNumber;
use crate::host::places;
use crate::options::MountOptions;
use crate::report::{Failure, exit};
use eyre::Report;
use rustix::mount::MountFlags;
use std::io;

impl Plan {
    /// Makes the failure of an applet whose mount(2) failed; `said` is what the kernel logged about
    /// it.
    pub(super) fn failure(
        &self,
        system: &System,
        error: &io::Error,
        device: Option<DeviceNumber>,
        said: &[String],
    ) -> Failure {
        let code = match error.raw_os_error() {
            Some(libc::EPERM) => exit::USAGE,
            Some(libc::ENOMEM) => exit::SYSTEM,
            _ => exit::MOUNT,
        };
        let meaning = match error.kind() {
            io::ErrorKind::ResourceBusy => self.why_busy(system, device),
            _ => meaning(error, &self.options, said),
        };
        let [source, point] = [&self.device, &self.point].map(|path| path.display());
        let place = match (self.options.is_bind(), self.options.is_remount()) {
            (true, _) => format!("binding {source} on {point}"),
            (_, true) => format!("{source}: remounting it on {point}"),
            _ => format!("{source}: mounting it on {point}"),
        };
        let report = Report::msg(meaning).wrap_err(place);
        let lines = said.iter().map(|line| format!("kernel: {line}"));
        Failure::new(code, report).with_notes(lines.collect())
    }

    /// Explains EBUSY: the kernel gives a device one superblock, which is read-only or not
    /// (fs/super.c), and mounts it once in one place (fs/namespace.c, do_add_mount).
    fn why_busy(&self, system: &System, device: Option<DeviceNumber>) -> String {
        if self.options.is_remount() {
            return super::super::open_for_writing(&self.point);
        }
        let places = device.map(|device| places::of(system, device));
        let places = places.and_then(Result::ok).unwrap_or_default();
        let read_only = self.options.flags.contains(MountFlags::RDONLY);
        let other = places.iter().find(|place| place.read_only != read_only);
        match (other, places.is_empty()) {
            (Some(place), _) if read_only => format!(
                "the volume is mounted read-write on {place}, and a node cannot mount it both \
                 ways (mount -o bind,ro makes a read-only view of a mounted directory)"
            ),
            (Some(place), _) => format!(
                "the volume is mounted read-only on {place}, and a node cannot mount it both \
                 ways (mount -o remount,rw makes that mount read-write)"
            ),
            (None, false) => "the volume is mounted there already".into(),
            (None, true) => "the device is in use: by another device or filesystem (see lsblk), \
                             or by a detached mount of the volume"
                .into(),
        }
    }
}

/// Explains the errors that fs/ocfs2/super.c and the DLM below it return.
fn meaning(error: &io::Error, options: &MountOptions, said: &[String]) -> String {
    let kernel_said = |part: &str| said.iter().any(|line| line.contains(part));
    let meant = match error.raw_os_error() {
        Some(libc::EPERM) => "only root may mount",
        Some(libc::ENODEV) => "this kernel does not know ocfs2 (its module is missing)",
        Some(libc::ENOENT) => "the device or the mount point does not exist",
        Some(libc::ENOTBLK) => "it is a file (losetup makes a device of it, which can be mounted)",
        _ if kernel_said("OCFS2: ERROR") => {
            "the volume is damaged (unmount it on all nodes, then run fsck.ocfs2)"
        }
        Some(libc::EROFS | libc::EACCES) => {
            "the device is write-protected (a local volume can be mounted with -o ro)"
        }
        Some(libc::ENOTCONN) => UNREACHABLE,
        Some(libc::EUNATCH) => {
            "the kernel's DLM has lost its daemon (dlm_controld has ended: start it again)"
        }
        Some(libc::EBADR) => {
            "the kernel's DLM runs another cluster than the volume's (see mounted.ocfs2 -d)"
        }
        // An older driver logs the option that it does not know, but the line may be lost.
        Some(libc::EINVAL)
            if options.nocluster.is_some() && (said.is_empty() || kernel_said("nocluster")) =>
        {
            "this kernel has no nocluster option, as most have none (bring the cluster online, \
             or, for one node alone, make the volume local: tunefs.ocfs2 -M local)"
        }
        Some(libc::EINVAL) if kernel_said("mount option") => {
            "the driver refuses a mount option, see below"
        }
        Some(libc::EINVAL) if kernel_said("no free slots") => {
            "all of the volume's node slots are taken (unmount it somewhere, or add slots with \
             tunefs.ocfs2 -N)"
        }
        Some(libc::EINVAL) if kernel_said("Region mismatch") => {
            "this node's heartbeat regions are not those of the nodes that have the volume mounted \
             (make cluster.conf the same everywhere, then o2cb start-heartbeat on each)"
        }
        Some(libc::EINVAL) if options.is_remount() && said.is_empty() => {
            "the volume is not mounted there, or the driver refuses the change"
        }
        Some(libc::EINVAL) if said.is_empty() => {
            "the driver refuses the volume or the options (the kernel log says why: dmesg)"
        }
        Some(libc::EINVAL) => "the driver refuses the volume or the options, see below",
        Some(libc::EIO) => {
            "reading or writing the volume failed (run fsck.ocfs2 if the disk is well)"
        }
        Some(libc::ENOMEM) => "not enough memory",
        _ => return error.to_string(),
    };
    meant.to_owned()
}
