//! o2cb exec: runs a command as a member of a volume's cluster.

use super::super::progress::Progress;
use super::Call;
use crate::cli::{self, Word};
use crate::cluster::registered::RegisteredCluster;
use crate::disk::VolumeInfo;
use crate::dlm::{Dlm, InUse, LockedDown};
use crate::group;
use crate::host::System;
use crate::report::{self, Failure, bail_usage, exit};
use crate::syscall::program;
use crate::syscall::signal::{self, Inherited};
use crate::wait::sleep_until;
use argh::{ArgsInfo, FromArgs};
use eyre::{Report, Result, WrapErr, eyre};
use std::ffi::{CStr, CString, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The name of the command.
pub(super) const NAME: &str = "exec";

/// The pause between two attempts to lock the cluster out.
const PAUSE: Duration = Duration::from_secs(1);

/// Run a command on a volume as a member of its cluster.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "-d <device> [OPTIONS] -- COMMAND [ARGUMENT...]",
    note = "Otherwise the exit status is the command's, or 128 plus the number of the signal that \
            ended it.",
    error_code(1, "wrong usage"),
    error_code(125, "the command was not run, and nothing is left behind"),
    error_code(126, "the command cannot be executed"),
    error_code(127, "the command was not found")
)]
pub(super) struct Args {
    /// device of the volume (required)
    #[argh(option, short = 'd', arg_name = "device")]
    device: Word,
    /// exclude other nodes: the volume is not mounted there, and cannot be
    #[argh(switch, short = 'x')]
    exclusive: bool,
    /// with -x: wait until the volume is no longer in use
    #[argh(option, short = 'w', arg_name = "seconds")]
    wait: Option<u32>,
    /// register this name as the volume's user (default: COMMAND)
    #[argh(option, arg_name = "name")]
    service: Option<Word>,
    /// say what is done
    #[argh(switch, short = 'v')]
    verbose: u8,
}

/// What the command line determines.
struct Plan {
    args: Args,
    device: PathBuf,
    service: String,
    command: Vec<CString>,
}

/// Runs the command with the arguments that follow its name.
pub(super) fn run(system: &System, args: &[OsString]) -> Result<(), Failure> {
    let end = args.iter().position(|arg| arg == "--");
    let (own, command) = args.split_at(end.unwrap_or(args.len()));
    let Some(args) = cli::parse::<Args>("o2cb exec", own, &[])? else {
        return Ok(());
    };
    let plan = Plan::of(args, command).map_err(|report| Failure::of(report, exit::USAGE))?;
    let code = plan.carry_out(system);
    group::tidy(system);
    super::super::end(code?)
}

/// Refuses options before the command's name, which are not its own.
pub(super) fn misplaced(_: &Call) -> Result<u8> {
    bail_usage!("exec: options before it are not allowed (see \"o2cb exec --help\")")
}

impl Plan {
    fn of(args: Args, command: &[OsString]) -> Result<Self> {
        let Some(name) = command.get(1) else {
            bail_usage!("exec: missing COMMAND operand after \"--\" (see \"o2cb exec --help\")");
        };
        if args.wait.is_some() && !args.exclusive {
            bail_usage!("exec: -w waits for nothing without -x");
        }
        let service = match &args.service {
            Some(Word(service)) => service,
            None => Path::new(name).file_name().unwrap_or(name),
        };
        let command = command.iter().skip(1);
        let command: Result<_, _> = command.map(|word| CString::new(word.as_bytes())).collect();
        Ok(Self {
            device: std::path::absolute(&args.device)
                .wrap_err("making the device's path absolute")?,
            service: service.to_string_lossy().into_owned(),
            command: command?,
            args,
        })
    }

    /// Joins, runs the command and leaves; returns the exit code.
    fn carry_out(&self, system: &System) -> Result<u8, Failure> {
        let not_run = |report: Report| {
            let report = report.wrap_err(self.device.display().to_string());
            Failure::new(exit::NOT_RUN, report)
        };
        let inherited = Inherited::now().map_err(|error| not_run(error.into()))?;
        let dlm = self.join(system).map_err(not_run)?;
        let ready = self.prepare(system, &dlm).map_err(not_run);
        let done = ready.and_then(|_locked| self.run_command(inherited));
        // The caller waits for the command's result, whatever that is.
        if let Err(report) = dlm.shutdown() {
            let device = self.device.display();
            report::warn(format_args!("{device}: leaving its cluster: {report:#}"));
        }
        done
    }

    /// Locks the other nodes out, if the options say so.
    fn prepare<'d>(&self, system: &System, dlm: &'d Dlm) -> Result<Option<LockedDown<'d>>> {
        let exclusive = self.args.exclusive;
        let locked = exclusive.then(|| self.lock_down(system, dlm)).transpose()?;
        // A terminal's signal until now was for this process alone, and the command must not start
        // any more.
        signal::defer_termination()?.check()?;
        Ok(locked)
    }

    fn join<'s>(&self, system: &'s System) -> Result<Dlm<'s>> {
        let volume = VolumeInfo::read(system, &self.device)?;
        Progress::new(self.args.verbose > 0, &self.device)
            .during(|watch| Dlm::initialize(system, volume, &self.service, watch))
    }

    fn lock_down<'d>(&self, system: &System, dlm: &'d Dlm) -> Result<LockedDown<'d>> {
        let signals = signal::defer_termination().wrap_err("holding signals back")?;
        let started = Instant::now();
        let timeout = Duration::from_secs(self.args.wait.unwrap_or(0).into());
        let mut told = self.args.verbose == 0;
        loop {
            let in_use = match dlm.lock_down().wrap_err("locking the cluster out")? {
                Ok(locked) => return Ok(locked),
                Err(in_use) => in_use,
            };
            let why = self.describe(system, &in_use)?;
            if started.elapsed() >= timeout {
                return Err(eyre!(why));
            }
            if !told {
                told = true;
                report::warn(format_args!("{}: waiting: {why}", self.device.display()));
            }
            let next = Instant::now() + PAUSE.min(timeout);
            sleep_until(next, &mut || Ok(signals.check()?))?;
        }
    }

    fn describe(&self, system: &System, in_use: &InUse) -> Result<String> {
        Ok(match in_use {
            InUse::Mounted(numbers) => {
                let nodes = names(system, numbers)?;
                format!("the volume is in use on {nodes} (unmount it there, or wait with -w)")
            }
            InUse::Here => "the volume is mounted on this node, or another process here works on \
                            it (wait with -w)"
                .into(),
            InUse::Locked => "another node has locked the volume: a program works on it, or it is \
                              being mounted or unmounted (try again later, or wait with -w)"
                .into(),
        })
    }

    fn run_command(&self, inherited: Inherited) -> Result<u8, Failure> {
        let words: Vec<&CStr> = self.command.iter().map(CString::as_c_str).collect();
        program::run(&words, inherited).map_err(|error| {
            let name = self.command.first().map(|name| name.to_bytes());
            let name = report::printable(name.unwrap_or_default());
            let code = match error.kind() {
                io::ErrorKind::NotFound => exit::NOT_FOUND,
                _ => exit::CANNOT_EXECUTE,
            };
            Failure::new(code, Report::new(error).wrap_err(format!("running {name}")))
        })
    }
}

/// Returns the names of the nodes of these numbers, as far as the cluster has them.
fn names(system: &System, numbers: &[u32]) -> Result<String> {
    let live = RegisteredCluster::find(system)?;
    let nodes = live.map_or(Ok(Vec::new()), |live| live.nodes())?;
    let name = |number: &u32| match nodes
        .iter()
        .find(|known| u32::from(known.node.number) == *number)
    {
        Some(known) if known.local => format!("{} (this node)", known.node.name),
        Some(known) => known.node.name.clone(),
        None => format!("node {number}"),
    };
    let names: Vec<_> = numbers.iter().map(name).collect();
    Ok(match names.is_empty() {
        true => "a node that its slot map does not name".into(),
        false => names.join(", "),
    })
}
