//! mount.ocfs2: what mount(8) runs, as `mount.ocfs2 SPEC DIR [-sfnv] [-r|-w] [-N ns]
//! [-o opts] [-t type]`.

mod check;
mod device;
mod explain;
mod run;

use crate::cli::{self, Word};
use crate::host::System;
use crate::host::namespace::Namespace;
use crate::options::MountOptions;
use crate::report::{Failure, bail_usage, exit};
use argh::{ArgsInfo, FromArgs};
use eyre::{Result, WrapErr};
use std::ffi::OsString;
use std::path::PathBuf;

/// Mount an OCFS2 volume, joining its cluster. mount(8) runs this for the type ocfs2.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    help_triggers("-h", "--help"),
    note = "The first mount of a volume on a node waits some 8 s for its heartbeat. \
            Words of -o that OCFS2 adds to those of mount(8) are in mount.ocfs2(8).",
    error_code(1, "wrong usage, or no permission"),
    error_code(2, "the system lacks something: memory, processes, files"),
    error_code(8, "interrupted; nothing is left behind"),
    error_code(32, "the mount failed")
)]
struct Args {
    /// say what is done, and what is waited for
    #[argh(switch, short = 'v')]
    verbose: u8,
    /// check everything, but join and mount nothing
    #[argh(switch, short = 'f')]
    fake: bool,
    /// leave mount options out that the driver does not know
    #[argh(switch, short = 's')]
    sloppy: bool,
    /// accepted: no mount table but the kernel's is kept
    #[argh(switch, short = 'n')]
    #[allow(dead_code, reason = "mount(8) passes it")]
    no_mtab: bool,
    /// mount read-only, as -o ro
    #[argh(switch, short = 'r')]
    read_only: bool,
    /// mount read-write, as -o rw
    #[argh(switch, short = 'w')]
    read_write: bool,
    /// mount namespace to mount in: a file such as /proc/PID/ns/mnt, or a PID
    #[argh(option, short = 'N', arg_name = "ns")]
    namespace: Option<Word>,
    /// mount options, separated by commas
    #[argh(option, short = 'o', arg_name = "list")]
    options: Vec<Word>,
    /// the type, which has to be ocfs2
    #[argh(option, short = 't', long = "type", arg_name = "type")]
    kind: Option<Word>,
    /// the device, and the directory to mount it on
    #[argh(positional, arg_name = "device directory")]
    operands: Vec<Word>,
}

/// What the command line alone determines.
struct Plan {
    device: PathBuf,
    point: PathBuf,
    options: MountOptions,
    namespace: Option<Namespace>,
    fake: bool,
    verbose: bool,
}

/// Runs the applet.
pub fn run(system: &System, args: &[OsString]) -> Result<(), Failure> {
    let rivals: cli::Rivals = &[&["--read-only", "--read-write"]];
    let Some(args) = cli::parse::<Args>("mount.ocfs2", args, rivals)? else {
        return Ok(());
    };
    let plan = Plan::of(args).map_err(|report| Failure::of(report, exit::MOUNT))?;
    plan.carry_out(system)
}

impl Plan {
    fn of(args: Args) -> Result<Self> {
        super::check_type(args.kind.as_ref())?;
        let [Word(device), Word(point)] = args.operands.as_slice() else {
            bail_usage!(
                "{} operand(s) given, a device and a directory are wanted (see \"mount.ocfs2 --help\")",
                args.operands.len()
            );
        };
        let mut words: Vec<OsString> = args.options.into_iter().map(|Word(list)| list).collect();
        words.extend(args.read_only.then(|| "ro".into()));
        words.extend(args.read_write.then(|| "rw".into()));
        let options = MountOptions::parse(&words.join(",".as_ref()), args.sloppy)?;
        let namespace = super::namespace(args.namespace.as_ref())?;
        Ok(Self {
            device: std::path::absolute(device).wrap_err("making the device's path absolute")?,
            point: std::path::absolute(point).wrap_err("making the mount point's path absolute")?,
            options,
            namespace,
            fake: args.fake,
            verbose: args.verbose > 0,
        })
    }
}
