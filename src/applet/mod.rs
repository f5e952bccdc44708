//! The applets, and the choice of the one that a call means.

pub mod hb_ctl;
pub mod mount;
pub mod multicall;
pub mod o2cb;
mod progress;
pub mod umount;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::cli::{self, Word};
use crate::host::System;
use crate::host::namespace::Namespace;
use crate::report::{self, Failure, Usage, bail_usage, exit};
use crate::syscall::start;
use eyre::{Report, Result};

/// The program's own name, under which it takes an applet's name as first argument.
pub const PROGRAM: &str = "ocfs2box";

/// One applet of the program.
#[derive(Debug)]
pub struct Applet {
    /// The name that calls it.
    pub name: &'static str,
    /// Its purpose, in a few words.
    pub about: &'static str,
    /// Runs it with the arguments that follow its name.
    pub run: fn(&System, &[OsString]) -> Result<(), Failure>,
}

/// Every applet; links are made from this table.
pub static APPLETS: &[Applet] = &[
    Applet {
        name: "mount.ocfs2",
        about: "join the volume's cluster and mount it",
        run: mount::run,
    },
    Applet {
        name: "umount.ocfs2",
        about: "unmount a volume and leave its cluster",
        run: umount::run,
    },
    Applet {
        name: "ocfs2_hb_ctl",
        about: "start, stop and show the heartbeats of volumes",
        run: hb_ctl::run,
    },
    Applet {
        name: "o2cb",
        about: "configure the cluster and bring it up or down",
        run: o2cb::run,
    },
    Applet {
        name: "o2cb.init",
        about: "o2cb under the name of its init script",
        run: o2cb::run,
    },
];

/// Returns the applet of exactly this name.
pub fn find(name: &OsStr) -> Option<&'static Applet> {
    APPLETS.iter().find(|applet| name == applet.name)
}

/// Runs what `argv` asks for, and returns the exit code; an empty `argv` asks for nothing.
pub fn main(system: &System, argv: &[OsString]) -> u8 {
    report::handler::install();
    let result = match argv {
        [name, args @ ..] => dispatch(system, name, args),
        [] => Err(unknown(OsStr::new(""))),
    };
    for warning in system.take_warnings() {
        report::warn(format_args!("warning: {warning}"));
    }
    report::conclude(result)
}

fn dispatch(system: &System, name: &OsStr, args: &[OsString]) -> Result<(), Failure> {
    let base = base_name(name);
    if let Some(applet) = find(base) {
        report::set_name(applet.name);
    }
    start::prepare().map_err(|report| Failure::of(report, exit::SYSTEM))?;
    if base == PROGRAM {
        return multicall::run(system, args);
    }
    // With no name at all, the caller meant no applet.
    let applet = match base.is_empty() {
        true => None,
        false => find(base).or_else(|| along_links(executed_path()?)),
    };
    enter(system, applet.ok_or_else(|| unknown(name))?, args)
}

/// Runs an applet under its own name.
pub(crate) fn enter(
    system: &System,
    applet: &'static Applet,
    args: &[OsString],
) -> Result<(), Failure> {
    report::set_name(applet.name);
    (applet.run)(system, args)
}

/// Makes the failure for a name that no applet has.
pub(crate) fn unknown(name: &OsStr) -> Failure {
    let names = APPLETS.iter().map(|applet| applet.name);
    let text = cli::unknown("unknown applet", name, names, "ocfs2box --list");
    Failure::new(exit::NOT_FOUND, Report::msg(text))
}

/// Ends with `code`; the reason for any but 0 is printed already.
fn end(code: u8) -> Result<(), Failure> {
    match code {
        0 => Ok(()),
        code => Err(Failure::silent(code)),
    }
}

/// Checks the type that mount(8) and umount(8) pass on.
fn check_type(kind: Option<&Word>) -> Result<(), Usage> {
    match kind {
        Some(kind) if kind.0 != "ocfs2" => {
            bail_usage!("the filesystem type \"{kind}\" is not ocfs2")
        }
        _ => Ok(()),
    }
}

/// Opens the namespace of -N.
fn namespace(given: Option<&Word>) -> Result<Option<Namespace>> {
    let open = |Word(given): &Word| Namespace::open(Path::new(given));
    given.map(open).transpose()
}

/// Runs `work` in the namespace of -N, or here.
fn there<T>(namespace: Option<&Namespace>, work: impl FnOnce() -> T) -> Result<T> {
    match namespace {
        Some(namespace) => namespace.run(work),
        None => Ok(work()),
    }
}

/// Explains why the kernel refuses to make a mount read-only with EBUSY, and what to do.
fn open_for_writing(point: &Path) -> String {
    let point = point.display();
    format!("files on it are open for writing (fuser -vm {point} names the processes)")
}

/// Returns what follows the last slash; nothing where the path ends in one.
fn base_name(path: &OsStr) -> &OsStr {
    let last = path.as_bytes().rsplit(|&byte| byte == b'/').next();
    OsStr::from_bytes(last.unwrap_or_default())
}

/// Returns the first applet's name along a path's symbolic links. The walk ends after 40 links, as
/// the kernel's does.
fn along_links(mut path: PathBuf) -> Option<&'static Applet> {
    for _ in 0..=40 {
        if let Some(applet) = find(path.file_name()?) {
            return Some(applet);
        }
        let target = fs::read_link(&path).ok()?;
        path = path.parent().unwrap_or(Path::new("")).join(target);
    }
    None
}

/// Returns the path given to execve(2), with its links. A caller's unknown `argv[0]` came from it:
/// a shell found it in PATH, or the caller chose another `argv[0]`. (/proc/self/exe would name the
/// end of the chain.)
fn executed_path() -> Option<PathBuf> {
    // rustix panics where a kernel older than 6.4 shows neither the vector nor this file.
    if !Path::new("/proc/self/auxv").exists() {
        return None;
    }
    let path = rustix::param::linux_execfn().to_bytes();
    Some(PathBuf::from(OsString::from_vec(path.to_vec())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_names() {
        for (path, base) in [
            ("mount.ocfs2", "mount.ocfs2"),
            ("/sbin/o2cb", "o2cb"),
            ("./o2cb.init", "o2cb.init"),
            ("/sbin/", ""),
            ("", ""),
        ] {
            assert_eq!(base_name(OsStr::new(path)), base, "{path:?}");
        }
    }

    #[test]
    fn names_are_exact_and_unique() {
        for (at, applet) in APPLETS.iter().enumerate() {
            assert!(std::ptr::eq(
                find(OsStr::new(applet.name)).unwrap(),
                &APPLETS[at]
            ));
        }
        for name in [
            "",
            "O2CB",
            "o2cb ",
            "-o2cb",
            "mount",
            "mount.ocfs2x",
            PROGRAM,
        ] {
            assert!(find(OsStr::new(name)).is_none(), "{name:?}");
        }
    }

    #[test]
    fn no_argv_is_127() {
        assert_eq!(main(&System::real(), &[]), 127);
        assert_eq!(
            dispatch(&System::real(), OsStr::new(""), &[])
                .unwrap_err()
                .code(),
            127
        );
    }
}
