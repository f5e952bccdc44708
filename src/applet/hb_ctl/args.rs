//! The command line, and its errors.

use crate::cli::Word;
use crate::ids::{Service, Uuid};
use crate::inspect;
use crate::ondisk::heartbeat_slots::INTERVAL;
use crate::report::bail_usage;
use crate::syscall::ioprio::Level;
use argh::{ArgsInfo, FromArgs};
use eyre::Result;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

/// Start, stop, show or repair the heartbeat of an OCFS2 volume. mount.ocfs2 and umount.ocfs2 start
/// and stop it themselves.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "-S -d <device>|-u <uuid> SERVICE",
    example = "-K -d <device>|-u <uuid> [SERVICE]",
    example = "-I [-d <device>|-u <uuid>] [OPTIONS]",
    example = "-P -d <device>|-u <uuid> [-n <level>]",
    example = "--repair [-d <device>|-u <uuid>|--all] [--dry-run] [--json]",
    note = "SERVICE is the user of the volume: a mount point, or the name of a program.",
    error_code(
        1,
        "failure, or wrong usage; with --quiet: the heartbeat is inactive; with --repair: a \
         problem is left"
    ),
    error_code(2, "with --quiet and --repair: unknown")
)]
pub(super) struct Args {
    /// start the heartbeat, or add a reference
    #[argh(switch, short = 'S')]
    pub start: bool,
    /// drop a reference; the last one stops the heartbeat
    #[argh(switch, short = 'K', long = "kill")]
    pub stop: bool,
    /// print the number of references; without -d and -u, of each heartbeat of this node
    #[argh(switch, short = 'I')]
    pub info: bool,
    /// repair what was left behind, of one volume or of all
    #[argh(switch)]
    pub repair: bool,
    /// put the heartbeat's I/O into the real-time class
    #[argh(switch, short = 'P')]
    pub priority: bool,
    /// with -I: print all details
    #[argh(switch)]
    pub long: bool,
    /// with -I: print the nodes by their slots on the disk, which takes about 3 s
    #[argh(switch)]
    pub nodes: bool,
    /// with -I and --repair: print JSON
    #[argh(switch)]
    pub json: bool,
    /// with -I: print the nodes repeatedly; an interval in seconds may follow (default: 2)
    #[argh(switch)]
    pub watch: bool,
    /// with -I: print nothing; the exit status shows whether the heartbeat is active
    #[argh(switch)]
    pub quiet: bool,
    /// with --repair: repair all volumes (default)
    #[argh(switch)]
    pub all: bool,
    /// with --repair: only show what would be repaired
    #[argh(switch)]
    pub dry_run: bool,
    /// device of the volume
    #[argh(option, short = 'd', arg_name = "device")]
    pub device: Option<Word>,
    /// UUID of the volume
    #[argh(option, short = 'u', arg_name = "uuid")]
    pub uuid: Option<Word>,
    /// with -P: priority within the class, 0 (highest, default) to 7
    #[argh(option, short = 'n', long = "level", arg_name = "level", default = "0")]
    pub level: u8,
    #[argh(positional)]
    pub service: Vec<Word>,
}

/// The volume, named in exactly one way.
pub(super) enum Target {
    Device(PathBuf),
    Uuid(Uuid),
}

/// The action on the heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Start,
    Stop,
    Info,
    Priority(Level),
}

impl Args {
    /// Returns the action and the interval of --watch, after a check that all options are complete
    /// and fit together.
    pub fn action(&self) -> Result<(Action, Duration)> {
        if self.all || self.dry_run {
            bail_usage!("--all and --dry-run go with --repair");
        }
        let Some(level) = Level::new(self.level) else {
            bail_usage!("-n {}: the priority is 0 to 7", self.level);
        };
        let action = match self {
            Self { start: true, .. } => Action::Start,
            Self { stop: true, .. } => Action::Stop,
            Self { info: true, .. } => Action::Info,
            Self { priority: true, .. } => Action::Priority(level),
            _ => bail_usage!(
                "one of -S, -K, -I, -P and --repair is required (see \"ocfs2_hb_ctl --help\")"
            ),
        };
        let is_info = action == Action::Info;
        if !self.is_plain() && !is_info {
            bail_usage!(
                "--long, --nodes, --json, --watch and --quiet go with -I (and --json with --repair)"
            );
        }
        if self.quiet && (self.long || self.nodes || self.json || self.watch) {
            bail_usage!("--quiet prints nothing: no other form of -I goes with it");
        }
        if self.watch && self.long {
            bail_usage!("--watch has no --long (it shows the nodes)");
        }
        match self.service.as_slice() {
            [seconds] if self.watch => Ok((action, seconds_of(seconds)?)),
            [.., last] if is_info && !(self.is_plain() && self.names_one()) => {
                bail_usage!("\"{last}\" is too much (a device is named with -d)")
            }
            // Otherwise the C tool ignores what is too much.
            _ => Ok((action, INTERVAL)),
        }
    }

    /// Returns whether -I answers as the C tool does.
    pub fn is_plain(&self) -> bool {
        !(self.long || self.nodes || self.json || self.watch || self.quiet)
    }

    /// Returns whether a volume is named.
    pub fn names_one(&self) -> bool {
        self.device.is_some() || self.uuid.is_some()
    }

    /// Returns the service as -S and -K know it.
    pub fn standing(&self) -> Option<Service> {
        let service = self.service.first();
        service.map(|Word(service)| Service::Standing(service.clone()))
    }

    pub fn target(&self) -> Result<Target> {
        match (&self.device, &self.uuid) {
            (Some(Word(device)), None) => Ok(Target::Device(device.into())),
            (None, Some(Word(uuid))) => match uuid.to_string_lossy().parse() {
                Ok(uuid) => Ok(Target::Uuid(uuid)),
                Err(bad) => bail_usage!("{bad}"),
            },
            _ => bail_usage!("one of -d DEVICE and -u UUID is required"),
        }
    }

    /// Returns the target of -I.
    pub fn inspected(&self) -> Result<inspect::Target> {
        if !self.names_one() {
            return Ok(inspect::Target::All);
        }
        Ok(match self.target()? {
            Target::Device(device) => inspect::Target::Device(device),
            Target::Uuid(uuid) => inspect::Target::Volume(uuid),
        })
    }

    /// Returns the target of --repair; none for all volumes.
    pub fn repaired(&self) -> Result<Option<Target>> {
        if self.long || self.nodes || self.watch || self.quiet {
            bail_usage!("--repair takes no form of -I but --json");
        }
        if !self.service.is_empty() || (self.all && self.names_one()) {
            bail_usage!("--repair takes one of -d DEVICE, -u UUID and --all, and no service");
        }
        self.names_one().then(|| self.target()).transpose()
    }
}

/// Rewrites `--watch=5` as `--watch 5`: in argh, an option has a value always or never.
pub(super) fn with_seconds_apart(args: &[OsString]) -> Vec<OsString> {
    let split = |arg: &OsString| match arg.as_bytes().strip_prefix(b"--watch=") {
        Some(seconds) => vec!["--watch".into(), OsStr::from_bytes(seconds).to_owned()],
        None => vec![arg.clone()],
    };
    args.iter().flat_map(split).collect()
}

fn seconds_of(word: &Word) -> Result<Duration> {
    match word.0.to_str().and_then(|text| text.parse().ok()) {
        Some(seconds @ 1..=3600) => Ok(Duration::from_secs(seconds)),
        _ => bail_usage!("--watch {word}: the interval is 1 to 3600 seconds"),
    }
}
