//! What has to be true at every moment.

use crate::state::{Doubt, Node, Shared, locked};
use crate::volume::Look;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(50);

/// Between two looks nothing can have been stopped and started again: a start takes longer.
const AT_ONCE: Duration = Duration::from_secs(3);

/// How often the host sees that the node runs.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// No tool may take longer, whatever the nodes do to each other: the kernel gives up a lock
/// domain after 90 s, and a tool its lock after 60 s.
const HANGS: Duration = Duration::from_secs(240);

/// Looks again and again until `over`.
pub fn run(node: &Node, over: &AtomicBool) {
    let mut before: Vec<(Instant, Look)> = Vec::new();
    let mut logged = Instant::now();
    while !over.load(Ordering::Relaxed) {
        let looks: Vec<_> = node
            .volumes
            .iter()
            .map(|shared| look(node, shared))
            .collect();
        for ((shared, (then, earlier)), (now, later)) in
            node.volumes.iter().zip(&before).zip(&looks)
        {
            if now.duration_since(*then) < AT_ONCE {
                check(node, shared, earlier, later);
            }
        }
        before = looks;
        check_progress(node);
        if logged.elapsed() > SIGN_OF_LIFE {
            node.log("monitor", "all is well");
            logged = Instant::now();
        }
        std::thread::sleep(PAUSE);
    }
}

/// The time is that of the look's beginning.
fn look(node: &Node, shared: &Shared) -> (Instant, Look) {
    let now = Instant::now();
    let look = shared.volume.look();
    (
        now,
        look.unwrap_or_else(|error| node.fail("monitor", &format!("looking: {error}"))),
    )
}

/// A look sees the mounts first and the rest after: what is mounted in this one and in the next
/// was mounted while the rest of this one was seen.
fn check(node: &Node, shared: &Shared, earlier: &Look, later: &Look) {
    let mut doubt = shared.doubt();
    let known = *doubt;
    let fail = |doubt, what: &str| -> ! {
        drop::<std::sync::MutexGuard<Doubt>>(doubt);
        let device = &shared.volume.device;
        node.fail(
            "monitor",
            &format!("{device}: {what}: {earlier:?}, then {later:?}, {known:?}"),
        )
    };
    let marked = earlier.references.is_some_and(|(_, mark)| mark == 1);
    if is_mounted(earlier) && is_mounted(later) {
        if !earlier.beats() {
            fail(doubt, "mounted without a heartbeat");
        }
        if earlier.count() == 0 && !known.mount {
            fail(doubt, "mounted without a reference");
        }
    }
    if doubt.dying > 0 {
        return;
    }
    if later.is_clean() && earlier.is_clean() {
        *doubt = Doubt {
            cluster: doubt.cluster,
            ..Doubt::default()
        };
    } else if marked || !is_mounted(earlier) && !is_mounted(later) {
        doubt.mount = false;
    }
}

fn is_mounted(look: &Look) -> bool {
    look.superblock || !look.places.is_empty()
}

fn check_progress(node: &Node) {
    let hangs = locked(&node.busy)
        .iter()
        .find(|(_, (since, _))| since.elapsed() > HANGS)
        .map(|(worker, (_, what))| format!("w{worker} hangs: {what}"));
    if let Some(text) = hangs {
        // The tasks that are blocked, to the console.
        let _ = fs::write("/proc/sysrq-trigger", "w");
        node.fail("monitor", &text);
    }
}
