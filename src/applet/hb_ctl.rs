//! ocfs2_hb_ctl: starts, stops and shows the heartbeat of one volume, by hand or for the
//! kernel, which runs `ocfs2_hb_ctl -K -u UUID` after an unmount.

mod args;
mod info;
mod json;
mod repair;
mod text;
mod watch;

use super::progress::Progress;
use crate::cli;
use crate::disk::VolumeInfo;
use crate::group::{self, Group};
use crate::heartbeat::{LeaveCause, LeaveOutcome};
use crate::host::System;
use crate::host::mounts;
use crate::ids::{Service, Uuid};
use crate::inspect;
use crate::report::{self, Failure, bail_usage};
use args::{Action, Args, Target, with_seconds_apart};
use eyre::{Result, WrapErr};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The exit code of --quiet and --repair where there is no answer.
const UNKNOWN: u8 = 2;

/// Runs the applet. Its exit codes are 0 and 1, as in the C tool; --quiet and --repair have one
/// more.
pub fn run(system: &System, args: &[OsString]) -> Result<(), Failure> {
    let rivals: cli::Rivals = &[&["--start", "--kill", "--info", "--priority", "--repair"]];
    let split = with_seconds_apart(args);
    let Some(args) = cli::parse::<Args>("ocfs2_hb_ctl", &split, rivals)? else {
        return Ok(());
    };
    let failed = |report| Failure::new(1, report);
    let unknown = |report| Failure::new(UNKNOWN, report);
    let code = if args.repair {
        let target = args.repaired().map_err(failed)?;
        repair::run(system, target, &args).map_err(unknown)?
    } else if args.quiet {
        let target = args.action().and_then(|_| args.inspected());
        let beats = target.and_then(|target| inspect::beats(system, target));
        u8::from(!beats.map_err(unknown)?)
    } else {
        let done = act(system, &args);
        if !(args.info || args.priority) {
            group::tidy(system);
        }
        done.map_err(|report| {
            // The kernel gives its callout no standard error.
            report::log_if_unheard(&system.path("/dev/kmsg"), format_args!("{report:#}"));
            failed(report)
        })?
    };
    super::end(code)
}

/// Does what is asked for; returns the exit code.
fn act(system: &System, args: &Args) -> Result<u8> {
    let (action, interval) = args.action()?;
    if action == Action::Info && !(args.is_plain() && args.names_one()) {
        return info::show(system, args, interval);
    }
    let target = args.target()?;
    match (action, &target, args.standing()) {
        (Action::Start, Target::Uuid(_), None) => bail_usage!(
            "-S -u needs the service that wants the heartbeat: a mount point or a program"
        ),
        (Action::Start, Target::Device(device), None) => mount_begins(system, device)?,
        (Action::Start, target, Some(service)) => {
            start(system, &device_of(system, target)?, &service)?;
        }
        (Action::Stop, target, service) => stop(system, target, service.as_ref())?,
        (Action::Info, target, _) => {
            let (uuid, _) = named(system, target)?;
            report::say(group::describe(system, uuid)?)?;
        }
        (Action::Priority(level), target, _) => {
            group_of(system, target)?.1.prefer_heartbeat_io(level)?;
        }
    }
    Ok(0)
}

fn start(system: &System, device: &Path, service: &Service) -> Result<()> {
    let volume = examine(system, device)?;
    let shown = device.display();
    let group = group::of_volume(system, &volume).wrap_err_with(|| shown.to_string())?;
    tell_if_idle(&*group);
    let join = Progress::new(false, device).during(|watch| group.begin_join(service, watch));
    join.and_then(|join| Ok(join.complete(&Ok(()))??))
        .wrap_err_with(|| format!("{shown}: starting the heartbeat"))
}

/// Runs what mount.ocfs2 of ocfs2-tools 1.2 asks for before mount(2). The reference belongs to that
/// mount, and the kernel's callout releases it; a mounted volume already has one.
fn mount_begins(system: &System, device: &Path) -> Result<()> {
    report::warn(format_args!(
        "{}: started without a service, which is taken for a mount by ocfs2-tools 1.2",
        device.display()
    ));
    let volume = examine(system, device)?;
    let points = |number| mounts::points_of(system, number);
    let points = volume.number.map_or(Ok(Vec::new()), points)?;
    if !points.is_empty() {
        return group::check(system, &volume).wrap_err_with(|| device.display().to_string());
    }
    start(system, device, &Service::OldMount)
}

/// Stops the heartbeat of a service; without one, runs what the kernel asks for after an unmount.
/// No process reads the kernel's error, and another call may have cleaned up already. mount.ocfs2
/// of ocfs2-tools 1.2 asks for the same after a failed mount(2), and names the device.
fn stop(system: &System, target: &Target, service: Option<&Service>) -> Result<()> {
    let by_kernel = service.is_none() && called_by_kernel(system);
    let (uuid, group) = group_of(system, target)?;
    if !by_kernel {
        tell_if_idle(&*group);
    }
    let left = match (service, target) {
        (Some(service), _) => group.leave(service),
        (None, _) if by_kernel => group.superblock_leaves(LeaveCause::Kernel),
        (None, Target::Uuid(_)) => group.superblock_leaves(LeaveCause::Tool),
        (None, Target::Device(_)) => group.superblock_leaves(LeaveCause::OldMount),
    };
    match left.wrap_err_with(|| format!("stopping the heartbeat of {uuid}"))? {
        LeaveOutcome::NothingThere if !by_kernel && group.why_idle().is_none() => {
            Err(group.nothing_to_leave(uuid))
        }
        _ => Ok(()),
    }
}

/// Reports that there is nothing to do, which is no failure, as with the C tool.
fn tell_if_idle(group: &dyn Group) {
    if let Some(why) = group.why_idle() {
        report::warn(format_args!("nothing done: {why}"));
    }
}

/// Returns whether the kernel is the caller: a kernel thread has no command line.
fn called_by_kernel(system: &System) -> bool {
    let parent = std::os::unix::process::parent_id();
    let line = std::fs::read(system.path(format!("/proc/{parent}/cmdline")));
    line.is_ok_and(|line| line.is_empty())
}

/// Finds the group by configfs alone, which loads and sets nothing.
fn group_of<'s>(system: &'s System, target: &Target) -> Result<(Uuid, Box<dyn Group + 's>)> {
    let (uuid, volume) = named(system, target)?;
    let group = match volume {
        Some(volume) if volume.is_local() => group::of_local(),
        volume => group::of_name(system, uuid, volume.and_then(|volume| volume.number))?,
    };
    Ok((uuid, group))
}

/// Returns the volume's UUID, and what the device holds if that is named.
fn named(system: &System, target: &Target) -> Result<(Uuid, Option<VolumeInfo>)> {
    match target {
        Target::Uuid(uuid) => Ok((*uuid, None)),
        Target::Device(device) => {
            let volume = examine(system, device)?;
            Ok((volume.superblock.uuid, Some(volume)))
        }
    }
}

/// Finds the volume's device. A device that hangs is skipped, and named.
fn device_of(system: &System, target: &Target) -> Result<PathBuf> {
    match target {
        Target::Device(device) => Ok(device.clone()),
        Target::Uuid(uuid) => {
            let (device, skipped) = inspect::device_of(system, *uuid)?;
            skipped.iter().for_each(report::warn);
            Ok(device)
        }
    }
}

fn examine(system: &System, device: &Path) -> Result<VolumeInfo> {
    VolumeInfo::read(system, device).wrap_err_with(|| device.display().to_string())
}
