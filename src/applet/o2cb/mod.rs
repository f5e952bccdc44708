//! o2cb: writes the cluster's configuration, and brings the cluster of this node up and down.

mod bringup;
mod configure;
mod diff;
mod doctor;
mod edit;
mod exec;
mod exit_status;
mod heartbeat;
mod init;
mod list;
mod settings;
mod status;

use crate::cli::{self, Word};
use crate::host::System;
use crate::ids::ClusterName;
use crate::report::{self, Failure, Usage};
use argh::{ArgsInfo, FromArgs};
use exit_status::{Codes, Ends};
use eyre::Result;
use settings::Settings;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// Configure the cluster of this node, and bring it up or down.
///
/// Commands: load (drivers and their filesystems), unload, online [cluster],
/// offline [cluster], force-offline [cluster], start [cluster], stop [cluster],
/// restart [cluster], force-reload [cluster], online-status [cluster], enable [cluster],
/// disable [cluster], configure [key=value...], hb-ctl-path [path], register-cluster cluster, unregister-cluster cluster,
/// start-heartbeat cluster, stop-heartbeat cluster, cluster-status [cluster], status [cluster], doctor [device...], diff [device...], check-config, list-clusters,
/// list-cluster cluster, list-nodes cluster, list-heartbeats cluster, add-cluster cluster,
/// remove-cluster cluster, add-node cluster node, remove-node cluster node,
/// add-heartbeat cluster uuid|device, remove-heartbeat cluster uuid|device,
/// heartbeat-mode cluster global|local, exec (with options of its own).
#[derive(FromArgs, ArgsInfo)]
#[argh(
    help_triggers("-h", "--help"),
    error_code(
        1,
        "it failed, or wrong usage; doctor: warnings; diff: there are differences"
    ),
    error_code(
        2,
        "start, stop: wrong usage; online-status, diff: it cannot be told; doctor: errors"
    ),
    error_code(3, "status: the cluster is not online"),
    error_code(4, "start, stop: only root can; status: it cannot be told"),
    error_code(6, "start: the settings do not have O2CB_ENABLED=true")
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
    /// status, doctor, diff: for programs, as JSON
    #[argh(switch)]
    json: bool,
    /// add-node: its address; without this, the one in /etc/hosts
    #[argh(option, arg_name = "address")]
    ip: Option<Word>,
    /// add-node: its port, 1 to 65534; without this, 7777
    #[argh(option, arg_name = "port")]
    port: Option<Word>,
    /// add-node: its number, 0 to 254; without this, the lowest free
    #[argh(option, arg_name = "number")]
    number: Option<Word>,
    /// online, start, restart, force-reload, start-heartbeat: wait for so long until this node's
    /// address and the devices of the heartbeat are there
    #[argh(option, arg_name = "seconds")]
    wait: Option<u32>,
    /// what to do, and the cluster to do it to
    #[argh(positional, arg_name = "command")]
    words: Vec<Word>,
}

impl Args {
    /// Returns options that only some commands take, and whether they are given.
    fn special(&self) -> [(&'static str, bool); 6] {
        [
            ("--wait", self.wait.is_some()),
            ("--json", self.json),
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
    /// The operands as usage shows them; one in brackets is optional, and one with dots may repeat.
    /// If the first is a cluster, it is [`Call::cluster`].
    operands: &'static str,
    /// The options of [`Args::special`] that it takes.
    options: &'static [&'static str],
    codes: Codes,
    run: fn(&Call) -> Result<()>,
}

impl Verb {
    const fn new(name: &'static str, operands: &'static str, run: fn(&Call) -> Result<()>) -> Self {
        let options = &[];
        Self {
            name,
            operands,
            options,
            codes: Codes::Plain,
            run,
        }
    }

    const fn taking(self, options: &'static [&'static str]) -> Self {
        Self { options, ..self }
    }

    const fn ending(self, codes: Codes) -> Self {
        Self { codes, ..self }
    }

    /// Returns whether the command takes `count` operands.
    fn takes(&self, count: usize) -> bool {
        let known = self.operands.split_whitespace();
        let needed = known.clone().filter(|operand| !operand.starts_with('['));
        let endless = self.operands.ends_with("...]");
        count >= needed.count() && (endless || count <= known.count())
    }
}

/// Every command. An omitted optional cluster is the one that the configuration names.
static VERBS: &[Verb] = &[
    Verb::new("load", "", bringup::load),
    Verb::new("unload", "", bringup::unload),
    Verb::new("online", "[CLUSTER]", bringup::online).taking(WAITING),
    Verb::new("offline", "[CLUSTER]", bringup::offline),
    // No process is killed, so force has nothing to do.
    Verb::new("force-offline", "[CLUSTER]", bringup::offline),
    Verb::new("start", "[CLUSTER]", init::start)
        .taking(WAITING)
        .ending(Codes::Action),
    Verb::new("stop", "[CLUSTER]", init::stop).ending(Codes::Action),
    Verb::new("restart", "[CLUSTER]", init::restart)
        .taking(WAITING)
        .ending(Codes::Action),
    // It brings what is up to the state in the files.
    Verb::new("force-reload", "[CLUSTER]", init::start)
        .taking(WAITING)
        .ending(Codes::Action),
    Verb::new("online-status", "[CLUSTER]", init::online_status).ending(Codes::Question),
    Verb::new("enable", "[CLUSTER]", configure::enable).ending(Codes::Action),
    Verb::new("disable", "[CLUSTER]", configure::disable).ending(Codes::Action),
    Verb::new("configure", "[KEY=VALUE...]", configure::configure).ending(Codes::Action),
    Verb::new("hb-ctl-path", "[PATH]", configure::hb_ctl_path),
    Verb::new("register-cluster", "CLUSTER", bringup::register_cluster),
    Verb::new("unregister-cluster", "CLUSTER", bringup::unregister_cluster),
    Verb::new("start-heartbeat", "CLUSTER", heartbeat::start).taking(WAITING),
    Verb::new("stop-heartbeat", "CLUSTER", heartbeat::stop),
    Verb::new("cluster-status", "[CLUSTER]", bringup::cluster_status),
    Verb::new("status", "[CLUSTER]", status::status)
        .taking(&["--json"])
        .ending(Codes::Status),
    Verb::new("doctor", "[DEVICE...]", doctor::doctor)
        .taking(&["--json"])
        .ending(Codes::Question),
    Verb::new("diff", "[DEVICE...]", diff::diff)
        .taking(&["--json"])
        .ending(Codes::Question),
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
const WAITING: &[&str] = &["--wait"];

/// The input of a command.
struct Call<'s> {
    system: &'s System,
    settings: Settings<'s>,
    args: &'s Args,
    /// The cluster as given on the command line.
    cluster: Option<ClusterName>,
    /// The operands after the cluster, or all of them.
    operands: &'s [Word],
}

impl Call<'_> {
    /// Returns the cluster of a command that requires one.
    fn cluster(&self) -> Result<&ClusterName> {
        let cluster = self.cluster.as_ref();
        cluster.ok_or_else(|| wrong("a cluster is wanted".into()))
    }

    /// Returns the operand after the cluster.
    fn operand(&self) -> Result<&OsStr> {
        let operand = self.operands.first().map(AsRef::as_ref);
        operand.ok_or_else(|| wrong("an operand is wanted".into()))
    }

    /// With `-v`, reports what was done. Standard output is for requested data.
    fn tell(&self, what: impl std::fmt::Display) -> Result<()> {
        if self.args.verbose > 0 {
            report::warn(what);
        }
        Ok(())
    }
}

/// Runs the applet. Its exit codes are 0 and 1, as in the C tool, except for the commands that init
/// systems call.
pub fn run(system: &System, args: &[OsString]) -> Result<(), Failure> {
    // exec has options of its own, and runs a command that has others.
    if let [name, args @ ..] = args
        && name == "exec"
    {
        return exec::run(system, args);
    }
    let Some(args) = cli::parse::<Args>("o2cb", args, &[])? else {
        return Ok(());
    };
    if args.version {
        return report::say(super::VERSION).map_err(|report| Codes::Plain.of(report));
    }
    let (verb, operands) = find(&args.words).map_err(|report| Codes::Plain.of(report))?;
    carry_out(system, &args, verb, operands).map_err(|report| verb.codes.of(report))
}

fn find(words: &[Word]) -> Result<(&'static Verb, &[Word])> {
    let Some((Word(name), operands)) = words.split_first() else {
        return Err(wrong("a command is wanted (see \"o2cb --help\")".into()));
    };
    let verb = VERBS.iter().find(|verb| name == verb.name).ok_or_else(|| {
        wrong(format!(
            "there is no command \"{}\" (see \"o2cb --help\")",
            report::printable(name.as_encoded_bytes())
        ))
    })?;
    Ok((verb, operands))
}

fn carry_out(system: &System, args: &Args, verb: &Verb, operands: &[Word]) -> Result<()> {
    let name = verb.name;
    let mut given = args.special().into_iter().filter(|(_, given)| *given);
    if let Some((option, _)) = given.find(|(option, _)| !verb.options.contains(option)) {
        return Err(wrong(format!("{name} takes no {option}")));
    }
    if verb.operands.is_empty() && !operands.is_empty() {
        return Err(wrong(format!("{name} takes no operand")));
    }
    if !verb.takes(operands.len()) {
        return Err(wrong(format!("usage: {name} {}", verb.operands)));
    }
    let has_cluster = verb.operands.trim_start_matches('[').starts_with("CLUSTER");
    let (cluster, operands) = match operands.split_first() {
        Some((Word(cluster), rest)) if has_cluster => {
            (Some(cluster.to_string_lossy().parse()?), rest)
        }
        _ => (None, operands),
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
