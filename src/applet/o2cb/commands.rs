//! The commands of o2cb: what each takes and does, and the help that says so.

use super::exit_status::{self, Codes};
use super::{
    Args, Call, answer, bringup, configure, diff, doctor, edit, exec, heartbeat, init, list, status,
};
use crate::cli::{self, Word, help};
use crate::report::{Usage, bail_usage};
use argh::ArgsInfo;
use eyre::Result;

/// One command.
pub(super) struct Command {
    pub(super) name: &'static str,
    /// The operands as [`cli::miscounted`] reads them. If the first is a cluster, it is
    /// [`Call::cluster`].
    pub(super) operands: &'static str,
    about: &'static str,
    /// The options that it takes beside [`GENERAL`].
    options: &'static [&'static str],
    pub(super) codes: Codes,
    /// Returns the exit code.
    pub(super) run: fn(&Call) -> Result<u8>,
}

/// The options that every command takes.
const GENERAL: [&str; 4] = ["--verbose", "--config-file", "--help", "--version"];

/// Makes groups of commands.
macro_rules! commands {
    ($($group:literal {
        $($name:literal $operands:literal $about:literal
            $codes:ident $run:path $(, $option:literal)*;)+
    })+) => {
        &[$(($group, &[$(Command {
            name: $name,
            operands: $operands,
            about: $about,
            options: &[$($option),*],
            codes: exit_status::$codes,
            run: $run,
        }),+])),+]
    };
}

/// Every command, in groups. An omitted optional cluster is the one that the configuration names.
static COMMANDS: &[(&str, &[Command])] = commands! {
    "Cluster Commands" {
        "load" "" "Load the drivers" PLAIN bringup::load;
        "unload" "" "Take the cluster offline, unload drivers" PLAIN bringup::unload;
        "online" "[CLUSTER]" "Bring the cluster online" PLAIN bringup::online, "--wait";
        "offline" "[CLUSTER]" "Take the cluster offline" PLAIN bringup::offline;
        // No process is killed, so force has nothing to do.
        "force-offline" "[CLUSTER]" "Same as offline" PLAIN bringup::offline;
        "register-cluster" "CLUSTER" "Register the cluster and its nodes"
            PLAIN bringup::register_cluster;
        "unregister-cluster" "CLUSTER" "Remove the cluster from the kernel"
            PLAIN bringup::unregister_cluster;
        "start-heartbeat" "CLUSTER" "Start global heartbeat" PLAIN heartbeat::start, "--wait";
        "stop-heartbeat" "CLUSTER" "Stop global heartbeat" PLAIN heartbeat::stop;
        "hb-ctl-path" "[PATH]" "Show or set the kernel's hb_ctl_path" PLAIN configure::hb_ctl_path;
    }
    "Service Commands" {
        "start" "[CLUSTER]" "Bring the cluster online if enabled" START init::start, "--wait";
        "stop" "[CLUSTER]" "Take the cluster offline, unload drivers" ACTION init::stop;
        "restart" "[CLUSTER]" "Stop, then start" START init::restart, "--wait";
        // It brings what is up to the state in the files.
        "force-reload" "[CLUSTER]" "Apply changed configuration files" START init::start, "--wait";
        "enable" "[CLUSTER]" "Start now and at boot" ACTION configure::enable;
        "disable" "[CLUSTER]" "Stop now, and do not start at boot" ACTION configure::disable;
        "configure" "[KEY=VALUE...]" "Change O2CB's settings, then start"
            ACTION configure::configure;
    }
    "Status Commands" {
        "status" "[CLUSTER]" "Show cluster, nodes and heartbeats" STATUS status::status, "--json";
        "online-status" "[CLUSTER]" "Print online, offline or error" ONLINE_STATUS init::online_status;
        "cluster-status" "[CLUSTER]" "Show whether the cluster is online"
            CLUSTER_STATUS bringup::cluster_status;
        "doctor" "[DEVICE...]" "Look for problems on this node" DOCTOR doctor::doctor, "--json";
        "diff" "[DEVICE...]" "Compare configuration and kernel" DIFF diff::diff, "--json";
    }
    "Configuration Commands" {
        "check-config" "" "Check the configuration file" CHECK_CONFIG list::check;
        "list-clusters" "" "List the clusters" PLAIN list::names, "--oneline";
        "list-cluster" "CLUSTER" "List all parts of a cluster" PLAIN list::cluster, "--oneline";
        "list-nodes" "CLUSTER" "List the nodes of a cluster" PLAIN list::nodes, "--oneline";
        "list-heartbeats" "CLUSTER" "List the heartbeat regions"
            PLAIN list::heartbeats, "--oneline";
        "add-cluster" "CLUSTER" "Add a cluster" PLAIN edit::add_cluster;
        "remove-cluster" "CLUSTER" "Remove a cluster" PLAIN edit::remove_cluster;
        "add-node" "CLUSTER NODE" "Add a node"
            PLAIN edit::add_node, "--ip", "--port", "--number";
        "remove-node" "CLUSTER NODE" "Remove a node" PLAIN edit::remove_node;
        "add-heartbeat" "CLUSTER UUID|DEVICE" "Add a heartbeat region" PLAIN edit::add_heartbeat;
        "remove-heartbeat" "CLUSTER UUID|DEVICE" "Remove a heartbeat region"
            PLAIN edit::remove_heartbeat;
        "heartbeat-mode" "CLUSTER global|local" "Set the heartbeat mode" PLAIN edit::heartbeat_mode;
    }
    "Other Commands" {
        "exec" "[ARGUMENT...]" "Run a command as a cluster member" PLAIN exec::misplaced;
        "help" "[COMMAND]" "Show help" PLAIN show_help;
    }
};

fn all() -> impl Iterator<Item = &'static Command> {
    COMMANDS.iter().flat_map(|(_, commands)| *commands)
}

/// Returns the command of this name.
pub(super) fn find(name: &Word) -> Result<&'static Command, Usage> {
    let names = all().map(|command| command.name);
    let unknown = || cli::unknown("unknown command", &name.0, names, "o2cb --help");
    let mut commands = all();
    let found = commands.find(|command| name.0 == command.name);
    found.ok_or_else(|| Usage(unknown()))
}

impl Command {
    fn takes(&self, option: &str) -> bool {
        GENERAL.contains(&option) || self.options.contains(&option)
    }

    /// Checks that the command takes these options and operands.
    pub(super) fn check(&self, options: &[&str], operands: &[Word]) -> Result<()> {
        let name = self.name;
        let foreign = options.iter().find(|option| !self.takes(option));
        let wrong = foreign.map(|option| format!("option {option} is not allowed"));
        match wrong.or_else(|| cli::miscounted(self.operands, operands)) {
            Some(wrong) => bail_usage!("{name}: {wrong} (see \"o2cb {name} --help\")"),
            None => Ok(()),
        }
    }

    fn help(&self) -> String {
        let name = format!("o2cb {}", self.name);
        if self.name == exec::NAME {
            return help::of(&name, &exec::Args::get_args_info(), None);
        }
        let synopsis = format!("[OPTIONS] {}", self.operands);
        let mut options = help::flags(&Args::get_args_info());
        options.retain(|flag| self.takes(flag.long));
        let codes = help::exit_status(self.codes.1.iter().copied());
        let sections = [help::options(options), codes];
        help::page(&name, &[synopsis.trim_end()], self.about, &sections, &[])
    }
}

/// Returns the help of the command that `operands` name, or of all.
pub(super) fn help(operands: &[Word]) -> Result<String, Usage> {
    if let [name, ..] = operands {
        return find(name).map(Command::help);
    }
    let head = |command: &Command| format!("{} {}", command.name, command.operands);
    // One width for all groups.
    let widths = all().map(|command| head(command).len());
    let width = widths.max().unwrap_or_default();
    let row = |command: &'static Command| (format!("{:width$}", head(command)), command.about);
    let section =
        |&(group, commands): &(_, &'static [Command])| (group, commands.iter().map(row).collect());
    let mut sections: Vec<_> = COMMANDS.iter().map(section).collect();
    let info = Args::get_args_info();
    sections.push(help::options(help::flags(&info)));
    let (synopses, about) = (info.examples, info.description);
    Ok(help::page("o2cb", synopses, about, &sections, info.notes))
}

fn show_help(call: &Call) -> Result<u8> {
    answer(help(call.operands)?, 0)
}
