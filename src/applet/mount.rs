//! mount.ocfs2: what mount(8) runs, as `mount.ocfs2 SPEC DIR [-sfnv] [-r|-w] [-N ns]
//! [-o opts] [-t type]`.

mod explain;

use super::progress::Progress;
use crate::cli::{self, Word};
use crate::group::{Group, classic};
use crate::heartbeat::NoHeartbeat;
use crate::ids::Service;
use crate::options::MountOptions;
use crate::report::{self, Failure, Usage, exit};
use crate::sys::ioprio::Level;
use crate::system::System;
use crate::system::kmsg::Bookmark;
use crate::system::namespace::Namespace;
use crate::volume::{Examined, Membership};
use argh::{ArgsInfo, FromArgs};
use eyre::{Result, WrapErr, bail, eyre};
use rustix::mount::{MountFlags, UnmountFlags};
use std::ffi::{CString, OsString};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

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
    /// the device, and the folder to mount it on
    #[argh(positional, arg_name = "device folder")]
    operands: Vec<Word>,
}

/// What the command line alone says.
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
        if let Some(Word(kind)) = args.kind.filter(|Word(kind)| kind != "ocfs2") {
            bail!(Usage(format!(
                "the filesystem type \"{}\" is not ocfs2",
                report::printable(kind.as_encoded_bytes())
            )));
        }
        let [Word(device), Word(point)] = <[Word; 2]>::try_from(args.operands).map_err(|given| {
            Usage(format!(
                "{} operand(s) given, a device and a folder are wanted (see \"mount.ocfs2 --help\")",
                given.len()
            ))
        })?;
        let mut words: Vec<OsString> = args.options.into_iter().map(|Word(list)| list).collect();
        words.extend(args.read_only.then(|| "ro".into()));
        words.extend(args.read_write.then(|| "rw".into()));
        let options = MountOptions::parse(&words.join(",".as_ref()), args.sloppy)?;
        let namespace = args
            .namespace
            .map(|Word(given)| Namespace::open(Path::new(&given)))
            .transpose()?;
        Ok(Self {
            device: std::path::absolute(device).wrap_err("making the device's path absolute")?,
            point: std::path::absolute(point).wrap_err("making the mount point's path absolute")?,
            options,
            namespace,
            fake: args.fake,
            verbose: args.verbose > 0,
        })
    }

    fn carry_out(&self, system: &System) -> Result<(), Failure> {
        let failed = |report: eyre::Report| Failure::of(report, exit::MOUNT);
        self.check_mount_point(system).map_err(failed)?;
        if self.options.bind && self.fake {
            return Ok(());
        }
        if self.options.bind {
            if self.fake {
                return Ok(());
            }
            return self.call_mount(system, &self.device, c"").map_err(|error| {
                let action = format!(
                    "binding {} on {}",
                    self.device.display(),
                    self.point.display()
                );
                failed(eyre!(error).wrap_err(action))
            });
        }
        let named =
            |report: eyre::Report| failed(report.wrap_err(self.device.display().to_string()));
        let volume = Examined::read(system, &self.device).map_err(named)?;
        let data = self.check_volume(&volume).map_err(named)?;
        if self.options.remount || self.options.nocluster.is_some() || volume.is_local() {
            return self.mount_alone(system, &volume, &data);
        }
        self.mount_joined(system, volume, &data)
    }

    /// Before anything is joined; a mount point that only another namespace has is looked up
    /// there.
    fn check_mount_point(&self, system: &System) -> Result<()> {
        let look = || point_problem(&system.path(&self.point));
        let problem = match &self.namespace {
            Some(namespace) => namespace.run(look)?,
            None => look(),
        };
        problem.map_or(Ok(()), |problem| {
            bail!("mount point {} {problem}", self.point.display())
        })
    }

    /// What can be refused by looking at the volume; else the driver's option string.
    fn check_volume(&self, volume: &Examined) -> Result<CString> {
        if volume.superblock.is_heartbeat_device() {
            bail!("is a heartbeat device: there are no files on it to mount");
        }
        let read_only = self.options.flags.contains(MountFlags::RDONLY);
        if volume.read_only && !(volume.is_local() && read_only) {
            bail!(
                "the device is read-only, which {}",
                if volume.is_local() {
                    "takes -o ro"
                } else {
                    "a node of a cluster cannot mount: it has to write its heartbeat"
                }
            );
        }
        let word = match (&volume.superblock.membership, self.options.nocluster) {
            (Membership::Local, _) => "heartbeat=none".to_owned(),
            (_, Some(asked)) => {
                confirm_nocluster(asked.confirmed)?;
                "heartbeat=none".to_owned()
            }
            (membership, None) => membership.mount_word(),
        };
        Ok(self.options.data_string(&[&word])?)
    }

    /// A mount that nobody else has to know of.
    fn mount_alone(
        &self,
        system: &System,
        volume: &Examined,
        data: &CString,
    ) -> Result<(), Failure> {
        let failed = |report: eyre::Report| {
            Failure::of(
                report.wrap_err(self.device.display().to_string()),
                exit::MOUNT,
            )
        };
        if self.fake {
            return Ok(());
        }
        if !self.options.remount {
            crate::cluster::stack::load_filesystem(system).map_err(failed)?;
        }
        let bookmark = Bookmark::now(system);
        let mounted = self.call_mount(system, &volume.canonical, data);
        self.conclude(&mounted, volume, data, bookmark)
    }

    fn mount_joined(
        &self,
        system: &System,
        volume: Examined,
        data: &CString,
    ) -> Result<(), Failure> {
        let failed = |report: eyre::Report| {
            Failure::of(
                report.wrap_err(self.device.display().to_string()),
                exit::MOUNT,
            )
        };
        if self.fake {
            return Group::check(system, &volume).map_err(failed);
        }
        let group = Group::of_volume(system, &volume).map_err(failed)?;
        let service = Service::Mount(self.point.clone());
        let mut progress = Progress::new(self.verbose, &self.device);
        let joined = group.begin_join(&service, &mut |wait, since| progress.show(wait, since));
        progress.clear();
        let join = joined.map_err(failed)?;
        let bookmark = Bookmark::now(system);
        // Nothing between the two: a mount that succeeded has to keep its heartbeat.
        let mut mounted = self.call_mount(system, &volume.canonical, data);
        if let Err(report) = join.complete(&mounted) {
            if report.is::<NoHeartbeat>() {
                mounted = self
                    .call_unmount(system)
                    .and(Err(io::Error::other(NoHeartbeat)));
            }
            let what = if mounted.is_ok() {
                "mounted, but"
            } else {
                "undoing the join:"
            };
            report::warn(format_args!("{}: {what} {report:#}", self.device.display()));
        }
        if mounted.is_ok()
            && let Err(report) = group.prefer_heartbeat_io(Level::HIGHEST)
            && self.verbose
        {
            report::warn(format_args!("{report:#}"));
        }
        classic::tidy_regions(system);
        self.conclude(&mounted, &volume, data, bookmark)
    }

    fn call_mount(
        &self,
        system: &System,
        source: &Path,
        data: impl AsRef<std::ffi::CStr>,
    ) -> io::Result<()> {
        let mut flags = self.options.flags;
        flags.set(MountFlags::BIND, self.options.bind);
        flags.set(crate::options::REMOUNT, self.options.remount);
        self.there(|| {
            let target = system.path(&self.point);
            let kernel = system.kernel();
            kernel.mount(source, &target, c"ocfs2", flags, data.as_ref())
        })
    }

    /// Out of sight at once: nobody may write to a volume that does not beat.
    fn call_unmount(&self, system: &System) -> io::Result<()> {
        self.there(|| {
            let target = system.path(&self.point);
            system.kernel().unmount(&target, UnmountFlags::DETACH)
        })
    }

    fn there<T>(&self, call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match &self.namespace {
            Some(namespace) => namespace.run(call).map_err(io::Error::other)?,
            None => call(),
        }
    }

    /// Says what came of mount(2).
    fn conclude(
        &self,
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
                return report::say(line + "\n")
                    .map_err(|report| Failure::of(report, exit::SYSTEM));
            }
            return Ok(());
        };
        let said = bookmark.said_since(volume.number);
        let place = format!(
            "{}: mounting it on {}",
            self.device.display(),
            self.point.display()
        );
        Err(explain::failure(error, place, &self.options, said))
    }
}

/// Why this cannot be a mount point, as the end of a sentence.
fn point_problem(point: &Path) -> Option<String> {
    let error = match std::fs::metadata(point) {
        Ok(found) if found.is_dir() => return None,
        Ok(_) => return Some("is not a folder".into()),
        Err(error) => error,
    };
    let broken = std::fs::symlink_metadata(point).is_ok_and(|link| link.is_symlink());
    Some(match error.kind() {
        io::ErrorKind::NotFound if broken => "is a broken symbolic link".into(),
        io::ErrorKind::NotFound => "does not exist".into(),
        _ => format!("cannot be looked at: {error}"),
    })
}

/// Without its cluster a volume is corrupted as soon as a second node has it mounted.
fn confirm_nocluster(confirmed: bool) -> Result<()> {
    if confirmed {
        return Ok(());
    }
    let (input, output) = (io::stdin(), io::stderr());
    if !(input.is_terminal() && output.is_terminal()) {
        bail!(
            "nocluster mounts the volume without its cluster, and if another node has it mounted \
             too, its files are destroyed (if you are certain that none has: -o nocluster=yes)"
        );
    }
    report::ask(
        "nocluster mounts the volume without its cluster. If another node has it mounted, or \
         mounts it later, its files are destroyed. Mount it? (y/N) ",
    );
    let mut answer = String::new();
    input
        .read_line(&mut answer)
        .wrap_err("reading the answer")?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        Ok(())
    } else {
        bail!("not mounted, as you chose")
    }
}
