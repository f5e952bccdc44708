//! The part that runs on the host: boots labs, deals cells out to their volumes, collects the
//! verdicts and prints the table.

use crate::cases::{CASES, Case, Stack};
use crate::cell::{Cell, Outcome, Verdict, harms};
use crate::plan::{self, Extent, Task};
use crate::rig::corosync::{CONF, corosync_conf, up};
use crate::rig::{CLUSTER, Disk, Lab, Node};
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The volumes of one node. User-mode Linux has no more than 16 disks; for each lock space,
/// corosync and dlm_controld share 9 MB of the node's memory.
fn most_volumes(stack: Stack) -> usize {
    match stack {
        Stack::O2cb => 14,
        Stack::Cman => 5,
    }
}

const LIMIT: Duration = Duration::from_secs(1200);

pub struct Wanted<'a> {
    pub extent: Extent,
    /// Only cases that have one of these words in their names.
    pub words: &'a [String],
    /// Labs at the same time.
    pub labs: usize,
    /// Print what the commands said.
    pub said: bool,
}

type Verdicts = Vec<(&'static Case, Verdict)>;

/// Did every cell hold?
pub fn run(wanted: &Wanted) -> bool {
    let cases: Vec<&'static Case> = CASES
        .iter()
        .filter(|case| {
            wanted.words.is_empty() || wanted.words.iter().any(|word| case.name.contains(word))
        })
        .collect();
    if cases.is_empty() {
        return true;
    }
    let mut tasks = Vec::new();
    let counts = each(wanted.labs, cases, |case| (case, count(case)));
    for (case, calls) in counts {
        let cells = plan::cells(case, &calls, wanted.extent);
        let counts: Vec<_> = calls.iter().map(Vec::len).collect();
        println!("{}: {counts:?} calls, {} cells", case.name, cells.len());
        tasks.extend(plan::deal(case, &cells));
    }
    let all: usize = tasks.iter().map(|task| task.cells.len()).sum();
    let (verdicts, mut broken_labs) = (Mutex::new(Verdicts::new()), 0);
    // What a refused volume could not try goes to another lab.
    while !tasks.is_empty() {
        let groups = group(std::mem::take(&mut tasks));
        let rests = each(wanted.labs, groups, |tasks| {
            let rest = catch_unwind(AssertUnwindSafe(|| try_in_a_lab(&tasks, &verdicts)));
            println!("{} of {all} cells tried", locked(&verdicts).len());
            rest
        });
        for rest in rests {
            match rest {
                Ok(rest) => tasks.extend(rest),
                // The lab has said what happened.
                Err(_) => broken_labs += 1,
            }
        }
    }
    let verdicts = verdicts
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    print_table(&verdicts);
    if wanted.said {
        print_said(&verdicts);
    }
    let broken: Vec<_> = verdicts
        .iter()
        .filter(|(_, verdict)| verdict.outcome == Outcome::Broken)
        .collect();
    for (case, verdict) in &broken {
        let role = case.role(verdict.cell.point.process);
        println!("BROKEN {} ({role}): {}", case.name, describe(verdict));
    }
    let held = verdicts.len() - broken.len();
    let failed = broken.len() + broken_labs;
    println!("\n{held} passed, {failed} failed");
    failed == 0 && held > 0
}

/// Does the work on each item, as many at the same time, in the order in which they end.
fn each<T: Send, R: Send>(threads: usize, items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let queue = Mutex::new(VecDeque::from(items));
    let results = Mutex::new(Vec::new());
    let next = || locked(&queue).pop_front();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(item) = next() {
                    let result = work(item);
                    locked(&results).push(result);
                }
            });
        }
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// What one thread that failed has left is whole all the same.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tasks that can share a lab: each on a volume of its own, but those that need the whole node.
fn group(tasks: Vec<Task>) -> Vec<Vec<Task>> {
    let (alone, beside): (Vec<_>, Vec<_>) = tasks
        .into_iter()
        .partition(|task| task.case.needs_the_node());
    let of = |stack| {
        let tasks = beside.iter().filter(move |task| task.case.stack == stack);
        let tasks: Vec<Task> = tasks.cloned().collect();
        let chunks = tasks.chunks(most_volumes(stack));
        chunks.map(<[Task]>::to_vec).collect::<Vec<_>>()
    };
    let mut groups = [of(Stack::O2cb), of(Stack::Cman)].concat();
    groups.extend(alone.into_iter().map(|task| vec![task]));
    groups
}

/// A node whose control daemon runs, with as many volumes.
fn cman_lab(volumes: usize) -> (Lab, Node, Vec<Disk>) {
    let lab = Lab::with_limit("faults-cman", LIMIT);
    let format = |number| {
        let disk = lab.disk(&format!("volume{number}"));
        disk.cluster("cman", CLUSTER).format()
    };
    let disks = (0..volumes).map(format).collect();
    let [node] = lab.nodes().file(CONF, &corosync_conf(1)).boot();
    up(&node);
    let program = program();
    node.ok(&format!("{program} peer /run/peer > /run/peer.log 2>&1 &"));
    node.wait_for("grep -q ocfs2_controld_sock /proc/net/unix");
    node.ok("modprobe ocfs2 && echo /bin/true > /proc/sys/fs/ocfs2/nm/hb_ctl_path");
    (lab, node, disks)
}

/// A node that is online, with as many volumes.
fn lab(case: &Case, volumes: usize) -> (Lab, Node, Vec<Disk>) {
    if case.stack == Stack::Cman {
        return cman_lab(volumes);
    }
    let lab = Lab::with_limit("faults", LIMIT);
    let disks = lab.volumes(volumes);
    let [node] = lab.boot();
    node.ok(&format!("o2cb online {CLUSTER}"));
    (lab, node, disks)
}

/// This program as a node has it: its /tmp and /run are its own.
fn program() -> String {
    let program = std::env::current_exe().unwrap_or_default();
    let inside = Path::new("/host").join(program.strip_prefix("/").unwrap_or(&program));
    inside.display().to_string()
}

fn guest(what: &str, case: &Case, disk: &Disk) -> String {
    format!(
        "{} guest {what} '{}' {} {}",
        program(),
        case.name,
        disk.device(),
        disk.uuid()
    )
}

/// The calls that each process of a case makes, with no other volume on the node.
fn count(case: &'static Case) -> Vec<Vec<i64>> {
    let (lab, node, disks) = lab(case, 1);
    let output = node.ok(&guest("count", case, &disks[0]));
    let process = |line: &str| line.split_whitespace().map(str::parse).collect();
    let calls: Result<_, _> = output.lines().map(process).collect();
    lab.end();
    calls.unwrap_or_else(|_| panic!("no counts: {output}"))
}

/// Adds the verdicts; what has to be tried in another lab comes back.
fn try_in_a_lab(tasks: &[Task], verdicts: &Mutex<Verdicts>) -> Vec<Task> {
    let (lab, node, disks) = lab(tasks[0].case, tasks.len());
    let jobs: Vec<_> = tasks
        .iter()
        .zip(&disks)
        .map(|(task, disk)| {
            let cells: Vec<_> = task.cells.iter().map(Cell::to_string).collect();
            let command = guest("try", task.case, disk);
            node.start(&format!("{command} <<- END\n{}\nEND", cells.join("\n")))
        })
        .collect();
    let mut rest = Vec::new();
    for (task, job) in tasks.iter().zip(jobs) {
        let output = job.wait();
        assert_eq!(output.code, 0, "{}: {output}", task.case.name);
        let done: Vec<Verdict> = output
            .stdout
            .lines()
            .map(|line| line.parse().unwrap_or_else(|error| panic!("{error}")))
            .collect();
        let cells = task.cells[done.len()..].to_vec();
        if !cells.is_empty() {
            let case = task.case;
            rest.push(Task { case, cells });
        }
        locked(verdicts).extend(done.into_iter().map(|verdict| (task.case, verdict)));
    }
    // A kernel that complained fails this.
    lab.end();
    rest
}

fn print_table(verdicts: &Verdicts) {
    /// Cells that were tried and cells that held, by harm.
    type Row = BTreeMap<crate::trace::Harm, (usize, usize)>;
    let mut rows: BTreeMap<(usize, usize), Row> = BTreeMap::new();
    let mut outcomes: BTreeMap<Outcome, usize> = BTreeMap::new();
    for (case, verdict) in verdicts {
        *outcomes.entry(verdict.outcome).or_default() += 1;
        if verdict.outcome == Outcome::NotReached {
            continue;
        }
        let at = CASES.iter().position(|other| other.name == case.name);
        let row = (at.unwrap_or_default(), verdict.cell.point.process);
        let counts = rows
            .entry(row)
            .or_default()
            .entry(verdict.cell.harm)
            .or_default();
        counts.0 += 1;
        counts.1 += usize::from(verdict.outcome != Outcome::Broken);
    }
    print!("\n{:28} {:13}", "case", "process");
    for harm in harms() {
        print!(" {harm:>9}");
    }
    println!();
    for ((at, process), row) in &rows {
        let case = &CASES[*at];
        print!("{:28} {:13}", case.name, case.role(*process));
        for harm in harms() {
            let counts = row.get(&harm);
            let text = counts.map_or("-".into(), |(tried, held)| format!("{held}/{tried}"));
            print!(" {text:>9}");
        }
        println!();
    }
    println!("\nheld / tried. Of all cells:");
    for (outcome, count) in outcomes {
        println!("{outcome:>12} {count:6}");
    }
}

/// Each sentence once, with the numbers in it left out.
fn print_said(verdicts: &Verdicts) {
    let mut said: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for (case, verdict) in verdicts {
        if !verdict.text.is_empty() && verdict.outcome != Outcome::NotReached {
            let text: String = verdict
                .text
                .chars()
                .map(|c| if c.is_ascii_digit() { '#' } else { c })
                .collect();
            let entry = said
                .entry(text)
                .or_insert((0, format!("{}: {}", case.name, describe(verdict))));
            entry.0 += 1;
        }
    }
    println!("\nwhat was said:");
    for (count, example) in said.values() {
        println!("{count:6} {example}");
    }
}

fn describe(verdict: &Verdict) -> String {
    let Verdict {
        cell,
        call,
        code,
        text,
        ..
    } = verdict;
    format!("cell {cell}, system call {call}, exit code {code}: {text}")
}
