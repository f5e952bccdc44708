//! o2cb: writes the cluster's configuration, and brings the cluster of this node up and down.

mod bringup;
mod commands;
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
use commands::Command;
use eyre::Result;
use settings::Settings;
use std::ffi::OsString;
use std::path::PathBuf;

/// Configure the OCFS2 cluster of this node, and bring it online or offline.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "[OPTIONS] COMMAND [OPERAND...]",
    note = "\"o2cb help COMMAND\" shows the options and the exit status of a command."
)]
struct Args {
    /// say what is done
    #[argh(switch, short = 'v')]
    verbose: u8,
    /// use this file instead of /etc/ocfs2/cluster.conf
    #[argh(option, long = "config-file", arg_name = "path")]
    config_file: Option<Word>,
    /// print one line for each item
    #[argh(switch)]
    oneline: bool,
    /// print JSON
    #[argh(switch)]
    json: bool,
    /// IPv4 address of the node (default: from /etc/hosts)
    #[argh(option, arg_name = "address")]
    ip: Option<Word>,
    /// TCP port of the node, 1 to 65534 (default: 7777)
    #[argh(option, arg_name = "port")]
    port: Option<Word>,
    /// node number, 0 to 254 (default: the lowest free one)
    #[argh(option, arg_name = "number")]
    number: Option<Word>,
    /// wait for this node's address and heartbeat devices
    #[argh(option, arg_name = "seconds")]
    wait: Option<u32>,
    #[argh(positional)]
    words: Vec<Word>,
}

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
        cluster.ok_or_else(|| wrong("missing CLUSTER operand".into()))
    }

    /// Returns the operand after the cluster.
    fn operand(&self) -> Result<&Word> {
        let operand = self.operands.first();
        operand.ok_or_else(|| wrong("missing operand".into()))
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
        && name == exec::NAME
    {
        return exec::run(system, args);
    }
    let Some((args, options)) = cli::parse_or::<Args>("o2cb", args, &[], &commands::help)? else {
        return Ok(());
    };
    let Some((name, operands)) = args.words.split_first() else {
        bail_usage!("missing command (see \"o2cb --help\")");
    };
    let command = commands::find(name)?;
    let done = command
        .check(&options, operands)
        .and_then(|()| carry_out(system, &args, command, operands));
    super::end(done.map_err(|report| command.codes.of(report))?)
}

fn carry_out(system: &System, args: &Args, command: &Command, operands: &[Word]) -> Result<u8> {
    let has_cluster = command
        .operands
        .trim_start_matches('[')
        .starts_with("CLUSTER");
    let (cluster, operands) = match operands.split_first() {
        Some((Word(cluster), rest)) if has_cluster => {
            (Some(cluster.to_string_lossy().parse()?), rest)
        }
        _ => (None, operands),
    };
    let config = args.config_file.as_ref();
    (command.run)(&Call {
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
