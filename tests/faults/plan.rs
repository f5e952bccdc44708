//! Which cells are tried, and how they are dealt out to volumes.

use crate::cases::Case;
use crate::cell::{Cell, harms};
use crate::trace::{Harm, Point};

/// What one volume has to do in one lab.
#[derive(Clone)]
pub struct Task {
    pub case: &'static Case,
    pub cells: Vec<Cell>,
}

/// How many of a case's cells the quick slice has.
fn quick_share(case: &Case) -> usize {
    match (case.needs_the_node(), case.waits) {
        (true, _) => 24,
        (false, true) => 28,
        (false, false) => 70,
    }
}

/// How many cells a volume can try in some two minutes.
fn most_at_once(case: &Case) -> usize {
    match case.waits {
        true => 10,
        false => 100,
    }
}

/// Every call of every process with every harm. Which calls those are is known only when they
/// are made: see [`crate::trace::never_fails`].
pub fn all(calls: &[usize]) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (process, &count) in calls.iter().enumerate() {
        for call in 1..=count {
            let point = Point { process, call };
            // Without children there is nobody else to kill.
            let harms = harms().into_iter();
            let harms = harms.filter(|harm| calls.len() > 1 || *harm != Harm::KillAll);
            cells.extend(harms.map(|harm| Cell { point, harm }));
        }
    }
    cells
}

/// Spread evenly over all of them, each harm in turn.
pub fn slice(case: &Case, cells: &[Cell]) -> Vec<Cell> {
    let mut step = (cells.len() / quick_share(case)).max(1);
    // Or every cell taken would have the same harm.
    while [2, 3, 7].iter().any(|prime| step.is_multiple_of(*prime)) {
        step += 1;
    }
    cells.iter().step_by(step).copied().collect()
}

/// Cells in portions for one volume each. Neighbours go to different volumes, so that none
/// has all the slow ones.
pub fn deal(case: &'static Case, cells: &[Cell]) -> Vec<Task> {
    let portions = cells.len().div_ceil(most_at_once(case));
    (0..portions)
        .map(|first| Task {
            case,
            cells: cells
                .iter()
                .skip(first)
                .step_by(portions)
                .copied()
                .collect(),
        })
        .collect()
}
