//! `ocfs2box` called by its own name: it runs an applet, or manages the links that call applets.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use argh::{ArgsInfo, FromArgs};
use eyre::{Report, WrapErr};

use super::{APPLETS, PROGRAM};
use crate::cli::{self, Word, help};
use crate::host::System;
use crate::report::{self, Failure, bail_usage, exit, printable};

/// Mount OCFS2 volumes and manage their cluster. The program runs the applet whose name it is
/// called by, or the one that its first argument names.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "APPLET [ARGUMENT...]",
    example = "--install [-s] [-f] DIR",
    example = "--uninstall DIR",
    example = "--list",
    error_code(1, "wrong usage, or not permitted"),
    error_code(2, "a file could not be written"),
    error_code(127, "unknown applet")
)]
struct Args {
    /// print the names of the applets
    #[argh(switch)]
    list: bool,
    /// make a hard link for each applet in DIR
    #[argh(switch)]
    install: bool,
    /// remove the links to this program from DIR
    #[argh(switch)]
    uninstall: bool,
    /// make symbolic links
    #[argh(switch, short = 's')]
    symbolic: bool,
    /// replace files that are not links to this program
    #[argh(switch, short = 'f')]
    force: bool,
    #[argh(positional)]
    dir: Option<Word>,
}

/// Runs the program under its own name.
pub fn run(system: &System, args: &[OsString]) -> Result<(), Failure> {
    let done = match args {
        [name, rest @ ..] if !name.as_encoded_bytes().starts_with(b"-") => {
            let applet = super::find(name).ok_or_else(|| super::unknown(name))?;
            return super::enter(system, applet, rest);
        }
        [] => report::say(help()),
        _ => match cli::parse_or::<Args>(PROGRAM, args, &[], &|_| Ok(help()))? {
            Some((args, _)) => manage(&args),
            None => Ok(()),
        },
    };
    done.map_err(|report| Failure::of(report, exit::SYSTEM))
}

fn manage(args: &Args) -> eyre::Result<()> {
    let chosen = [args.list, args.install, args.uninstall];
    let one = chosen.iter().filter(|&&chosen| chosen).count() == 1;
    match &args.dir {
        Some(dir) if one && args.install => install(dir.as_ref(), args.symbolic, args.force),
        Some(dir) if one && args.uninstall => uninstall(dir.as_ref()),
        None if one && args.list => {
            let names = APPLETS.iter().map(|applet| format!("{}\n", applet.name));
            report::say(names.collect::<String>())
        }
        _ => bail_usage!(
            "one of --list, --install DIR and --uninstall DIR is required (see \"{PROGRAM} --help\")"
        ),
    }
}

fn help() -> String {
    let applets = APPLETS.iter();
    let rows = applets.map(|applet| (applet.name.to_owned(), applet.about));
    help::of(
        PROGRAM,
        &Args::get_args_info(),
        Some(("Applets", rows.collect())),
    )
}

/// The running executable, by path and by identity.
struct Me {
    path: PathBuf,
    file: Metadata,
}

/// What is at a link's path.
#[derive(PartialEq)]
enum Found {
    Nothing,
    Ours,
    Foreign,
}

impl Me {
    fn find() -> eyre::Result<Self> {
        let path = std::env::current_exe().wrap_err("cannot tell where this program is")?;
        let file = fs::metadata(&path).wrap_err_with(|| shown(&path))?;
        Ok(Self { path, file })
    }

    fn is(&self, file: &Metadata) -> bool {
        (file.dev(), file.ino()) == (self.file.dev(), self.file.ino())
    }

    fn look(&self, path: &Path) -> eyre::Result<Found> {
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Found::Nothing),
            Err(error) => Err(Report::new(error).wrap_err(shown(path))),
            // The link's target decides, if it has one.
            Ok(_) => match fs::metadata(path) {
                Ok(file) if self.is(&file) => Ok(Found::Ours),
                _ => Ok(Found::Foreign),
            },
        }
    }

    /// Returns the links in `dir` with what is there. The executable itself is never touched.
    fn links(&self, dir: &Path) -> eyre::Result<Vec<(PathBuf, Found)>> {
        let dir = dir.canonicalize().wrap_err_with(|| shown(dir))?;
        let links = APPLETS.iter().map(|applet| dir.join(applet.name));
        let links = links.filter(|link| *link != self.path);
        links
            .map(|link| self.look(&link).map(|found| (link, found)))
            .collect()
    }
}

fn shown(path: &Path) -> String {
    printable(path.as_os_str().as_encoded_bytes())
}

/// Installs the links. It changes nothing before it knows that it replaces nothing foreign.
fn install(dir: &Path, symbolic: bool, force: bool) -> eyre::Result<()> {
    let me = Me::find()?;
    let links = me.links(dir)?;
    let foreign = links.iter().filter(|(_, found)| *found == Found::Foreign);
    let foreign: Vec<_> = foreign.map(|(link, _)| shown(link)).collect();
    if !foreign.is_empty() && !force {
        let names = foreign.join(", ");
        eyre::bail!(
            "not a link to this program: {names} (move it away, or replace it with --force)"
        );
    }
    for (link, _) in links {
        put(&me, &link, symbolic).wrap_err_with(|| shown(&link))?;
    }
    Ok(())
}

/// Makes one link; its name never vanishes, and never has half a file.
fn put(me: &Me, link: &Path, symbolic: bool) -> eyre::Result<()> {
    let (Some(dir), Some(name)) = (link.parent(), link.file_name()) else {
        eyre::bail!("not the name of a file");
    };
    let target = match me.path.file_name() {
        Some(own) if me.path.parent() == Some(dir) => Path::new(own),
        _ => &me.path,
    };
    // rename(2) of one hard link over another does nothing and leaves both.
    let done = match symbolic {
        true => fs::read_link(link).is_ok_and(|now| now == target),
        false => fs::symlink_metadata(link).is_ok_and(|file| me.is(&file)),
    };
    if done {
        return Ok(());
    }
    let draft = dir.join(format!(".{}.{}", name.display(), std::process::id()));
    let made = match symbolic {
        true => symlink(target, &draft),
        false => fs::hard_link(&me.path, &draft),
    };
    match made {
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {
            let report = Report::new(error);
            return Err(report.wrap_err("a hard link cannot lead to another file system (use -s)"));
        }
        made => made?,
    }
    fs::rename(&draft, link).inspect_err(|_| drop(fs::remove_file(&draft)))?;
    Ok(())
}

fn uninstall(dir: &Path) -> eyre::Result<()> {
    let me = Me::find()?;
    for (link, found) in me.links(dir)? {
        if found == Found::Ours {
            fs::remove_file(&link).wrap_err_with(|| shown(&link))?;
        }
    }
    Ok(())
}
