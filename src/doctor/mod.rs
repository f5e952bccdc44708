//! What may be wrong with this node: reads everything, changes nothing.
//!
//! A check is a function from [`Site`] to findings; a new one goes into `CHECKS`, and its kinds of
//! findings into `finding.rs` and o2cb(8). A child process makes a check that waits for a disk or a
//! peer, beside all others (`parallel.rs`). What cannot be read is a finding too.

mod config;
mod context;
mod devices;
pub mod diff;
mod finding;
mod kernel;
mod limits;
mod parallel;
mod peers;
mod regions;
mod volumes;

pub use context::Site;
pub use finding::{Finding, KINDS, Kind, Severity};

use eyre::{Result, eyre};
use finding::Findings;
use std::io;
use std::time::Duration;

/// The time for all slow checks together: a device or a peer that has not answered by then is not
/// going to.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A check that waits for a disk or a peer; its error is that of a connection.
type Look<'l> = parallel::Look<'l, io::Result<Seen>>;

/// What such a check finds.
#[derive(Default)]
struct Seen {
    /// The nodes alive on the device.
    alive: Vec<u8>,
    /// Whether this node heartbeats there as well; it is connected to those nodes if all is well.
    beside: bool,
    findings: Findings,
}

message!(struct Seen { alive, beside, findings });

/// A check, and what it looks at.
type Check = (&'static str, fn(&Site, &mut Findings) -> Result<()>);

/// The checks that do not wait for a disk or a peer.
const CHECKS: &[Check] = &[
    ("the configuration", config::files),
    ("this node's name and address", config::local),
    ("the modules", kernel::modules),
    ("the drivers", kernel::drivers),
    ("the cluster in the kernel", config::applied),
    ("what a panic does", kernel::panics),
    ("the heartbeat regions", regions::regions),
    ("the storage's time limits", limits::limits),
];

/// Returns a part of the [`Site`], or its error again.
pub fn stated<T>(part: &Result<T>) -> Result<&T> {
    part.as_ref().map_err(|report| eyre!("{report:#}"))
}

/// Makes every check; errors come first.
pub fn examine(site: &Site) -> Vec<Finding> {
    let mut findings = Findings::default();
    for (what, check) in CHECKS {
        if let Err(report) = check(site, &mut findings) {
            findings.unknown(what, report);
        }
    }
    slow(site, &mut findings);
    let (mut all, warnings): (Vec<_>, Vec<_>) =
        (findings.0.into_iter()).partition(|finding| finding.kind.severity == Severity::Error);
    all.extend(warnings);
    all
}

/// Checks disks and peers, all at once.
fn slow(site: &Site, findings: &mut Findings) {
    let devices = devices::of(site, findings);
    let peers = peers::of(site, findings);
    let mut looks = volumes::looks(site, &devices);
    looks.extend(peers.iter().map(|peer| peer.look(site)));
    looks.push(regions::leftovers(site));
    let mut answers = parallel::all(&looks, TIMEOUT).into_iter();
    let disks = volumes::gather(&devices, &mut answers, findings);
    for (peer, answer) in peers.iter().zip(&mut answers) {
        peer.judge(site, &disks, answer, findings);
    }
    match answers.next() {
        Some(Some(Ok(leftovers))) => findings.0.extend(leftovers.findings.0),
        _ => findings.unknown(
            regions::LEFTOVERS,
            "the block devices were not read in time",
        ),
    }
}
