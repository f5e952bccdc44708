//! The fault matrix: each command is stopped before each of its system calls, on a real
//! kernel, and killed there, or the call is made to fail. After each the volume is mounted and
//! beats for one owner, or nothing is left, or the next ordinary call makes up for it.
//!
//! `tests/faults.sh` tries every cell; `tests/run.sh` a slice of them.

#[path = "../peer/mod.rs"]
mod peer;
#[path = "../rig/mod.rs"]
mod rig;

mod cases;
mod cell;
mod guest;
mod judge;
mod matrix;
mod plan;
mod ptrace;
mod trace;
mod volume;

use plan::Extent;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|word| word == "guest") {
        return match guest::main(&args[1..]) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        };
    }
    if let [word, directory] = args.as_slice()
        && word == "peer"
    {
        peer::Peer::new(rig::CLUSTER, directory.as_ref()).serve(peer::SOCKET.as_bytes());
        return ExitCode::FAILURE;
    }
    // What cargo passes to every test program: a number of threads, words of names.
    let (options, words): (Vec<_>, Vec<_>) = args.into_iter().partition(|it| it.starts_with('-'));
    let given = |name: &str| options.iter().any(|option| option == name);
    let threads = options
        .iter()
        .find_map(|it| it.strip_prefix("--test-threads="));
    let wanted = matrix::Wanted {
        extent: match (given("--every-error"), given("--in-turn")) {
            (true, _) => Extent::Every,
            (_, true) => Extent::InTurn,
            _ => Extent::Slice,
        },
        words: &words,
        labs: threads.and_then(|text| text.parse().ok()).unwrap_or(4),
        said: given("--said"),
    };
    match matrix::run(&wanted) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
