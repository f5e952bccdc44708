//! The process that starts a heartbeat and cannot be interrupted in it.
//!
//! The write to a region's `dev` waits for 8 s or more, and a process that dies in it leaves a
//! region that panics many kernels. So a child makes it, in a session of its own and with signals
//! blocked. The applet waits for its message and may die at any time: the child then removes a
//! region that nothing needs any more.
//!
//! The messages on the channel between them, in this order:
//!
//! | from | message | meaning |
//! |---|---|---|
//! | child | `Locked` | has the region's lock; the heartbeat is being started |
//! | child | `Active` | the lock is held until the applet has its reference |
//! | child | an error, then the end | it failed, and nothing is left of it |
//! | applet | an empty one | has its reference |
//! | child | `Released` | releases the lock; until here it held the region for that reference |
//! | applet | the end | its reference has ended, or it has |

use super::reference::Reference;
use super::semaphores::{LOCK_TIMEOUT, Lifetime, RegionLock};
use super::{Heartbeat, HeartbeatGuard, LeaveOutcome, POLL_INTERVAL, Source, State, Wait, Watch};
use crate::host::detached;
use crate::host::mounts::DeviceNumber;
use crate::syscall::channel::Channel;
use crate::syscall::signal::Interrupted;
use crate::syscall::{fork, is_pause};
use eyre::{Result, WrapErr, bail, eyre};
use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::time::{Duration, Instant};

/// The kernel gives up by itself after 18 s (30 s with global heartbeat), unless the device
/// does not answer at all.
const LONGEST_START: Duration = Duration::from_secs(60);
/// The kernel retries a join for 90 s (DLM_JOIN_TIMEOUT_MSECS in fs/ocfs2/dlm/dlmdomain.c) after it
/// has waited for connections; a killed process stays in it.
const LONGEST_JOIN: Duration = Duration::from_secs(240);
/// The time for the child to report what it has found.
const GRACE: Duration = Duration::from_secs(5);

const DIED: &str = "the process that starts the heartbeat was killed";

/// How far the child is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Locked,
    Active,
    Released,
}

message!(enum Step { 0 = Locked, 1 = Active, 2 = Released });

/// A heartbeat that is being started, or that another process has started meanwhile. Dropped, it is
/// removed again, in the background.
pub struct PendingStart<'h> {
    heartbeat: &'h Heartbeat<'h>,
    child: Channel,
    begun: Instant,
}

impl<'h> PendingStart<'h> {
    /// Begins the start. `others` were begun before; the child closes their sockets.
    pub fn begin(
        heartbeat: &'h Heartbeat<'h>,
        source: &Source,
        others: &mut Vec<Self>,
    ) -> Result<Self> {
        let (ours, theirs) = Channel::pair().wrap_err("making a socket")?;
        let mut ours = Some(ours);
        fork::in_child(|| {
            // Otherwise the child would hold the applet's ends open, and neither it nor the others'
            // would ever see the applet's death.
            drop((ours.take(), std::mem::take(others)));
            serve(heartbeat, source, theirs);
        })
        .wrap_err("starting a process for the heartbeat")?;
        let Some(child) = ours else {
            bail!("the socket to the heartbeat's starter is gone");
        };
        child
            .set_timeout(POLL_INTERVAL)
            .wrap_err("setting up a socket")?;
        Ok(Self {
            heartbeat,
            child,
            begun: Instant::now(),
        })
    }

    /// Waits until the heartbeat is active; the region is locked then.
    pub fn wait(&mut self, watch: &mut Watch) -> Result<()> {
        // Several are begun before the first is waited for.
        let mut since = self.begun;
        let locked = self.await_step(Step::Locked, since, &mut |wait, time| {
            since = Instant::now();
            watch(wait, time)
        })?;
        if locked && self.await_step(Step::Active, since, watch)? {
            return Ok(());
        }
        // At once, while the thread of the half-started region may still live.
        self.heartbeat.tidy().wrap_err(DIED)?;
        bail!(DIED)
    }

    /// Takes a reference to the active region. The child lasts as long as its guard.
    pub fn take(mut self, lifetime: Lifetime, watch: &mut Watch) -> Result<HeartbeatGuard<'h>> {
        let reference = Reference::take_unlocked(self.heartbeat.references, lifetime)?;
        // Where the child was killed before `Released`, another process may have removed the region.
        let kept = match self.child.send(&()) {
            Ok(()) => self.await_step(Step::Released, Instant::now(), watch),
            Err(_) => Ok(false),
        };
        if matches!(kept, Ok(true)) {
            return Ok(HeartbeatGuard::of(
                self.heartbeat,
                reference,
                Some(self.child),
            ));
        }
        reference.put()?;
        self.heartbeat.tidy().wrap_err(DIED)?;
        Err(kept.err().unwrap_or_else(|| eyre!(DIED)))
    }

    /// Waits until the child reports the step; `false` if it is killed before.
    fn await_step(&mut self, wanted: Step, started: Instant, watch: &mut Watch) -> Result<bool> {
        let wait = match wanted {
            Step::Locked => Wait::Lock,
            Step::Active | Step::Released => Wait::Steady,
        };
        loop {
            match self.child.receive::<Result<Step>>() {
                Ok(Ok(step)) if step == wanted => return Ok(true),
                Ok(Ok(_)) => bail!("the process that starts the heartbeat is at another step"),
                Ok(Err(report)) => {
                    self.child.await_end();
                    return Err(report);
                }
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                Err(error) if is_pause(&error) => watch(wait, started.elapsed())?,
                Err(error) => return Err(error).wrap_err("waiting for the heartbeat"),
            }
            match wait {
                Wait::Steady if started.elapsed() > LONGEST_START => bail!(
                    "the heartbeat has not started within {} s (the device does not answer)",
                    LONGEST_START.as_secs()
                ),
                // The child gives up first, and reports which process has the lock.
                Wait::Lock if started.elapsed() > LOCK_TIMEOUT + GRACE => {
                    bail!("the process that starts the heartbeat does not answer")
                }
                _ => {}
            }
        }
    }
}

/// Starts the heartbeat in the child.
fn serve(heartbeat: &Heartbeat, source: &Source, mut applet: Channel) {
    // systemd kills the processes of a mount that has timed out, and a start must not be cut off.
    detached::leave_control_group(heartbeat.system);
    let locked = match make_beat(heartbeat, source, &mut applet) {
        Ok(locked) => locked,
        Err(error) => {
            // If the applet has gone, no process receives the error.
            let _ = applet.send(&Result::<Step>::Err(error));
            return;
        }
    };
    let active = applet.send(&Result::<_>::Ok(Step::Active));
    let wanted = active.is_ok() && applet.receive::<()>().is_ok();
    if wanted {
        let _ = applet.send(&Result::<_>::Ok(Step::Released));
    }
    // A process that waits for the lock gets it now, and may take the heartbeat over.
    drop(locked);
    if wanted {
        // The end: do_exit undoes a process's semaphores before it closes its files.
        applet.await_end();
    }
    tidy_behind(heartbeat);
}

/// Removes the region after the program's end. Its socket closes before its locks do, and these
/// keep the region for a moment longer; the join of its lock domain does for as long as the kernel
/// takes to give that up.
fn tidy_behind(heartbeat: &Heartbeat) {
    let begun = Instant::now();
    while heartbeat
        .region
        .state()
        .is_ok_and(|state| state != State::Absent)
    {
        let left = heartbeat.tidy();
        let kept = left.is_ok_and(|left| left == LeaveOutcome::StillAlive);
        let tally = heartbeat.references.tally();
        let is_unreferenced = tally.is_ok_and(|tally| tally.count == 0);
        let waited = begun.elapsed();
        let joins = || !heartbeat.is_shown_mounted().unwrap_or(true) && waited < LONGEST_JOIN;
        if !(kept && is_unreferenced && (waited < GRACE || joins())) {
            return;
        }
        std::thread::sleep(POLL_INTERVAL * if waited < GRACE { 1 } else { 8 });
    }
}

/// Makes the heartbeat active, and leaves the region locked.
fn make_beat(heartbeat: &Heartbeat, source: &Source, applet: &mut Channel) -> Result<RegionLock> {
    let locked = lock(heartbeat, applet)?;
    let beats = applet
        .send(&Result::<_>::Ok(Step::Locked))
        .map_err(|_| Interrupted.into())
        .and_then(|()| start_region(heartbeat, source));
    if let Err(error) = beats {
        let is_unreferenced = locked.tally().is_ok_and(|tally| tally.count == 0);
        if is_unreferenced && heartbeat.region.state()? == State::Absent {
            locked.destroy()?;
        }
        return Err(error);
    }
    Ok(locked)
}

/// Locks the region. References to an absent region are removed: the process that removed it was
/// killed before it removed the set, and no process would ever give them back.
fn lock(heartbeat: &Heartbeat, applet: &mut Channel) -> Result<RegionLock> {
    loop {
        let locked = heartbeat.references.lock(&mut || still_wanted(applet))?;
        if locked.tally()?.count == 0 || heartbeat.region.state()? != State::Absent {
            return Ok(locked);
        }
        locked.destroy()?;
    }
}

fn start_region(heartbeat: &Heartbeat, source: &Source) -> Result<()> {
    let region = &heartbeat.region;
    match region.state()? {
        State::Beating(device) => return heartbeat.check_device(&device, source),
        State::HalfStarted(_) => drop(region.remove()?),
        State::Absent => {}
    }
    let device = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(&source.device)
        .wrap_err("opening the device for the heartbeat")?;
    // The name may lead to another device by now, and the heartbeat writes where it leads.
    let found = device.metadata().wrap_err("looking at the device")?;
    let number = Some(DeviceNumber::from_raw(found.rdev()));
    let kernel = heartbeat.system.kernel();
    if kernel.block_device(&source.device, number) != Some(source.number) {
        bail!(
            "{} has become another device since the volume on it was read",
            source.device.display()
        );
    }
    region.start(&source.geometry, &device)
}

/// Checks that the applet lives. It sends nothing before the heartbeat is active, so that anything
/// to be read is its end.
fn still_wanted(applet: &mut Channel) -> Result<()> {
    applet.set_nonblocking(true)?;
    let heard = applet.receive::<()>();
    applet.set_nonblocking(false)?;
    match heard {
        Err(error) if is_pause(&error) => Ok(()),
        _ => Err(Interrupted.into()),
    }
}
