//! o2cb: writes the cluster's configuration, and brings the cluster of this node up and down.

mod bringup;
mod edit;
mod exec;
mod list;
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
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// Configure the cluster of this node, and bring it up or down.
///
/// Commands: load (drivers and their filesystems), unload, online [cluster],
/// offline [cluster], register-cluster cluster, unregister-cluster cluster,
/// cluster-status [cluster], status [cluster], check-config, list-clusters,
/// list-cluster cluster, list-nodes cluster, list-heartbeats cluster, add-cluster cluster,
/// remove-cluster cluster, add-node cluster node, remove-node cluster node,
/// add-heartbeat cluster uuid|device, remove-heartbeat cluster uuid|device,
/// heartbeat-mode cluster global|local, exec (with options of its own).
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
    /// print the version
    #[argh(switch, short = 'V')]
    version: bool,
    /// the configuration, instead of /etc/ocfs2/cluster.conf
    #[argh(option, long = "config-file", arg_name = "path")]
    config_file: Option<Word>,
    /// list in lines instead of paragraphs
    #[argh(switch)]
    oneline: bool,
    /// add-node: its address; without this, the one in /etc/hosts
    #[argh(option, arg_name = "address")]
    ip: Option<Word>,
    /// add-node: its port, 1 to 65534; without this, 7777
    #[argh(option, arg_name = "port")]
    port: Option<Word>,
    /// add-node: its number, 0 to 254; without this, the lowest free
    #[argh(option, arg_name = "number")]
    number: Option<Word>,
    /// what to do, and the cluster to do it to
    #[argh(positional, arg_name = "command")]
    words: Vec<Word>,
}

impl Args {
    /// Options that some commands take, and whether they are given.
    fn special(&self) -> [(&'static str, bool); 4] {
        [
            ("--oneline", self.oneline),
            ("--ip", self.ip.is_some()),
            ("--port", self.port.is_some()),
            ("--number", self.number.is_some()),
        ]
    }
}

/// One command.
struct Verb {
    name: &'static str,
    /// As usage shows them; one in brackets may be left out. The first is the cluster.
    operands: &'static str,
    /// Those of [`Args::special`] that it takes.
    options: &'static [&'static str],
    run: fn(&Call) -> Result<()>,
}

impl Verb {
    const fn new(name: &'static str, operands: &'static str, run: fn(&Call) -> Result<()>) -> Self {
        let options = &[];
        Self {
            name,
            operands,
            options,
            run,
        }
    }

    const fn taking(self, options: &'static [&'static str]) -> Self {
        Self { options, ..self }
    }
}

/// Every command. Left out, an optional cluster is the one that the configuration names.
static VERBS: &[Verb] = &[
    Verb::new("load", "", bringup::load),
    Verb::new("unload", "", bringup::unload),
    Verb::new("online", "[CLUSTER]", bringup::online),
    Verb::new("offline", "[CLUSTER]", bringup::offline),
    Verb::new("register-cluster", "CLUSTER", bringup::register_cluster),
    Verb::new("unregister-cluster", "CLUSTER", bringup::unregister_cluster),
    Verb::new("cluster-status", "[CLUSTER]", bringup::cluster_status),
    Verb::new("status", "[CLUSTER]", status::status),
    Verb::new("check-config", "", list::check),
    Verb::new("list-clusters", "", list::names).taking(LISTING),
    Verb::new("list-cluster", "CLUSTER", list::cluster).taking(LISTING),
    Verb::new("list-nodes", "CLUSTER", list::nodes).taking(LISTING),
    Verb::new("list-heartbeats", "CLUSTER", list::heartbeats).taking(LISTING),
    Verb::new("add-cluster", "CLUSTER", edit::add_cluster),
    Verb::new("remove-cluster", "CLUSTER", edit::remove_cluster),
    Verb::new("add-node", "CLUSTER NODE", edit::add_node).taking(&["--ip", "--port", "--number"]),
    Verb::new("remove-node", "CLUSTER NODE", edit::remove_node),
    Verb::new("add-heartbeat", "CLUSTER UUID|DEVICE", edit::add_heartbeat),
    Verb::new(
        "remove-heartbeat",
        "CLUSTER UUID|DEVICE",
        edit::remove_heartbeat,
    ),
    Verb::new(
        "heartbeat-mode",
        "CLUSTER global|local",
        edit::heartbeat_mode,
    ),
];
const LISTING: &[&str] = &["--oneline"];

/// What a command works with.
struct Call<'s> {
    system: &'s System,
    settings: Settings<'s>,
    args: &'s Args,
    /// As it stands on the command line.
    cluster: Option<ClusterName>,
    /// What follows the cluster.
    operands: &'s [Word],
}

impl Call<'_> {
    /// The cluster of a command that cannot do without.
    fn cluster(&self) -> Result<&ClusterName> {
        let cluster = self.cluster.as_ref();
        cluster.ok_or_else(|| wrong("a cluster is wanted".into()))
    }

    /// The operand behind the cluster.
    fn operand(&self) -> Result<&OsStr> {
        let operand = self.operands.first().map(AsRef::as_ref);
        operand.ok_or_else(|| wrong("an operand is wanted".into()))
    }

    /// With `-v`, says what was done. Standard output is for what was asked for.
    fn tell(&self, what: impl std::fmt::Display) -> Result<()> {
        if self.args.verbose > 0 {
            report::warn(what);
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
    dispatch(system, &args).map_err(|report| {
        let offline = report.is::<NotOnline>();
        Failure::new(if offline { NotOnline::CODE } else { 1 }, report)
    })
}

fn dispatch(system: &System, args: &Args) -> Result<()> {
    if args.version {
        return report::say(super::VERSION);
    }
    let Some((Word(name), operands)) = args.words.split_first() else {
        return Err(wrong("a command is wanted (see \"o2cb --help\")".into()));
    };
    let verb = VERBS.iter().find(|verb| name == verb.name).ok_or_else(|| {
        wrong(format!(
            "there is no command \"{}\" (see \"o2cb --help\")",
            report::printable(name.as_encoded_bytes())
        ))
    })?;
    let name = verb.name;
    let mut given = args.special().into_iter().filter(|(_, given)| *given);
    if let Some((option, _)) = given.find(|(option, _)| !verb.options.contains(option)) {
        return Err(wrong(format!("{name} takes no {option}")));
    }
    let known = verb.operands.split_whitespace();
    let needed = known.clone().filter(|operand| !operand.starts_with('['));
    if verb.operands.is_empty() && !operands.is_empty() {
        return Err(wrong(format!("{name} takes no operand")));
    }
    if !(needed.count()..=known.count()).contains(&operands.len()) {
        return Err(wrong(format!("usage: {name} {}", verb.operands)));
    }
    let (cluster, operands) = match operands.split_first() {
        Some((Word(cluster), rest)) => (Some(cluster.to_string_lossy().parse()?), rest),
        None => (None, operands),
    };
    let config = args.config_file.as_ref();
    (verb.run)(&Call {
        system,
        settings: Settings::new(system, config.map(|Word(path)| PathBuf::from(path))),
        args,
        cluster,
        operands,
    })
}

fn wrong(text: String) -> eyre::Report {
    Usage(text).into()
}
