//! The result of a child, as its parent receives it.

use super::{end_with, in_child, in_child_on_channel};
use crate::message::Message;
use crate::syscall::channel::Channel;
use crate::syscall::is_pause;
use eyre::{WrapErr, bail};
use rustix::process::Signal;
use std::io;
use std::time::{Duration, Instant};

/// Runs `work` in a child that has no other file of its parent's, and returns its result once the
/// child has ended; `None` if that takes longer than `timeout`: then the child goes on.
pub fn call_in_child<T: Message>(
    timeout: Duration,
    work: impl FnOnce() -> eyre::Result<T>,
) -> eyre::Result<Option<T>> {
    let (_, ours) = in_child_on_channel(|mut theirs| {
        // The parent may have given up.
        let _ = theirs.send(&work());
    })
    .wrap_err(STARTING)?;
    ours.set_timeout(timeout).wrap_err(STARTING)?;
    match result(ours) {
        Ok(result) => result.map(Some),
        Err(error) if is_pause(&error) => Ok(None),
        Err(_) => bail!(KILLED),
    }
}

/// Runs `work` in a child that has the files of its parent, and returns its result once the child
/// has ended.
pub fn call_in_child_unbounded<T: Message>(
    work: impl FnOnce() -> eyre::Result<T>,
) -> eyre::Result<T> {
    let (ours, mut theirs) = Channel::pair().wrap_err(STARTING)?;
    in_child(move || {
        // The parent may have been killed.
        let _ = theirs.send(&work());
    })
    .wrap_err(STARTING)?;
    result(ours).unwrap_or_else(|_| bail!(KILLED))
}

const STARTING: &str = "starting a process";
const KILLED: &str = "the process that does it was killed (try again)";

fn result<T: Message>(mut child: Channel) -> io::Result<eyre::Result<T>> {
    let result = child.receive()?;
    child.await_end();
    Ok(result)
}

/// Runs `work` in a child and waits for its result. `watch` is called some four times a second with
/// the elapsed time. Its error ends the wait, and the child as soon as that can be killed. So does
/// the end of this process.
pub fn in_child_watched(
    work: impl FnOnce() -> io::Result<()>,
    watch: &mut dyn FnMut(Duration) -> eyre::Result<()>,
) -> eyre::Result<()> {
    const POLL_INTERVAL: Duration = Duration::from_millis(250);
    let started = Instant::now();
    let parent = rustix::process::getpid();
    let (child, mut ours) = in_child_on_channel(|mut theirs| {
        if end_with(parent).is_ok() {
            let _ = theirs.send(&work());
        }
    })?;
    ours.set_timeout(POLL_INTERVAL)?;
    let done: io::Result<()> = loop {
        match ours.receive() {
            Ok(done) => break done,
            Err(error) if is_pause(&error) => {
                if let Err(end) = watch(started.elapsed()) {
                    // The kernel may deliver it late.
                    let _ = child.signal(Signal::KILL);
                    return Err(end);
                }
            }
            Err(_) => bail!("the process that does it was killed"),
        }
    };
    child.wait();
    Ok(done?)
}
