//! The nodes of a region.

use super::span;
use crate::inspect::{Inspected, Node, wall_clock};
use crate::ondisk::heartbeat_slots::{Beat, Sign};
use crate::report::printable;
use std::fmt::Write;

pub(super) fn nodes(text: &mut String, volume: &Inspected) {
    let elsewhere = volume.beats_elsewhere();
    if elsewhere {
        text.push_str("  no nodes here (global heartbeat): -I --nodes shows them\n");
    } else if volume.nodes.is_empty() {
        text.push_str("  no node has ever beaten on it\n");
    }
    // A node that has written, or writes, is shown: it is wrong there.
    for node in &volume.nodes {
        if !(elsewhere && matches!(node.sign, Sign::Never)) {
            let _ = writeln!(text, "  {}: {}", name(node), sign(node));
        }
    }
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
