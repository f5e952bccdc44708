//! Which cells are tried, and how they are dealt out to volumes.

use crate::cases::Case;
use crate::cell::{Cell, ERRORS, harms};
use crate::trace::{Harm, Point, never_fails};

/// How much of the matrix is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Some cells of each case.
    Slice,
    /// Each call is killed at, and fails with one of the errors: with each in turn, call by call.
    InTurn,
    /// Each call is killed at, and fails with each of the errors.
    Every,
}

/// What one volume has to do in one lab.
#[derive(Clone)]
pub struct Task {
    pub case: &'static Case,
    pub cells: Vec<Cell>,
}

/// How many of a case's cells the quick slice has.
fn quick_share(case: &Case) -> usize {
    match (case.needs_the_node(), case.waits) {
        (true, _) => 14,
        (false, true) => 14,
        (false, false) => 42,
    }
}

/// How many cells one volume tries, so that a lab ends within minutes.
fn most_at_once(case: &Case) -> usize {
    match (case.needs_the_node(), case.waits) {
        (true, true) => 21,
        (true, false) => 70,
        (false, true) => 7,
        (false, false) => 40,
    }
}

/// The cells of a case whose processes make these calls, given by their numbers.
pub fn cells(case: &Case, calls: &[Vec<i64>], extent: Extent) -> Vec<Cell> {
    let mut cells = all(calls);
    match extent {
        Extent::Every => {}
        Extent::Slice => cells = slice(case, &cells),
        Extent::InTurn => cells.retain(|cell| match cell.harm {
            Harm::Fail(errno) => errno == ERRORS[cell.point.call % ERRORS.len()].1,
            Harm::Kill | Harm::KillAll => true,
        }),
    }
    cells
}

/// Every call of every process with every harm that it can come to.
fn all(calls: &[Vec<i64>]) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (process, numbers) in calls.iter().enumerate() {
        for (at, &number) in numbers.iter().enumerate() {
            if is_repetition(&numbers[..=at]) {
                continue;
            }
            let call = at + 1;
            let point = Point { process, call };
            let harms = harms().into_iter().filter(|harm| match harm {
                // Without children there is no other process to kill.
                Harm::KillAll => calls.len() > 1,
                Harm::Fail(_) => !never_fails(number),
                Harm::Kill => true,
            });
            cells.extend(harms.map(|harm| Cell { point, harm }));
        }
    }
    cells
}

/// Does the last call belong to the ninth or a later round of a loop, such as a wait's that
/// looks up four times a second? It comes to nothing that the first eight have not shown.
fn is_repetition(numbers: &[i64]) -> bool {
    const LONGEST: usize = 8;
    const ROUNDS: usize = 8;
    (1..=LONGEST).any(|length| {
        let Some(start) = numbers.len().checked_sub(length * (ROUNDS + 1)) else {
            return false;
        };
        let mut rounds = numbers[start..].chunks_exact(length);
        let first = rounds.next();
        rounds.all(|round| Some(round) == first)
    })
}

/// Spread evenly over all of them, each harm in turn.
fn slice(case: &Case, cells: &[Cell]) -> Vec<Cell> {
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
