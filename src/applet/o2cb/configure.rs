//! Commands that change `/etc/default/o2cb`, and then may bring the cluster up.

use super::{Call, answer, init, wrong};
use crate::cli::Word;
use crate::cluster::driver;
use crate::config::sysconfig;
use crate::config::sysconfig::edit::{checked, values};
use crate::report::{self, bail_usage, printable};
use eyre::{Result, WrapErr, bail, eyre};
use std::path::Path;

/// The questions that ask for the file's keys, in this order.
const QUESTIONS: &[(&str, &str)] = &[
    (ENABLED, "bring the cluster up at boot, yes or no"),
    ("O2CB_STACK", "cluster stack: o2cb, pcmk or cman"),
    ("O2CB_BOOTCLUSTER", "name of the cluster"),
    (
        "O2CB_HEARTBEAT_THRESHOLD",
        "a node restarts after (this - 1) x 2 s without a beat; the kernel has 31",
    ),
    (
        "O2CB_IDLE_TIMEOUT_MS",
        "a silent connection is closed after so long; the kernel has 30000",
    ),
    (
        "O2CB_KEEPALIVE_DELAY_MS",
        "a silent peer is asked after so long; the kernel has 2000",
    ),
    (
        "O2CB_RECONNECT_DELAY_MS",
        "wait between two attempts to connect; the kernel has 2000",
    ),
    (
        "O2CB_FENCE_METHOD",
        "what a node does that has to go: reset or panic",
    ),
    (
        "O2CB_NODE_NAME",
        "this node in cluster.conf, if it is not the hostname",
    ),
    (
        "O2CB_HB_CTL_PATH",
        "what the kernel runs after the last unmount",
    ),
];
const ENABLED: &str = "O2CB_ENABLED";
/// The answer that removes a value.
const NONE: &str = "none";

pub(super) fn enable(call: &Call) -> Result<u8> {
    call.settings.set(&[(ENABLED, "true".into())])?;
    init::start(call)
}

pub(super) fn disable(call: &Call) -> Result<u8> {
    call.settings.set(&[(ENABLED, "false".into())])?;
    init::stop(call)
}

/// Sets what is given, or asks for everything; then brings the cluster up, if that is enabled.
pub(super) fn configure(call: &Call) -> Result<u8> {
    let changes = match call.operands.is_empty() {
        true => ask(&call.settings.parse_sysconfig(values)?)?,
        false => given(call)?,
    };
    call.settings.set(&changes)?;
    let place = call.settings.sysconfig_place();
    match call.settings.sysconfig()?.enabled {
        true => init::start(call),
        false => call.done(format_args!("{place} is written")),
    }
}

/// Returns each `KEY=VALUE` of the command line.
fn given(call: &Call) -> Result<Vec<(&'static str, String)>> {
    let change = |word: &Word| {
        let pair = word.0.to_str().and_then(|word| word.split_once('='));
        let (key, value) = pair.ok_or_else(|| wrong(format!("\"{word}\" is not KEY=VALUE")))?;
        let known = QUESTIONS.iter().find(|(known, _)| *known == key);
        let (key, _) = known.ok_or_else(|| {
            let keys: Vec<_> = QUESTIONS.iter().map(|(key, _)| *key).collect();
            wrong(format!("\"{word}\" sets none of {}", keys.join(", ")))
        })?;
        let value = checked(key, value).map_err(|why| wrong(format!("{key} {why}")))?;
        Ok((*key, value))
    };
    call.operands.iter().map(change).collect()
}

/// Asks the user at the terminal for changes.
fn ask(now: &[(String, String)]) -> Result<Vec<(&'static str, String)>> {
    if !report::can_ask() {
        bail_usage!(
            "there is no terminal to ask on (give KEY=VALUE ..., such as O2CB_ENABLED=true)"
        );
    }
    report::warn("Enter keeps what the brackets show, none takes it away, Ctrl-C changes nothing");
    let mut changes = Vec::new();
    for (key, question) in QUESTIONS {
        let value = now
            .iter()
            .find(|(known, value)| known == key && !value.is_empty());
        let value = value.map_or(NONE, |(_, value)| value);
        let question = format!("{key}, {question} [{}]: ", printable(value));
        loop {
            let answer = report::ask(&question).wrap_err("reading the answer")?;
            let answer =
                answer.ok_or_else(|| eyre!("nothing is changed, for want of an answer"))?;
            let answer = match answer.trim() {
                "" => break,
                NONE => "",
                answer => answer,
            };
            match checked(key, answer) {
                Err(why) => report::warn(format_args!("{key} {why}")),
                Ok(answer) => {
                    changes.push((*key, answer));
                    break;
                }
            }
        }
    }
    Ok(changes)
}

/// Prints what the kernel runs after the last unmount, or sets it until the next `load`.
pub(super) fn hb_ctl_path(call: &Call) -> Result<u8> {
    let Some(set) = driver::call_out_path(call.system)? else {
        bail!("the kernel has no hb_ctl_path (run: o2cb load)");
    };
    let Some(word) = call.operands.first() else {
        return answer(printable(set) + "\n", 0);
    };
    let path = word.0.to_str().ok_or_else(|| "is not UTF-8".to_owned());
    let path = path.and_then(sysconfig::path);
    let path = path.map_err(|why| wrong(format!("hb_ctl_path {why}")))?;
    if !call.system.path(&path).exists() {
        report::warn(format_args!(
            "{word} does not exist: the kernel complains at each unmount, and umount.ocfs2 stops \
             heartbeats"
        ));
    }
    driver::set_call_out(call.system, Path::new(&path))?;
    call.done(format_args!(
        "the kernel runs {word} after the last unmount"
    ))
}
