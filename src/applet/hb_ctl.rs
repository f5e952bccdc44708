//! ocfs2_hb_ctl: starts, stops and shows the heartbeat of one volume, by hand or for the
//! kernel, which runs `ocfs2_hb_ctl -K -u UUID` after an unmount.

use super::progress::Progress;
use crate::cli::{self, Word};
use crate::group::{self, Group};
use crate::heartbeat::{Asker, Left};
use crate::ids::{Service, Uuid};
use crate::report::{self, Failure, Usage};
use crate::sys::ioprio::Level;
use crate::system::System;
use crate::system::mounts::{self, DeviceNumber};
use crate::volume::{Examined, find};
use argh::{ArgsInfo, FromArgs};
use eyre::{Result, WrapErr, bail};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Start, stop or show the heartbeat of an OCFS2 volume. mount.ocfs2 and umount.ocfs2 do this
/// by themselves; this is for repair and for asking.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    help_triggers("-h", "--help"),
    error_code(1, "it failed, or wrong usage")
)]
struct Args {
    /// start the heartbeat, or count one user more
    #[argh(switch, short = 'S')]
    start: bool,
    /// count one user less, and stop the heartbeat after the last
    #[argh(switch, short = 'K', long = "kill")]
    stop: bool,
    /// print the number of users
    #[argh(switch, short = 'I')]
    info: bool,
    /// put the heartbeat's I/O into the real-time class
    #[argh(switch, short = 'P')]
    priority: bool,
    /// the volume's device
    #[argh(option, short = 'd', arg_name = "device")]
    device: Option<Word>,
    /// the volume's UUID
    #[argh(option, short = 'u', arg_name = "uuid")]
    uuid: Option<Word>,
    /// with -P: the priority within the class, 0 (most urgent) to 7
    #[argh(option, short = 'n', long = "level", arg_name = "level", default = "0")]
    level: u8,
    /// who uses the volume: a mount point or a program's name
    #[argh(positional, arg_name = "service")]
    service: Vec<Word>,
}

/// What is wanted of the heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Start,
    Stop,
    Info,
    Priority(Level),
}

/// Exactly one way to name the volume.
enum Target {
    Device(PathBuf),
    Uuid(Uuid),
}

/// Runs the applet. Its exit codes are those of the C tool: 0 and 1.
pub fn run(system: &System, args: &[OsString]) -> Result<(), Failure> {
    let rivals: cli::Rivals = &[&["--start", "--kill", "--info", "--priority"]];
    let Some(args) = cli::parse::<Args>("ocfs2_hb_ctl", args, rivals)? else {
        return Ok(());
    };
    let looks = args.info || args.priority;
    let done = act(system, args);
    if !looks {
        group::tidy(system);
    }
    done.map_err(|report| {
        // The kernel gives its call-out no standard error.
        report::log_if_unheard(&system.path("/dev/kmsg"), format_args!("{report:#}"));
        Failure::new(1, report)
    })
}

fn act(system: &System, args: Args) -> Result<()> {
    let action = args.action()?;
    let target = args.target()?;
    let service = args.service.first().map(|Word(service)| service.clone());
    match (action, target, service) {
        (Action::Start, Target::Uuid(_), None) => bail!(Usage(
            "-S -u needs the service that wants the heartbeat: a mount point or a program".into()
        )),
        (Action::Start, Target::Device(device), None) => mount_begins(system, &device),
        (Action::Start, target, Some(service)) => start(system, &target, &service),
        (Action::Stop, target, None) => superblock_ends(system, &target),
        (Action::Stop, target, Some(service)) => stop(system, &target, &service),
        (Action::Info, target, _) => {
            let (uuid, _) = named(system, &target)?;
            report::say(group::describe(system, uuid)?)
        }
        (Action::Priority(level), target, _) => {
            let (_, group) = group_of(system, &target)?;
            group.prefer_heartbeat_io(level)
        }
    }
}

impl Args {
    fn action(&self) -> Result<Action> {
        let level = Level::new(self.level)
            .ok_or_else(|| Usage(format!("-n {}: the priority is 0 to 7", self.level)))?;
        let wanted = [
            (self.start, Action::Start),
            (self.stop, Action::Stop),
            (self.info, Action::Info),
            (self.priority, Action::Priority(level)),
        ];
        let found = wanted.into_iter().find(|(given, _)| *given);
        let (_, action) = found.ok_or_else(|| {
            Usage("one of -S, -K, -I and -P is wanted (see \"ocfs2_hb_ctl --help\")".into())
        })?;
        Ok(action)
    }

    fn target(&self) -> Result<Target> {
        match (&self.device, &self.uuid) {
            (Some(Word(device)), None) => Ok(Target::Device(device.into())),
            (None, Some(Word(uuid))) => {
                let parsed = uuid.to_string_lossy().parse();
                Ok(Target::Uuid(parsed.map_err(
                    |bad: crate::ids::BadName| Usage(bad.to_string()),
                )?))
            }
            _ => bail!(Usage("one of -d DEVICE and -u UUID is wanted".into())),
        }
    }
}

fn start(system: &System, target: &Target, service: &OsString) -> Result<()> {
    let device = match target {
        Target::Device(device) => device.clone(),
        Target::Uuid(uuid) => device_of(system, *uuid)?,
    };
    let volume = examine(system, &device)?;
    let shown = device.display();
    let group = Group::of_volume(system, &volume).wrap_err_with(|| shown.to_string())?;
    let standing = Service::Standing(service.to_string_lossy().into_owned());
    let mut progress = Progress::new(false, &device);
    let join = group.begin_join(&standing, &mut |wait, since| progress.show(wait, since));
    progress.clear();
    join.and_then(|join| join.complete(&Ok(())))
        .wrap_err_with(|| format!("{shown}: starting the heartbeat"))
}

/// What mount.ocfs2 of ocfs2-tools 1.2 runs before mount(2). The reference is that mount's, which
/// the kernel's call-out gives back; a volume that is mounted has one already.
fn mount_begins(system: &System, device: &Path) -> Result<()> {
    report::warn(format_args!(
        "{}: started without a service, which is taken for a mount by ocfs2-tools 1.2",
        device.display()
    ));
    let volume = examine(system, device)?;
    let points = match volume.number {
        Some(number) => mounts::points_of(system, number)?,
        None => Vec::new(),
    };
    if !points.is_empty() {
        return Group::check(system, &volume).wrap_err_with(|| device.display().to_string());
    }
    start(system, &Target::Device(device.to_owned()), &"mount".into())
}

fn stop(system: &System, target: &Target, service: &OsString) -> Result<()> {
    let (uuid, group) = group_of(system, target)?;
    let standing = Service::Standing(service.to_string_lossy().into_owned());
    match group
        .leave(&standing)
        .wrap_err_with(|| format!("stopping the heartbeat of {uuid}"))?
    {
        Left::NothingThere if group.has_own() => Err(group.nothing_to_leave(uuid)),
        _ => Ok(()),
    }
}

/// What the kernel runs after an unmount, whose error nobody reads. There may be nothing
/// left to do: another call has tidied up. mount.ocfs2 of ocfs2-tools 1.2 asks for the same
/// after a mount(2) that failed, and names the device.
fn superblock_ends(system: &System, target: &Target) -> Result<()> {
    let by_kernel = called_by_kernel(system);
    let (uuid, group) = group_of(system, target)?;
    let asker = if by_kernel {
        Asker::Kernel
    } else {
        Asker::Tool
    };
    match group
        .superblock_leaves(asker)
        .wrap_err_with(|| format!("stopping the heartbeat of {uuid}"))?
    {
        Left::NothingThere if !by_kernel && group.has_own() => Err(group.nothing_to_leave(uuid)),
        _ => Ok(()),
    }
}

/// A kernel thread has no command line.
fn called_by_kernel(system: &System) -> bool {
    let parent = std::os::unix::process::parent_id();
    let line = std::fs::read(system.path(format!("/proc/{parent}/cmdline")));
    line.is_ok_and(|line| line.is_empty())
}

/// By configfs alone, so that nothing is loaded or set to look.
fn group_of<'s>(system: &'s System, target: &Target) -> Result<(Uuid, Group<'s>)> {
    let (uuid, device) = named(system, target)?;
    Ok((uuid, Group::of_name(system, uuid, device)?))
}

fn named(system: &System, target: &Target) -> Result<(Uuid, Option<DeviceNumber>)> {
    match target {
        Target::Uuid(uuid) => Ok((*uuid, None)),
        Target::Device(device) => {
            let volume = examine(system, device)?;
            Ok((volume.superblock.uuid, volume.number))
        }
    }
}

/// A device that hangs is skipped, and named.
fn device_of(system: &System, uuid: Uuid) -> Result<PathBuf> {
    let search = find::search(system, &[uuid])?;
    let device = search.device(system, uuid)?.to_owned();
    if !search.silent.is_empty() {
        report::warn(format_args!(
            "{} not answering, skipped in the search for {uuid}",
            find::listed(&search.silent)
        ));
    }
    Ok(device)
}

fn examine(system: &System, device: &Path) -> Result<Examined> {
    Examined::read(system, device).wrap_err_with(|| device.display().to_string())
}
