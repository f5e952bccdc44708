//! The soak: two real nodes share two volumes, and on each several workers mount, bind, move,
//! unmount, start and stop heartbeats, run commands, and take the cluster offline and online, all
//! at random, while tools are killed at random moments. At the end nothing is left of it.
//!
//! `tests/soak.sh` runs it for as many seconds as it is given, `cargo test` for a minute. This
//! program is its own other half: with `guest` as its first argument it runs the workers of one
//! node.

#[path = "../rig/mod.rs"]
mod rig;

#[allow(dead_code, reason = "the fault matrix uses more of it")]
#[path = "../faults/cases.rs"]
mod cases;

#[allow(dead_code, reason = "the fault matrix uses more of it")]
#[path = "../faults/volume.rs"]
mod volume;

mod chance;
mod expected;
mod files;
mod guest;
mod host;
mod monitor;
mod processes;
mod state;
mod tool;
mod worker;

use std::time::{SystemTime, UNIX_EPOCH};

/// How long `cargo test` lets it run.
const A_MINUTE: u64 = 60;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|word| word == "guest") {
        return guest::main(&args[1..]);
    }
    let number = |name: &str| {
        let value = args.iter().find_map(|arg| arg.strip_prefix(name))?;
        Some(
            value
                .parse()
                .unwrap_or_else(|_| panic!("{name}{value}: not a number")),
        )
    };
    if rig::is_chosen("soak::a_minute", &args) {
        let seconds = number("--seconds=");
        let seed = number("--seed=").unwrap_or_else(new_seed);
        host::soak(seconds.unwrap_or(A_MINUTE), seed, seconds.is_some());
    }
}

fn new_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(1, |time| u64::from(time.subsec_nanos()) % 1_000_000)
}
