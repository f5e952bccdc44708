//! The command line, and its errors.

use super::info::View;
use crate::cli::Word;
use crate::ids::Uuid;
use crate::inspect;
use crate::ondisk::heartbeat_slots::INTERVAL;
use crate::report::{Usage, printable};
use crate::syscall::ioprio::Level;
use argh::{ArgsInfo, FromArgs};
use eyre::{Result, bail};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

/// Start, stop or show the heartbeat of an OCFS2 volume. mount.ocfs2 and umount.ocfs2 do this
/// by themselves; this is for repair and for asking.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    help_triggers("-h", "--help"),
    error_code(
        1,
        "it failed, or wrong usage; with --quiet: it does not beat; with --repair: something was \
         left alone"
    ),
    error_code(2, "with --quiet and --repair: it cannot be told")
)]
pub(super) struct Args {
    /// start the heartbeat, or count one user more
    #[argh(switch, short = 'S')]
    pub start: bool,
    /// count one user less, and stop the heartbeat after the last
    #[argh(switch, short = 'K', long = "kill")]
    pub stop: bool,
    /// print the number of users; without -d and -u, of all heartbeats of this node
    #[argh(switch, short = 'I')]
    pub info: bool,
    /// mend what was left behind, of one volume or of all
    #[argh(switch)]
    pub repair: bool,
    /// put the heartbeat's I/O into the real-time class
    #[argh(switch, short = 'P')]
    pub priority: bool,
    /// with -I: all that is known
    #[argh(switch)]
    pub long: bool,
    /// with -I: the nodes by their slots on the disk, which is read for some 3 s
    #[argh(switch)]
    pub nodes: bool,
    /// with -I and --repair: the same for programs
    #[argh(switch)]
    pub json: bool,
    /// with -I: the nodes again and again; a number of seconds may follow
    #[argh(switch)]
    pub watch: bool,
    /// with -I: nothing is printed, the exit code tells whether it beats
    #[argh(switch)]
    pub quiet: bool,
    /// with --repair: of all volumes, which is the default
    #[argh(switch)]
    pub all: bool,
    /// with --repair: only say what would be mended
    #[argh(switch)]
    pub dry_run: bool,
    /// the volume's device
    #[argh(option, short = 'd', arg_name = "device")]
    pub device: Option<Word>,
    /// the volume's UUID
    #[argh(option, short = 'u', arg_name = "uuid")]
    pub uuid: Option<Word>,
    /// with -P: the priority within the class, 0 (most urgent) to 7
    #[argh(option, short = 'n', long = "level", arg_name = "level", default = "0")]
    pub level: u8,
    /// who uses the volume: a mount point or a program's name
    #[argh(positional, arg_name = "service")]
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
    pub fn action(&self) -> Result<Action> {
        if self.all || self.dry_run {
            bail!(Usage("--all and --dry-run go with --repair".into()));
        }
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
            Usage(
                "one of -S, -K, -I, -P and --repair is wanted (see \"ocfs2_hb_ctl --help\")".into(),
            )
        })?;
        Ok(action)
    }

    pub fn target(&self) -> Result<Target> {
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

    pub fn names_nothing(&self) -> bool {
        self.device.is_none() && self.uuid.is_none()
    }

    /// Returns the target of -I.
    pub fn inspected(&self) -> Result<inspect::Target> {
        if self.names_nothing() {
            return Ok(inspect::Target::All);
        }
        Ok(match self.target()? {
            Target::Device(device) => inspect::Target::Device(device),
            Target::Uuid(uuid) => inspect::Target::Volume(uuid),
        })
    }

    /// Returns how -I answers, after a check that its options are complete and fit together.
    pub fn view(&self) -> Result<View> {
        let mut view = View {
            long: self.long,
            nodes: self.nodes,
            json: self.json,
            watch: self.watch.then_some(INTERVAL),
            quiet: self.quiet,
        };
        let is_info = self.action()? == Action::Info;
        let is_plain = view == View::default();
        if !is_plain && !is_info {
            bail!(Usage(
                "--long, --nodes, --json, --watch and --quiet go with -I (and --json with --repair)".into()
            ));
        }
        if view.quiet
            && (View {
                quiet: false,
                ..view
            }) != View::default()
        {
            bail!(Usage(
                "--quiet prints nothing: no other form of -I goes with it".into()
            ));
        }
        if view.watch.is_some() && view.long {
            bail!(Usage("--watch has no --long (it shows the nodes)".into()));
        }
        match (&self.service[..], &mut view.watch) {
            ([], _) => {}
            // The C tool does the same.
            (_, None) if !is_info || (is_plain && !self.names_nothing()) => {}
            ([Word(seconds)], Some(interval)) => *interval = seconds_of(seconds)?,
            (words, _) => bail!(Usage(format!(
                "\"{}\" is too much (a device is named with -d)",
                printable(
                    words
                        .iter()
                        .map(|Word(word)| word.as_bytes())
                        .next_back()
                        .unwrap_or_default()
                )
            ))),
        }
        Ok(view)
    }
}

/// Rewrites `--watch=5` as `--watch 5`: in argh, an option has a value always or never.
pub(super) fn with_seconds_apart(args: &[OsString]) -> Vec<OsString> {
    let mut split = Vec::with_capacity(args.len());
    for arg in args {
        match arg.as_bytes().strip_prefix(b"--watch=") {
            Some(seconds) => {
                split.extend(["--watch".into(), OsStr::from_bytes(seconds).to_owned()]);
            }
            None => split.push(arg.clone()),
        }
    }
    split
}

fn seconds_of(text: &OsStr) -> Result<Duration> {
    let seconds: Option<u64> = text.to_str().and_then(|text| text.parse().ok());
    match seconds.filter(|seconds| (1..=3600).contains(seconds)) {
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => bail!(Usage(format!(
            "--watch {}: the interval is 1 to 3600 seconds",
            printable(text.as_bytes())
        ))),
    }
}
