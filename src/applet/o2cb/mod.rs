//! o2cb: brings the cluster of this node up and down.

mod bringup;
mod exec;
mod settings;
mod status;

use crate::cli::{self, Word};
use crate::ids::ClusterName;
use crate::report::{self, Failure, Usage};
use crate::system::System;
use argh::{ArgsInfo, FromArgs};
use eyre::Result;
use settings::Settings;
use status::NotOnline;
use std::ffi::OsString;
use std::path::PathBuf;

/// Bring the cluster of this node up or down.
///
/// Commands: load (drivers and their filesystems), unload, online [cluster],
/// offline [cluster], register-cluster cluster, unregister-cluster cluster,
/// cluster-status [cluster], status [cluster], exec
/// (with options of its own).
#[derive(FromArgs, ArgsInfo)]
#[argh(
    help_triggers("-h", "--help"),
    error_code(1, "it failed, or wrong usage"),
    error_code(3, "status: the cluster is not online")
)]
struct Args {
    /// say what is done
    #[argh(switch, short = 'v')]
    verbose: u8,
    /// the configuration, instead of /etc/ocfs2/cluster.conf
    #[argh(option, long = "config-file", arg_name = "path")]
    config_file: Option<Word>,
    /// what to do, and the cluster to do it to
    #[argh(positional, arg_name = "command")]
    words: Vec<Word>,
}

/// One command.
struct Verb {
    name: &'static str,
    cluster: Operand,
    run: fn(&Call) -> Result<()>,
}

/// The cluster that a command works on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operand {
    None,
    /// Left out: the one that the configuration names.
    Optional,
    Required,
}

const VERBS: [Verb; 8] = [
    Verb {
        name: "load",
        cluster: Operand::None,
        run: bringup::load,
    },
    Verb {
        name: "unload",
        cluster: Operand::None,
        run: bringup::unload,
    },
    Verb {
        name: "online",
        cluster: Operand::Optional,
        run: bringup::online,
    },
    Verb {
        name: "offline",
        cluster: Operand::Optional,
        run: bringup::offline,
    },
    Verb {
        name: "register-cluster",
        cluster: Operand::Required,
        run: bringup::register_cluster,
    },
    Verb {
        name: "unregister-cluster",
        cluster: Operand::Required,
        run: bringup::unregister_cluster,
    },
    Verb {
        name: "cluster-status",
        cluster: Operand::Optional,
        run: bringup::cluster_status,
    },
    Verb {
        name: "status",
        cluster: Operand::Optional,
        run: status::status,
    },
];

/// What a command works with.
struct Call<'s> {
    system: &'s System,
    settings: Settings<'s>,
    /// As it stands on the command line.
    cluster: Option<ClusterName>,
    verbose: bool,
}

impl Call<'_> {
    /// With `-v`, says what was done.
    fn tell(&self, what: impl std::fmt::Display) -> Result<()> {
        if self.verbose {
            report::say(format!("{what}\n"))?;
        }
        Ok(())
    }
}

/// Runs the applet. Its exit codes are those of the C tool, 0 and 1; `status` has one more.
pub fn run(system: &System, args: &[OsString]) -> Result<(), Failure> {
    // Has options of its own, and a command that has others.
    if let [name, args @ ..] = args
        && name == "exec"
    {
        return exec::run(system, args);
    }
    let Some(args) = cli::parse::<Args>("o2cb", args, &[])? else {
        return Ok(());
    };
    dispatch(system, args).map_err(|report| {
        let offline = report.is::<NotOnline>();
        Failure::new(if offline { NotOnline::CODE } else { 1 }, report)
    })
}

fn dispatch(system: &System, args: Args) -> Result<()> {
    let words: Vec<String> = args
        .words
        .iter()
        .map(|Word(word)| word.to_string_lossy().into_owned())
        .collect();
    let Some((name, operands)) = words.split_first() else {
        return Err(Usage("a command is wanted (see \"o2cb --help\")".into()).into());
    };
    let verb = VERBS.iter().find(|verb| verb.name == name).ok_or_else(|| {
        Usage(format!(
            "there is no command \"{}\" (see \"o2cb --help\")",
            report::printable(name)
        ))
    })?;
    let cluster = match (verb.cluster, operands) {
        (Operand::None | Operand::Optional, []) => None,
        (Operand::Optional | Operand::Required, [cluster]) => Some(cluster.parse()?),
        (Operand::None, _) => return Err(Usage(format!("{name} takes no operand")).into()),
        (Operand::Optional, _) => return Err(Usage(format!("usage: {name} [CLUSTER]")).into()),
        (Operand::Required, _) => return Err(Usage(format!("usage: {name} CLUSTER")).into()),
    };
    (verb.run)(&Call {
        system,
        settings: Settings::new(
            system,
            args.config_file.map(|Word(path)| PathBuf::from(path)),
        ),
        cluster,
        verbose: args.verbose > 0,
    })
}
