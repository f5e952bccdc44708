//! The benchmark of tests/benchmark.sh: `o2cb` beside the C tools' init script.
//!
//! Both do the same in turn on one node, so that what else the host does meets both. The
//! shell that takes the time starts one process for each.

#[path = "../rig/mod.rs"]
mod rig;

use rig::{Lab, Node};
use std::process::ExitCode;
use std::time::Duration;

/// Of this many runs the middle one counts.
const ROUNDS: usize = 7;

/// What ours may take of the script's time.
const BOUND: f64 = 0.1;

/// Debian's script starts programs by their names; `/ctools` has those of the C tools.
const SCRIPT: &str = "PATH=/ctools:$PATH /ctools/o2cb.init";

/// One row of the table.
struct Row {
    what: &'static str,
    script: Duration,
    ours: Duration,
    /// Is the bound promised?
    promised: bool,
}

impl Row {
    /// Measures `o2cb VERB`; `after` brings the state back, and is not measured.
    fn measure(node: &Node, what: &'static str, verb: &str, after: &str, promised: bool) -> Self {
        let (mut script, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            script.push(time(node, &format!("{SCRIPT} {verb}"), after));
            ours.push(time(node, &format!("o2cb {verb}"), after));
        }
        Self {
            what,
            script: middle(script),
            ours: middle(ours),
            promised,
        }
    }

    fn ratio(&self) -> f64 {
        self.ours.as_secs_f64() / self.script.as_secs_f64()
    }

    fn is_missed(&self) -> bool {
        self.promised && self.ratio() >= BOUND
    }

    fn print(&self) {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        let verdict = match (self.promised, self.is_missed()) {
            (false, _) => "",
            (true, false) => "under a tenth",
            (true, true) => "MISSED: a tenth or more",
        };
        println!(
            "{:<34} {:>8.1} ms {:>8.1} ms {:>7.3}  {verdict}",
            self.what,
            ms(self.script),
            ms(self.ours),
            self.ratio()
        );
    }
}

/// How long a command takes that succeeds. The node's own clock, as one that is asked for it
/// from outside answers late.
fn time(node: &Node, command: &str, after: &str) -> Duration {
    let micros = node.ok(&format!(
        "begin=${{EPOCHREALTIME/./}}
        {command} > /dev/null || exit
        end=${{EPOCHREALTIME/./}}
        {after} > /dev/null || exit
        echo $((end - begin))"
    ));
    Duration::from_micros(micros.trim().parse().expect("a number"))
}

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn main() -> ExitCode {
    let lab = Lab::new("benchmark");
    let disk = lab.disk("volume").format();
    let [node] = lab.boot();
    node.ok("o2cb load");
    // The script's leaves a daemon running.
    let down = "{ pkill -x o2hbmonitor; o2cb offline; }";
    let drivers = "online (drivers are loaded)";
    let mut rows = vec![Row::measure(&node, drivers, "online", down, true)];
    node.ok(&format!(
        "o2cb online && mount -t ocfs2 {} /mnt",
        disk.device()
    ));
    for (what, verb, promised) in [
        ("status, a volume is mounted", "status", true),
        ("online-status", "online-status", false),
        ("online, when it is", "online", false),
    ] {
        rows.push(Row::measure(&node, what, verb, "true", promised));
    }
    node.ok("umount /mnt && o2cb offline");
    lab.end();
    println!(
        "{:<34} {:>11} {:>11} {:>7}",
        "", "C script", "ours", "ratio"
    );
    rows.iter().for_each(Row::print);
    match rows.iter().any(Row::is_missed) {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}
