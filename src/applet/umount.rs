//! umount.ocfs2: what umount(8) runs, as `umount.ocfs2 DIR [-nlfvr] [-N ns] [-t type]`.

use super::{open_for_writing, there};
use crate::cli::{self, Word};
use crate::cluster::driver::{self, CallOut};
use crate::disk::VolumeInfo;
use crate::group::{self, Group};
use crate::heartbeat::LeaveOutcome;
use crate::host::System;
use crate::host::detached;
use crate::host::mounts::{self, Mount};
use crate::host::namespace::Namespace;
use crate::ids::Service;
use crate::options::MountOptions;
use crate::report::{self, Failure, exit};
use crate::syscall::signal;
use argh::{ArgsInfo, FromArgs};
use eyre::{Result, WrapErr, bail, eyre};
use rustix::mount::{MountFlags, UnmountFlags};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

/// Unmount an OCFS2 volume and leave its cluster. umount(8) runs this for the type ocfs2.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "[OPTIONS] DIRECTORY|DEVICE",
    error_code(1, "wrong usage, or not permitted"),
    error_code(2, "out of memory, processes or open files"),
    error_code(32, "unmount failure")
)]
struct Args {
    /// say what is done
    #[argh(switch, short = 'v')]
    verbose: u8,
    /// ignored: there is no /etc/mtab to write
    #[argh(switch, short = 'n')]
    #[allow(dead_code, reason = "umount(8) passes it")]
    no_mtab: bool,
    /// detach the filesystem now, and unmount it when it is no longer busy
    #[argh(switch, short = 'l')]
    lazy: bool,
    /// abort pending requests (MNT_FORCE)
    #[argh(switch, short = 'f')]
    force: bool,
    /// if the filesystem is busy, remount it read-only
    #[argh(switch, short = 'r')]
    read_only: bool,
    /// unmount in another mount namespace: a file such as /proc/PID/ns/mnt, or a PID
    #[argh(option, short = 'N', arg_name = "ns")]
    namespace: Option<Word>,
    /// filesystem type; only ocfs2 is accepted
    #[argh(option, short = 't', long = "type", arg_name = "type")]
    kind: Option<Word>,
    #[argh(positional)]
    operands: Vec<Word>,
}

/// Runs the applet.
pub fn run(system: &System, args: &[OsString]) -> Result<(), Failure> {
    let Some(args) = cli::parse::<Args>("umount.ocfs2", args, &[])? else {
        return Ok(());
    };
    unmount(system, args).map_err(|report| Failure::of(report, exit::MOUNT))
}

fn unmount(system: &System, args: Args) -> Result<()> {
    super::check_type(args.kind.as_ref())?;
    let [Word(given)] = cli::operands("umount.ocfs2", ["DIRECTORY|DEVICE"], &args.operands)?;
    let namespace = super::namespace(args.namespace.as_ref())?;
    let (mount, below) = find(system, namespace.as_ref(), Path::new(given))?;
    // The volume's name has to be read before the unmount.
    let group = group_of(system, &mount);
    // An unmounted volume is also left, even if the user interrupts.
    signal::defer_termination().wrap_err("holding signals back")?;
    let done = detached::call(system, || {
        let end = || end(system, &args, &mount, below.as_deref());
        there(namespace.as_ref(), end)?
    })
    .wrap_err_with(|| format!("unmounting {}", mount.point.display()))?;
    let stays = match &group {
        Ok(Some(group)) => group.stays(),
        _ => "heartbeat goes on",
    };
    let left = group.and_then(|group| {
        let service = Service::Mount(mount.point.clone());
        group.map(|group| group.leave(&service)).transpose()
    });
    group::tidy(system);
    match left {
        Ok(Some(LeaveOutcome::StillAlive)) if args.verbose > 0 => report::warn(format_args!(
            "{}: the volume is still in use out of sight, its {stays}",
            mount.source.display()
        )),
        Ok(_) => {}
        Err(report) => report::warn(format_args!(
            "{}: unmounted, but leaving its cluster failed, the {stays}: {report:#}",
            mount.source.display()
        )),
    }
    if args.verbose > 0 {
        let point = report::printable(mount.point.as_os_str().as_encoded_bytes());
        if let Err(report) = report::say(format!("{point} {done}\n")) {
            report::warn(format_args!("{point} {done}, but {report:#}"));
        }
    }
    Ok(())
}

/// Finds the mount that `given` means: the topmost on a directory, the last of a device. Returns
/// the path of a mount below it as well, which keeps it busy.
fn find(
    system: &System,
    namespace: Option<&Namespace>,
    given: &Path,
) -> Result<(Mount, Option<PathBuf>)> {
    let shown = given.display();
    let table = match namespace {
        Some(namespace) => namespace.mounts()?,
        None => mounts::visible(system)?,
    };
    let path = std::path::absolute(given).wrap_err_with(|| shown.to_string())?;
    let at = |point: &Path| table.iter().rev().find(|mount| mount.point == point);
    // The path as given comes first: to resolve a path may hang on a dead mount.
    let mount = match at(&path) {
        Some(mount) => mount,
        None => {
            let real = std::fs::canonicalize(&path).wrap_err_with(|| shown.to_string())?;
            let device = mounts::number_at(system, &real).unwrap_or(None);
            let mut latest = table.iter().rev();
            at(&real)
                .or_else(|| latest.find(|mount| Some(mount.device) == device))
                .ok_or_else(|| eyre!("{shown} is not mounted"))?
        }
    };
    if mount.kind != "ocfs2" {
        let kind = report::printable(mount.kind.as_encoded_bytes());
        bail!("{shown} is mounted as {kind}, not as ocfs2");
    }
    let below = table.iter().find(|other| other.parent == mount.id);
    let below = below.map(|other| other.point.clone());
    // umount2(2) takes a path, and unmounts the topmost mount on it.
    if below.as_ref() == Some(&mount.point) {
        bail!("{shown}: another mount covers it on the same directory (unmount that first)");
    }
    Ok((mount.clone(), below))
}

/// Returns the group to leave afterwards; none where the volume has none, or where the kernel's
/// callout leaves it.
fn group_of<'s>(system: &'s System, mount: &Mount) -> Result<Option<Box<dyn Group + 's>>> {
    let leaves = match driver::call_out(system)? {
        CallOut::None => true,
        CallOut::Ours => false,
        // The callout leaves what the C mount.ocfs2 has joined, which differs with a daemon.
        CallOut::Foreign => mount.user_stack().is_some(),
    };
    if !mount.has_group() || !leaves {
        return Ok(None);
    }
    // A disk that is gone cannot be read: it is the last resort.
    let name = || Ok(VolumeInfo::read(system, &mount.source)?.superblock.uuid);
    group::of_mount(system, mount, &name).map(Some)
}

/// Makes the mount read-only. The driver takes the given options for the complete set, and refuses
/// to change some, above all the heartbeat option (fs/ocfs2/super.c, ocfs2_remount).
fn make_read_only(system: &System, mount: &Mount) -> Result<()> {
    let now = [mount.flags.as_os_str(), &mount.options].join(OsStr::new(","));
    let options = MountOptions::parse(&now, true)?;
    let word = |name: &str, value: Option<&OsStr>| Some(format!("{name}={}", value?.to_str()?));
    // A user-space stack shows no other option; `o2cb` is shown beside global heartbeat.
    let stack = word("cluster_stack", options.cluster_stack.as_deref());
    let own = stack
        .filter(|word| word != "cluster_stack=o2cb")
        .or_else(|| word("heartbeat", options.heartbeat.as_deref()));
    let data = options.data_string(own.as_deref())?;
    let flags = options.flags | crate::options::REMOUNT | MountFlags::RDONLY;
    let point = system.path(&mount.point);
    let kernel = system.kernel();
    match kernel.mount(&mount.source, &point, c"ocfs2", flags, &data) {
        Err(error) if is_busy(&error) => bail!(open_for_writing(&mount.point)),
        done => Ok(done?),
    }
}

fn is_busy(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ResourceBusy
}

/// Unmounts, or with `-r` makes a busy mount read-only; returns which of the two.
fn end(system: &System, args: &Args, mount: &Mount, below: Option<&Path>) -> Result<String> {
    let mut flags = UnmountFlags::NOFOLLOW;
    flags.set(UnmountFlags::DETACH, args.lazy);
    flags.set(UnmountFlags::FORCE, args.force);
    let point: PathBuf = system.path(&mount.point);
    let shown = mount.point.display();
    match system.kernel().unmount(&point, flags) {
        Err(error) if is_busy(&error) && args.read_only => {
            make_read_only(system, mount).wrap_err("it is busy; making it read-only")?;
            Ok("is busy, and read-only now".into())
        }
        Err(error) if is_busy(&error) => match below.map(Path::display) {
            Some(below) => bail!("{below} is mounted below it (umount -R {shown} unmounts both)"),
            None => bail!("files on it are in use (fuser -vm {shown} names the processes)"),
        },
        ended => {
            ended?;
            Ok("unmounted".into())
        }
    }
}
