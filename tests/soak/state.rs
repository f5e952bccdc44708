//! What the workers and the monitor of one node share.

use crate::cases::Stack;
use crate::files::Files;
use crate::processes;
use crate::volume::Volume;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The node, as its workers see it.
pub struct Node {
    pub name: String,
    pub peer: String,
    pub seed: u64,
    /// When the host began, so that the logs of both nodes have one clock.
    pub since: Duration,
    pub end: Instant,
    pub volumes: Vec<Shared>,
    /// What each worker is at, and since when.
    pub busy: Mutex<BTreeMap<usize, (Instant, String)>>,
    /// How often each thing happened.
    pub counts: Mutex<BTreeMap<String, u32>>,
}

/// A volume, and what killed tools have left in doubt on this node.
pub struct Shared {
    pub volume: Volume,
    pub files: Mutex<Files>,
    /// Held by each tool that may change the references; alone by who counts them.
    pub tools: RwLock<()>,
    /// References that `-S` has taken for the workers.
    pub held: AtomicU32,
    doubt: Mutex<Doubt>,
}

/// What is not known of a volume, since a tool was killed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Doubt {
    /// References that killed `-S` and `-K` may have left.
    pub references: u32,
    /// Killed tools that have not ended yet.
    pub dying: u32,
    /// A mount was killed: it may be there without a reference of its own.
    pub mount: bool,
    /// So was `o2cb online` or `offline`, at some time: the cluster may be there in part.
    pub cluster: bool,
    /// Any tool was: the next call may have something to clean up.
    pub any: bool,
}

impl Shared {
    pub fn new(device: &str, uuid: &str) -> Self {
        Self {
            volume: Volume {
                device: device.to_owned(),
                uuid: uuid.to_owned(),
                stack: Stack::O2cb,
            },
            files: Mutex::default(),
            tools: RwLock::default(),
            held: AtomicU32::default(),
            doubt: Mutex::default(),
        }
    }

    pub fn doubt(&self) -> MutexGuard<'_, Doubt> {
        locked(&self.doubt)
    }

    /// The references without an owner, while no tool runs.
    ///
    /// # Errors
    /// There are more than killed tools may have left, or fewer references than owners.
    pub fn leaked(&self) -> Result<u32, String> {
        let look = self.volume.look()?;
        let known = self.held.load(Ordering::Relaxed)
            + u32::from(look.references.is_some_and(|(_, mark)| mark == 1));
        match look.count().checked_sub(known) {
            Some(leaked) if leaked <= self.doubt().references => Ok(leaked),
            _ => Err(format!("{known} references should be there: {look:?}")),
        }
    }
}

impl Node {
    pub fn goes_on(&self) -> bool {
        Instant::now() < self.end
    }

    /// Now and then everything is given up, so that the cluster can go offline: for 8 s of 24.
    pub fn is_ebb(&self) -> bool {
        let start = if self.name == "n1" { 0 } else { 7 };
        (self.elapsed().as_secs() + start + self.seed % 24) % 24 < 8
    }

    pub fn elapsed(&self) -> Duration {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.unwrap_or_default().saturating_sub(self.since)
    }

    pub fn count(&self, what: &str) {
        *locked(&self.counts).entry(what.to_owned()).or_default() += 1;
    }

    /// One line of the log.
    pub fn log(&self, who: &str, what: &str) {
        let what = what.trim_end().replace('\n', " | ");
        println!(
            "{:9.3} {} {who} {what}",
            self.elapsed().as_secs_f64(),
            self.name
        );
    }

    /// The end of the soak: says what was wrong, and how everything is.
    pub fn fail(&self, who: &str, what: &str) -> ! {
        let mut text = format!("FAILED: {what}");
        for shared in &self.volumes {
            let device = &shared.volume.device;
            let _ = write!(
                text,
                "\n  {device}: {:?} {:?}",
                shared.volume.look(),
                *shared.doubt()
            );
        }
        if let Ok(busy) = self.busy.try_lock() {
            for (worker, (since, what)) in busy.iter() {
                let _ = write!(
                    text,
                    "\n  w{worker} for {:.1} s: {what}",
                    since.elapsed().as_secs_f64()
                );
            }
        }
        for domain in fs::read_dir("/dlm").into_iter().flatten().flatten() {
            let locks = fs::read_dir(domain.path()).into_iter().flatten().flatten();
            let locks: Vec<_> = locks.map(|lock| lock.file_name()).collect();
            let _ = write!(text, "\n  {}: {locks:?}", domain.path().display());
        }
        for process in processes::tools() {
            let _ = write!(text, "\n  {process}");
        }
        self.log(who, &text);
        std::process::exit(1)
    }
}

pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
