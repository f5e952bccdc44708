//! Output for people.

use super::args::Args;
use crate::heartbeat::survey::{Counters, Fault, Party, Remedy, Snapshot, Survey, Surveyed};
use crate::heartbeat::{State, Thread};
use crate::host::places;
use crate::inspect::{Inspected, Node, wall_clock};
use crate::ondisk::heartbeat_slots::{Beat, Sign};
use crate::report::printable;

pub(super) fn of(survey: &Survey, volumes: &[Inspected], args: &Args) -> String {
    let mut text = String::new();
    if args.long {
        text += &(cluster(survey) + "\n");
    }
    for volume in volumes {
        text += &(head(volume) + "\n");
        for (what, value) in args.long.then(|| facts(volume)).into_iter().flatten() {
            text += &format!("  {what}: {}\n", printable(value));
        }
        match &volume.trouble {
            Some(why) => text += &format!("  not read: {why}\n"),
            None if args.nodes => text += &nodes(volume),
            None => {}
        }
    }
    let listed = |uuid| volumes.iter().any(|volume| volume.region.uuid == uuid);
    let others = survey.left.iter().filter(|(uuid, _)| !listed(*uuid));
    for (uuid, counters) in others.filter(|_| args.long) {
        let count = references(counters, false);
        text += &format!("{uuid}\n  wrong: semaphores without a region: {count}\n");
    }
    text
}

/// Formats one line, as the C tool does.
pub(super) fn brief(region: &Surveyed) -> String {
    let uuid = region.uuid;
    match (region.error(), &region.seen) {
        (None, Ok(seen)) => format!("{uuid}: {} refs\n", seen.references().unwrap_or_default()),
        (Some(why), _) | (_, Err(why)) => format!("{uuid}: {why}\n"),
    }
}

fn cluster(survey: &Survey) -> String {
    match &survey.cluster {
        None => "no cluster is registered on this node".into(),
        Some(name) if survey.mode.is_global() => {
            format!("cluster {name}, global heartbeat: its regions are all volumes' heartbeats")
        }
        Some(name) => format!("cluster {name}, local heartbeat"),
    }
}

fn head(volume: &Inspected) -> String {
    let mut line = volume.region.uuid.to_string();
    if let Some(device) = &volume.device {
        line += &format!(" on {}", device.display());
    }
    if let Some(about) = &volume.about {
        let superblock = &about.superblock;
        if !superblock.label.is_empty() {
            line += &format!(", label {}", printable(&superblock.label));
        }
        let membership = &superblock.membership;
        line += &match (membership.stack(), membership.cluster()) {
            (None, _) => ", for one node alone".into(),
            (_, None) => ", of any cluster".into(),
            (Some(stack), Some(cluster)) => format!(", cluster {cluster} ({stack})"),
        };
    }
    printable(line)
}

/// Returns all that is known, by lines.
fn facts(volume: &Inspected) -> Vec<(&'static str, String)> {
    let mut facts = match &volume.region.seen {
        Ok(seen) => region(volume, seen),
        Err(why) => vec![("state", format!("unknown: {why}"))],
    };
    // The first line is the volume's.
    let stack = volume.stack.iter().flat_map(|stack| stack.lines());
    let stack = stack.filter(|line| line.starts_with('\t'));
    facts.extend(stack.map(|line| ("stack", line.trim_start().into())));
    facts
}

fn region(volume: &Inspected, seen: &Snapshot) -> Vec<(&'static str, String)> {
    let state = match volume.beats_elsewhere() {
        true => "none of its own: with global heartbeat its nodes beat on the regions of their \
                 cluster"
            .into(),
        false => state(seen),
    };
    let mut facts = vec![("state", state)];
    place(&mut facts, volume, seen);
    let beats = matches!(seen.state, State::Beating(_));
    let thread = seen.thread.filter(|_| beats);
    facts.extend(thread.map(|pid| ("thread", pid.to_string())));
    let count = match &seen.counters {
        Err(why) => format!("unknown: {why}"),
        Ok(None) => "0".into(),
        Ok(Some(counters)) => references(counters, seen.is_mounted()),
    };
    facts.push(("references", count));
    let is_shown = !seen.places.is_empty();
    facts.extend(is_shown.then(|| ("mounted on", places::listed(&seen.places))));
    let volume_pins = match is_shown {
        true => "the mounted volume",
        false => "the volume, mounted out of sight",
    };
    let locks_pin = seen.lock_holders.is_some();
    let pins = [
        seen.mounted.then_some(volume_pins),
        locks_pin.then_some("a lock domain of dlmfs"),
    ];
    let pins: Vec<_> = pins.into_iter().flatten().collect();
    facts.extend((!pins.is_empty()).then(|| ("needed by", pins.join(", "))));
    for fault in seen.faults() {
        // References of ocfs2_hb_ctl -S look the same.
        let what = match fault {
            Fault::Unowned(_) => "perhaps wrong",
            _ => "wrong",
        };
        facts.push((what, seen.describe(fault)));
    }
    if let Remedy::Keep(why) = seen.remedy(volume.region.uuid) {
        facts.push(("not repaired", why));
    }
    facts
}

/// Adds where the region is on the device: as the kernel has it, or else as the volume does.
fn place(facts: &mut Vec<(&'static str, String)>, volume: &Inspected, seen: &Snapshot) {
    let about = volume.about.as_ref();
    let on_disk = about.and_then(|about| about.geometry);
    let kernel = seen.geometry;
    if let Some(place) = kernel.or(on_disk) {
        let (blocks, bytes, start) = (place.blocks, place.block_bytes, place.start_block);
        let slots = format!("{blocks} blocks of {bytes} bytes from block {start}");
        facts.push(("slots", slots));
    }
    if let (Some(kernel), Some(on_disk)) = (kernel, on_disk)
        && kernel != on_disk
    {
        let other = format!(
            "the volume has them from block {} on ({} of {} bytes)",
            on_disk.start_block, on_disk.blocks, on_disk.block_bytes
        );
        facts.push(("wrong", other));
    }
}

fn state(seen: &Snapshot) -> String {
    let device = seen.device().unwrap_or_default();
    match &seen.state {
        State::Absent => "absent: it does not beat on this node".into(),
        State::HalfStarted(Thread::None) => "half-started, without a thread".into(),
        State::HalfStarted(Thread::Running(pid)) => {
            format!("half-started, its thread {pid} still runs")
        }
        State::HalfStarted(Thread::Ended) => "half-started, its thread has ended".into(),
        State::Beating(_) if seen.is_idle() => format!("idle: beats on {device}"),
        State::Beating(_) => format!("beats on {device}"),
    }
}

fn references(counters: &Counters, mounted: bool) -> String {
    let count = counters.references;
    let mut line = count.to_string();
    let marked = counters.marked == Some(true);
    let superblocks = u32::from(marked || mounted).min(count);
    if superblocks > 0 {
        line += match (marked, mounted) {
            (true, _) => ", one marked as the mounted volume's",
            (false, _) => ", one taken for the mounted volume's (no mark)",
        };
    }
    let others = count - superblocks;
    if others > 0 {
        line += &format!(", {others} lasting or of processes");
    }
    let by = |party: &Party| match party {
        Party::Unseen => "somebody in another PID namespace".into(),
        Party::Ended(pid) => format!("process {pid}, which has ended"),
        Party::Running(pid, name) => format!("process {pid} ({})", printable(name)),
    };
    if !matches!(counters.last_user, Party::Unseen) {
        line += &format!("; last changed by {}", by(&counters.last_user));
    }
    if let Some(locker) = &counters.locked_by {
        line += &format!("; locked by {}", by(locker));
    }
    line
}

/// Formats the nodes of a region.
fn nodes(volume: &Inspected) -> String {
    let elsewhere = volume.beats_elsewhere();
    let mut text = match elsewhere {
        true => "  no nodes here (global heartbeat): -I --nodes shows them\n".into(),
        false if volume.nodes.is_empty() => "  no node has ever beaten on it\n".into(),
        false => String::new(),
    };
    // A node that has written, or writes, is shown: it is wrong there.
    for node in &volume.nodes {
        if !(elsewhere && matches!(node.sign, Sign::Never)) {
            text += &format!("  {}: {}\n", name(node), sign(node));
        }
    }
    text
}

/// Formats a name: `node 1 n1 (this node)`.
fn name(node: &Node) -> String {
    let mut text = format!("node {}", node.number);
    if let Some(name) = &node.name {
        text += &format!(" {}", printable(name));
    }
    if node.own {
        text += " (this node)";
    }
    text
}

fn sign(node: &Node) -> String {
    let unknown = match node.known {
        Some(false) => ", and the cluster has no such node",
        _ => "",
    };
    match node.sign {
        Sign::Never => "never".into(),
        Sign::Alive(beat) => format!("alive{unknown}{}", details(beat)),
        Sign::Left(beat) => format!("left {}{unknown}", ago(beat)),
        Sign::Stale(beat) => format!("stale, last beat {}{unknown}{}", ago(beat), details(beat)),
        Sign::Damaged => "damaged: a block with a wrong checksum".into(),
        Sign::Misplaced(writer) => format!("misplaced: the block of node {writer}"),
    }
}

fn details(beat: Beat) -> String {
    let dead = match beat.dead_ms {
        Some(ms) => format!(", dead after {} s", ms / 1000),
        None => String::new(),
    };
    format!("{dead}, generation {:016x}", beat.generation)
}

/// Formats the age of a heartbeat, by both clocks.
fn ago(beat: Beat) -> String {
    match beat.age(wall_clock()) {
        Some(seconds) => format!("{} ago by its clock", span(seconds)),
        None => "at a time to come by its clock".into(),
    }
}

/// Formats seconds in a unit that people read.
pub(super) fn span(seconds: u64) -> String {
    match seconds {
        0..600 => format!("{seconds} s"),
        600..36_000 => format!("{} min", seconds / 60),
        36_000..864_000 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
