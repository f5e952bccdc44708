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
use crate::report::{self, Failure, Usage, bail_usage};
use argh::{ArgsInfo, FromArgs};
use exit_status::Codes;
use eyre::Result;
use settings::Settings;
use std::ffi::OsString;
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
    /// Returns the exit code.
    run: fn(&Call) -> Result<u8>,
}

/// Makes commands by their [`Codes`]: a name, operands, a function, and the options that it takes.
macro_rules! verbs {
    ($($codes:ident { $($name:literal $operands:literal $run:path $(, $option:literal)*;)+ })+) => {
        &[$($(Verb {
            name: $name,
            operands: $operands,
            options: &[$($option),*],
            codes: Codes::$codes,
            run: $run,
        }),+),+]
    };
}

impl Verb {
    /// Returns whether the command takes `count` operands.
    fn takes(&self, count: usize) -> bool {
        let known = self.operands.split_whitespace();
        let needed = known.clone().filter(|operand| !operand.starts_with('['));
        let endless = self.operands.ends_with("...]");
        count >= needed.count() && (endless || count <= known.count())
    }
}

/// Every command. An omitted optional cluster is the one that the configuration names.
static VERBS: &[Verb] = verbs! {
    Plain {
        "load" "" bringup::load;
        "unload" "" bringup::unload;
        "online" "[CLUSTER]" bringup::online, "--wait";
        "offline" "[CLUSTER]" bringup::offline;
        // No process is killed, so force has nothing to do.
        "force-offline" "[CLUSTER]" bringup::offline;
        "hb-ctl-path" "[PATH]" configure::hb_ctl_path;
        "register-cluster" "CLUSTER" bringup::register_cluster;
        "unregister-cluster" "CLUSTER" bringup::unregister_cluster;
        "start-heartbeat" "CLUSTER" heartbeat::start, "--wait";
        "stop-heartbeat" "CLUSTER" heartbeat::stop;
        "cluster-status" "[CLUSTER]" bringup::cluster_status;
        "check-config" "" list::check;
        "list-clusters" "" list::names, "--oneline";
        "list-cluster" "CLUSTER" list::cluster, "--oneline";
        "list-nodes" "CLUSTER" list::nodes, "--oneline";
        "list-heartbeats" "CLUSTER" list::heartbeats, "--oneline";
        "add-cluster" "CLUSTER" edit::add_cluster;
        "remove-cluster" "CLUSTER" edit::remove_cluster;
        "add-node" "CLUSTER NODE" edit::add_node, "--ip", "--port", "--number";
        "remove-node" "CLUSTER NODE" edit::remove_node;
        "add-heartbeat" "CLUSTER UUID|DEVICE" edit::add_heartbeat;
        "remove-heartbeat" "CLUSTER UUID|DEVICE" edit::remove_heartbeat;
        "heartbeat-mode" "CLUSTER global|local" edit::heartbeat_mode;
    }
    Action {
        "start" "[CLUSTER]" init::start, "--wait";
        "stop" "[CLUSTER]" init::stop;
        "restart" "[CLUSTER]" init::restart, "--wait";
        // It brings what is up to the state in the files.
        "force-reload" "[CLUSTER]" init::start, "--wait";
        "enable" "[CLUSTER]" configure::enable;
        "disable" "[CLUSTER]" configure::disable;
        "configure" "[KEY=VALUE...]" configure::configure;
    }
    Status {
        "status" "[CLUSTER]" status::status, "--json";
    }
    Question {
        "online-status" "[CLUSTER]" init::online_status;
        "doctor" "[DEVICE...]" doctor::doctor, "--json";
        "diff" "[DEVICE...]" diff::diff, "--json";
    }
};

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
    fn operand(&self) -> Result<&Word> {
        let operand = self.operands.first();
        operand.ok_or_else(|| wrong("an operand is wanted".into()))
    }

    /// With `-v`, reports what was done. Standard output is for requested data.
    fn done(&self, what: impl std::fmt::Display) -> Result<u8> {
        if self.args.verbose > 0 {
            report::warn(what);
        }
        Ok(0)
    }
}

/// Prints the answer, which has an exit code of its own.
fn answer(text: impl AsRef<[u8]>, code: u8) -> Result<u8> {
    report::say(text)?;
    Ok(code)
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
    super::end(carry_out(system, &args, verb, operands).map_err(|report| verb.codes.of(report))?)
}

fn find(words: &[Word]) -> Result<(&'static Verb, &[Word])> {
    let Some((name, operands)) = words.split_first() else {
        bail_usage!("a command is wanted (see \"o2cb --help\")");
    };
    match VERBS.iter().find(|verb| name.0 == verb.name) {
        Some(verb) => Ok((verb, operands)),
        None => bail_usage!("there is no command \"{name}\" (see \"o2cb --help\")"),
    }
}

fn carry_out(system: &System, args: &Args, verb: &Verb, operands: &[Word]) -> Result<u8> {
    let name = verb.name;
    let mut given = args.special().into_iter().filter(|(_, given)| *given);
    if let Some((option, _)) = given.find(|(option, _)| !verb.options.contains(option)) {
        bail_usage!("{name} takes no {option}");
    }
    if verb.operands.is_empty() && !operands.is_empty() {
        bail_usage!("{name} takes no operand");
    }
    if !verb.takes(operands.len()) {
        bail_usage!("usage: {name} {}", verb.operands);
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
