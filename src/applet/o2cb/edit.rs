//! Commands that change the configuration.

use super::{Call, wrong};
use crate::cli::Word;
use crate::config::cluster_conf::{DEFAULT_PORT, Document, NUMBERS, Node, PORTS, decimal};
use crate::config::hosts;
use crate::disk::VolumeInfo;
use crate::ids::{HeartbeatMode, Uuid};
use eyre::{Result, WrapErr, bail};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;

/// Changes the configuration, and reports what was `done`.
fn edit(
    call: &Call,
    done: &str,
    change: &mut dyn FnMut(&mut Document) -> Result<()>,
) -> Result<u8> {
    call.settings.edit(change)?;
    call.done(done)
}

pub(super) fn add_cluster(call: &Call) -> Result<u8> {
    let name = call.cluster()?;
    let done = format!("added cluster \"{name}\"");
    edit(call, &done, &mut |file| file.add_cluster(name))
}

pub(super) fn remove_cluster(call: &Call) -> Result<u8> {
    let name = call.cluster()?;
    let done = format!("removed cluster \"{name}\"");
    edit(call, &done, &mut |file| file.remove_cluster(name))
}

pub(super) fn add_node(call: &Call) -> Result<u8> {
    let (cluster, name) = (call.cluster()?, text(call.operand()?)?);
    let args = call.args;
    let number = match &args.number {
        // The C tool takes this for no number.
        Some(number) if number.0 == "-1" => None,
        number => number_in("--number", number.as_ref(), NUMBERS)?,
    };
    let port = number_in("--port", args.port.as_ref(), PORTS)?;
    let address = match &args.ip {
        None => hosts::address_of(call.system, name)?,
        Some(given) => parsed(given).ok_or_else(|| {
            wrong(format!(
                "--ip {given} is not an IPv4 address such as 192.0.2.1"
            ))
        })?,
    };
    let mut node = Node {
        name: name.to_owned(),
        number: 0,
        address,
        port: port.unwrap_or(DEFAULT_PORT),
    };
    call.settings.edit(&mut |file| {
        node.number = match number {
            Some(number) => number,
            None => file.config().need(cluster)?.free_number()?,
        };
        file.add_node(cluster, node.clone())
    })?;
    call.done(format_args!(
        "added node \"{name}\" of cluster \"{cluster}\": number {}, {address}:{}",
        node.number, node.port
    ))
}

pub(super) fn remove_node(call: &Call) -> Result<u8> {
    let (cluster, name) = (call.cluster()?, text(call.operand()?)?);
    let done = format!("removed node \"{name}\" of cluster \"{cluster}\"");
    edit(call, &done, &mut |file| file.remove_node(cluster, name))
}

pub(super) fn add_heartbeat(call: &Call) -> Result<u8> {
    let (cluster, region) = (call.cluster()?, region(call)?);
    let done = format!("added heartbeat region {region} to cluster \"{cluster}\"");
    edit(call, &done, &mut |file| file.add_region(cluster, region))
}

pub(super) fn remove_heartbeat(call: &Call) -> Result<u8> {
    let (cluster, region) = (call.cluster()?, region(call)?);
    let done = format!("removed heartbeat region {region} from cluster \"{cluster}\"");
    edit(call, &done, &mut |file| file.remove_region(cluster, region))
}

pub(super) fn heartbeat_mode(call: &Call) -> Result<u8> {
    let cluster = call.cluster()?;
    let modes = [HeartbeatMode::Global, HeartbeatMode::Local];
    let wanted = call.operand()?;
    let Some(mode) = modes.into_iter().find(|mode| wanted.0 == mode.as_str()) else {
        return Err(wrong(format!(
            "mode \"{wanted}\" is neither global nor local"
        )));
    };
    let done = format!("cluster \"{cluster}\" has {mode} heartbeat");
    edit(call, &done, &mut |file| file.set_mode(cluster, mode))
}

/// Returns a region by its UUID, or by the device of a volume that may belong to the cluster.
fn region(call: &Call) -> Result<Uuid> {
    let given = call.operand()?;
    if let Some(uuid) = parsed(given) {
        return Ok(uuid);
    }
    let device: &Path = given.as_ref();
    if !device.exists() {
        bail!("\"{given}\" is neither a UUID nor a device");
    }
    let shown = device.display();
    let volume = VolumeInfo::read(call.system, device).wrap_err_with(|| shown.to_string())?;
    match volume.superblock.membership.bars(call.cluster()?) {
        Some(why) => bail!("{shown} {why}"),
        None => Ok(volume.superblock.uuid),
    }
}

fn text(word: &Word) -> Result<&str> {
    let text = word.0.to_str();
    text.ok_or_else(|| wrong(format!("\"{word}\" is not UTF-8")))
}

fn parsed<T: FromStr>(word: &Word) -> Option<T> {
    word.0.to_str()?.parse().ok()
}

/// Parses a plain decimal number; a leading zero marks the C tool's octal and hexadecimal ones.
fn number_in<T: FromStr + PartialOrd + Display>(
    option: &str,
    word: Option<&Word>,
    range: RangeInclusive<T>,
) -> Result<Option<T>> {
    let Some(given) = word else {
        return Ok(None);
    };
    let plain = (given.0.to_str()).filter(|text| *text == "0" || !text.starts_with('0'));
    let number = decimal(plain.unwrap_or_default(), &range);
    let number = number.map_err(|wanted| wrong(format!("{option} {given} is not {wanted}")))?;
    Ok(Some(number))
}
