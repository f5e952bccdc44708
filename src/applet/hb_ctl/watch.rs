//! --watch: a table on a terminal, lines otherwise.

mod screen;

use super::info::gather;
use super::json;
use super::text::span;
use crate::host::System;
use crate::inspect::{Inspected, Inspector, Node, Target, wall_clock};
use crate::ondisk::heartbeat_slots::{APART, Sign};
use crate::ondisk::slot_history::Round;
use crate::report::{self, printable};
use crate::syscall::signal::Interrupted;
use crate::wait::sleep_until;
use eyre::Result;
use screen::Screen;
use std::time::{Duration, Instant};

/// The number of rounds that are shown of each slot.
const HISTORY: usize = 16;
/// The width of a node's name; it may be as long as a host's.
const NAME: usize = 16;
/// The width of a history and the state beside it.
const CELL: usize = HISTORY + 9;
const LEGEND: &str =
    "# beat  : not due yet  . missed  ? disk silent  - left  x damaged  * this node";

/// Shows the nodes until an error ends it, such as that of an interruption.
pub(super) fn run<T>(
    system: &System,
    target: Target,
    json: bool,
    interval: Duration,
    tick: &mut dyn FnMut() -> Result<()>,
) -> Result<T> {
    let screen = match json {
        true => None,
        false => Screen::open()?,
    };
    let tick = &mut || match screen.as_ref().is_some_and(Screen::is_left) {
        true => Err(Interrupted.into()),
        false => tick(),
    };
    let mut inspector = Inspector::new(system, target, HISTORY)?;
    let mut next = Instant::now();
    loop {
        inspector.refresh()?;
        next += interval;
        inspector.read(next, tick)?;
        match &screen {
            Some(screen) => {
                let text = table(&inspector.inspected()?, screen.columns());
                screen.show(&format!("{}\n{text}", clock(wall_clock())))?;
            }
            None if json => {
                let (survey, found) = gather(system, &inspector)?;
                report::say(format!("{}\n", json::of(&survey, &found, true)))?;
            }
            None => report::say(inspector.inspected()?.iter().map(line).collect::<String>())?,
        }
        // A process that was stopped meanwhile does not catch up.
        next = next.max(Instant::now());
        sleep_until(next, tick)?;
    }
}

/// Formats the time of day. Nodes of a cluster may be in several time zones.
fn clock(now: u64) -> String {
    let (hours, minutes) = (now / 3600 % 24, now / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02} UTC", now % 60)
}

/// Draws nodes by regions, as many side by side as fit.
fn table(volumes: &[Inspected], columns: usize) -> String {
    let mut text = String::new();
    if volumes.is_empty() {
        return "no heartbeat region on this node\n".into();
    }
    let beside = ((columns - NAME.min(columns)) / CELL).max(1);
    for group in volumes.chunks(beside) {
        let row = |first: &str, cell: &dyn Fn(&Inspected) -> String| {
            let cells = group.iter().map(|volume| fit(&cell(volume), CELL));
            let line = fit(first, NAME) + &cells.collect::<String>();
            line.trim_end().to_owned() + "\n"
        };
        text += &row("", &place);
        text += &row("", &label);
        for number in 0..=u8::MAX {
            if let Some(node) = group.iter().find_map(|volume| node_of(volume, number)) {
                text += &row(&name(node), &|volume| {
                    let node = node_of(volume, number);
                    node.map_or(String::new(), |node| cell(volume, node))
                });
            }
        }
        for volume in group {
            if let Some(why) = &volume.trouble {
                text += &format!("{}: {}\n", place(volume), printable(why));
            }
        }
        text += "\n";
    }
    text + LEGEND + "\n"
}

/// Formats the line of a region.
fn line(volume: &Inspected) -> String {
    let nodes = volume.nodes.iter();
    let nodes = nodes.map(|node| format!(" {} {}", name(node), state(volume, node)));
    let nodes = match volume.nodes.is_empty() {
        true => " no node".into(),
        false => nodes.collect::<Vec<_>>().join(","),
    };
    let trouble = volume.trouble.as_ref();
    let trouble = trouble.map_or(String::new(), |why| format!(" ({})", printable(why)));
    format!(
        "{} {}:{nodes}{trouble}\n",
        volume.region.uuid,
        place(volume)
    )
}

fn place(volume: &Inspected) -> String {
    match &volume.device {
        Some(device) => {
            let device = device.file_name().unwrap_or(device.as_os_str());
            printable(device.as_encoded_bytes())
        }
        None => "no device".into(),
    }
}

fn label(volume: &Inspected) -> String {
    let label = (volume.about.as_ref()).map(|about| printable(&about.superblock.label));
    match label.filter(|label| !label.is_empty()) {
        Some(label) => label,
        None => volume.region.uuid.to_string(),
    }
}

fn node_of(volume: &Inspected, number: u8) -> Option<&Node> {
    volume.nodes.iter().find(|node| node.number == number)
}

fn name(node: &Node) -> String {
    let own = if node.own { "*" } else { "" };
    match &node.name {
        Some(name) => format!("{} {}{own}", node.number, printable(name)),
        None => format!("{}{own}", node.number),
    }
}

fn cell(volume: &Inspected, node: &Node) -> String {
    let history: String = node.history.iter().map(|round| glyph(*round)).collect();
    format!("{history:>HISTORY$} {}", state(volume, node))
}

fn glyph(round: Round) -> char {
    match round {
        Round::Empty => ' ',
        Round::Beat => '#',
        Round::NotDue => ':',
        Round::Missed => '.',
        Round::Left => '-',
        Round::Bad => 'x',
        Round::Blind => '?',
    }
}

fn state(volume: &Inspected, node: &Node) -> String {
    let is_over = |ms: u32| node.silence >= Duration::from_millis(ms.into());
    match node.sign {
        // The last reading does not count here.
        _ if volume.trouble.is_some() => "?".into(),
        // The node was not watched for long enough.
        Sign::Stale(_) if node.silence <= APART => "...".into(),
        Sign::Never => "never".into(),
        Sign::Alive(_) if node.known == Some(false) => "unknown".into(),
        Sign::Alive(_) => "alive".into(),
        Sign::Left(_) => "left".into(),
        Sign::Stale(beat) if beat.dead_ms.is_some_and(is_over) => "dead".into(),
        Sign::Stale(_) => span(node.silence.as_secs()),
        Sign::Damaged => "damaged".into(),
        Sign::Misplaced(writer) => format!("of {writer}"),
    }
}

/// Pads or cuts text to exactly `width`, with a blank at the end.
fn fit(text: &str, width: usize) -> String {
    let short: String = text.chars().take(width - 1).collect();
    format!("{short:<width$}")
}
