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
use crate::report::{Failure, exit};
use argh::{ArgsInfo, FromArgs};
use eyre::{Result, WrapErr};
use std::ffi::OsString;
use std::path::PathBuf;

/// Mount an OCFS2 volume and join its cluster. mount(8) runs this for the type ocfs2.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "[OPTIONS] DEVICE DIRECTORY",
    note = "The first mount of a volume on a node waits about 8 s for its heartbeat. \
            mount.ocfs2(8) lists the mount options of OCFS2.",
    error_code(1, "wrong usage, or not permitted"),
    error_code(2, "out of memory, processes or open files"),
    error_code(8, "interrupted; nothing is left behind"),
    error_code(32, "mount failure")
)]
struct Args {
    /// say what is done, and what is waited for
    #[argh(switch, short = 'v')]
    verbose: u8,
    /// check everything, but neither join nor mount
    #[argh(switch, short = 'f')]
    fake: bool,
    /// ignore mount options that the driver does not know
    #[argh(switch, short = 's')]
    sloppy: bool,
    /// ignored: there is no /etc/mtab to write
    #[argh(switch, short = 'n')]
    #[allow(dead_code, reason = "mount(8) passes it")]
    no_mtab: bool,
    /// mount read-only (same as -o ro)
    #[argh(switch, short = 'r')]
    read_only: bool,
    /// mount read-write (same as -o rw)
    #[argh(switch, short = 'w')]
    read_write: bool,
    /// mount in another mount namespace: a file such as /proc/PID/ns/mnt, or a PID
    #[argh(option, short = 'N', arg_name = "ns")]
    namespace: Option<Word>,
    /// comma-separated list of mount options
    #[argh(option, short = 'o', arg_name = "list")]
    options: Vec<Word>,
    /// filesystem type; only ocfs2 is accepted
    #[argh(option, short = 't', long = "type", arg_name = "type")]
    kind: Option<Word>,
    #[argh(positional)]
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
        let names = ["DEVICE", "DIRECTORY"];
        let [Word(device), Word(point)] = cli::operands("mount.ocfs2", names, &args.operands)?;
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
