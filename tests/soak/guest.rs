//! The half that runs on a node: its workers, the monitor beside them, and the end.

use crate::monitor;
use crate::state::{Node, Shared, locked};
use crate::volume::ordinary;
use crate::worker::Worker;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const WORKERS: usize = 4;

/// For a process that waits for a superblock's end, which looks every 10 s.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The arguments are the node's name, that of the other, the seed, the seconds, the time when
/// the host began, and a device and UUID for each volume.
pub fn main(args: &[String]) {
    let [name, peer, seed, seconds, since, volumes @ ..] = args else {
        panic!("guest NODE PEER SEED SECONDS SINCE DEVICE UUID...");
    };
    let number = |text: &str| {
        text.parse()
            .unwrap_or_else(|_| panic!("{text}: not a number"))
    };
    let node = Node {
        name: name.clone(),
        peer: peer.clone(),
        seed: number(seed),
        since: Duration::from_millis(number(since)),
        end: Instant::now() + Duration::from_secs(number(seconds)),
        volumes: volumes
            .chunks(2)
            .map(|pair| Shared::new(&pair[0], &pair[1]))
            .collect(),
        busy: Mutex::default(),
        counts: Mutex::new(BTreeMap::new()),
    };
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| monitor::run(&node, &over));
        let workers: Vec<_> = (0..WORKERS)
            .map(|number| {
                scope.spawn({
                    let node = &node;
                    move || Worker::new(node, number).run()
                })
            })
            .collect();
        for worker in workers {
            if worker.join().is_err() {
                node.fail("end", "a worker has panicked");
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    for shared in &node.volumes {
        clean(&node, shared);
    }
    for (what, count) in locked(&node.counts).iter() {
        node.log("end", &format!("{count:4} {what}"));
    }
    for shared in &node.volumes {
        let written = locked(&shared.files).written;
        node.log(
            "end",
            &format!("wrote {written} on {}", shared.volume.device),
        );
    }
}

/// Nothing is left of a volume: by itself where no tool was killed, else after the next calls.
fn clean(node: &Node, shared: &Shared) {
    let doubt = *shared.doubt();
    node.log(
        "end",
        &format!(
            "{}: {:?} {doubt:?}",
            shared.volume.device,
            shared.volume.look()
        ),
    );
    if doubt.any {
        let tried = next_calls(node, shared);
        tried.unwrap_or_else(|error| node.fail("end", &error));
    }
    let begun = Instant::now();
    loop {
        match shared.volume.look() {
            Ok(look) if look.is_clean() => return,
            found if begun.elapsed() > TIMEOUT => node.fail(
                "end",
                &format!("{}: left over: {found:?}", shared.volume.device),
            ),
            _ => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// An ordinary start and stop, which clean up; the references of killed programs go one by one.
fn next_calls(node: &Node, shared: &Shared) -> Result<(), String> {
    ordinary(&["o2cb", "online"])?;
    shared.volume.hb_ctl("-S")?;
    shared.volume.hb_ctl("-K")?;
    let leaked = shared.leaked()?;
    node.log(
        "end",
        &format!("killed programs have left {leaked} references"),
    );
    (0..leaked).try_for_each(|_| shared.volume.hb_ctl("-K"))
}
