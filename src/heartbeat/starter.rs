//! The process that starts a heartbeat and cannot be interrupted in it.
//!
//! The write to a region's `dev` waits for 8 s or more, and a process that dies in it leaves
//! a region that panics many kernels. So a child does it, in a session of its own and deaf
//! to signals, while the applet waits for its word and may die at any time: the child then
//! takes away what nobody wants any more.
//!
//! What is said on the socket between them, in this order:
//!
//! | from | bytes | meaning |
//! |---|---|---|
//! | child | `L` | has the region's lock; the heartbeat is being started |
//! | child | `B` | it beats; the lock is held until the applet has its reference |
//! | child | `E` and text, then the end | it failed, and nothing is left of it |
//! | applet | `T` | has its reference |
//! | applet | the end | does not want it any more |

use super::refs::{Lifetime, Locked, Reference};
use super::{Heartbeat, Source, State, Thread, Wait, Watch, wedged};
use crate::sys::fork;
use crate::sys::signal::Interrupted;
use eyre::{Result, WrapErr, bail, eyre};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// How often the waiting applet looks up.
const SLICE: Duration = Duration::from_millis(250);
/// The kernel gives up by itself after 18 s (30 s with global heartbeat), unless the device
/// does not answer at all.
const PATIENCE: Duration = Duration::from_secs(60);
/// An error's text is a line or two.
const TEXT_MAX: u64 = 4096;

/// Starts the region's heartbeat, or finds it started by another meanwhile, and takes a
/// reference to it.
pub fn start(
    heartbeat: &Heartbeat,
    source: &Source,
    lifetime: Lifetime,
    watch: &mut Watch,
) -> Result<Reference> {
    let (ours, theirs) = UnixStream::pair().wrap_err("making a socket")?;
    let mut ours = Some(ours);
    fork::in_child(|| {
        // Or the child would hold the applet's end open and never see its death.
        drop(ours.take());
        serve(heartbeat, source, theirs);
    })
    .wrap_err("starting a process for the heartbeat")?;
    let Some(mut child) = ours else {
        bail!("the socket to the heartbeat's starter is gone");
    };
    child
        .set_read_timeout(Some(SLICE))
        .wrap_err("setting up a socket")?;
    let beats = await_word(&mut child, Wait::Lock, b'L', watch)
        .and_then(|()| await_word(&mut child, Wait::Steady, b'B', watch));
    if let Err(error) = beats {
        if error.is::<StarterDied>() {
            // At once, while the thread of the half-started region may still live.
            heartbeat.tidy().wrap_err(StarterDied)?;
        }
        return Err(error);
    }
    let reference = Reference::take_unlocked(heartbeat.references, lifetime)?;
    // A child that is gone by now has let the lock go; the reference stands all the same.
    let _ = child.write_all(b"T");
    Ok(reference)
}

/// Somebody killed the child.
#[derive(Debug)]
struct StarterDied;

impl std::fmt::Display for StarterDied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the process that starts the heartbeat was killed")
    }
}

impl std::error::Error for StarterDied {}

fn await_word(child: &mut UnixStream, wait: Wait, wanted: u8, watch: &mut Watch) -> Result<()> {
    let started = Instant::now();
    loop {
        let mut word = [0];
        match child.read(&mut word) {
            Ok(0) => bail!(StarterDied),
            Ok(_) if word == [wanted] => return Ok(()),
            Ok(_) => {
                let mut text = String::new();
                child
                    .set_read_timeout(Some(PATIENCE))
                    .and_then(|()| child.take(TEXT_MAX).read_to_string(&mut text))
                    .wrap_err("reading why the heartbeat did not start")?;
                return Err(eyre!(text));
            }
            Err(error) if is_pause(&error) => watch(wait, started.elapsed())?,
            Err(error) => return Err(error).wrap_err("waiting for the heartbeat"),
        }
        if started.elapsed() > PATIENCE {
            bail!(
                "the heartbeat has not started within {} s (the device does not answer)",
                PATIENCE.as_secs()
            );
        }
    }
}

fn is_pause(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

/// The child's part.
fn serve(heartbeat: &Heartbeat, source: &Source, mut applet: UnixStream) {
    let locked = match make_beat(heartbeat, source, &mut applet) {
        Ok(locked) => locked,
        Err(error) => {
            let _ = write!(applet, "E{error:#}");
            return;
        }
    };
    let mut word = [0];
    let wanted = applet.write_all(b"B").is_ok() && matches!(applet.read(&mut word), Ok(1));
    // Whoever waits for the lock gets it now, and takes the heartbeat over.
    drop(locked);
    if !wanted {
        let _ = heartbeat.tidy();
    }
}

/// Leaves the region beating and locked.
fn make_beat(heartbeat: &Heartbeat, source: &Source, applet: &mut UnixStream) -> Result<Locked> {
    let locked = heartbeat.references.lock(&mut || still_wanted(applet))?;
    applet.write_all(b"L").map_err(|_| Interrupted)?;
    let region = &heartbeat.region;
    match region.state()? {
        State::Beating(_) => return Ok(locked),
        State::HalfStarted(Thread::Ended(pid)) => bail!(wedged(region.name(), pid)),
        State::HalfStarted(_) => drop(region.remove()?),
        State::Absent => {}
    }
    let started = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(&source.device)
        .wrap_err("opening the device for the heartbeat")
        .and_then(|device| region.start(&source.geometry, &device));
    if let Err(error) = started {
        let nobody_refers = locked.count().is_ok_and(|count| count == 0);
        if nobody_refers && region.state()? == State::Absent {
            locked.destroy()?;
        }
        return Err(error);
    }
    Ok(locked)
}

/// The applet says nothing before the heartbeat beats, so that anything to be read is its end.
fn still_wanted(applet: &mut UnixStream) -> Result<()> {
    applet.set_nonblocking(true)?;
    let heard = applet.read(&mut [0]);
    applet.set_nonblocking(false)?;
    match heard {
        Err(error) if is_pause(&error) => Ok(()),
        _ => Err(Interrupted.into()),
    }
}
