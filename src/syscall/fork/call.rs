//! The result of a child, as its parent receives it.

use super::{end_with, in_child_on_channel};
use crate::message::Message;
use crate::syscall::is_pause;
use rustix::process::Signal;
use std::io::{self, Read};
use std::time::{Duration, Instant};

/// Runs `work` in a child that has no other file of its parent's, and returns its result once the
/// child has ended; `None` if that takes longer than `timeout`: then the child goes on.
pub fn call_in_child<T: Message>(
    timeout: Duration,
    work: impl FnOnce() -> eyre::Result<T>,
) -> eyre::Result<Option<T>> {
    let (_, mut ours) = in_child_on_channel(|mut theirs| {
        // The parent may have given up.
        let _ = theirs.send(&work());
    })?;
    ours.set_timeout(timeout)?;
    match ours.receive::<eyre::Result<T>>() {
        Ok(result) => {
            ours.await_end();
            result.map(Some)
        }
        Err(error) if is_pause(&error) => Ok(None),
        Err(_) => eyre::bail!("the process that does it was killed (try again)"),
    }
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
            Err(_) => eyre::bail!("the process that does it was killed"),
        }
    };
    child.wait();
    Ok(done?)
}

/// Sends a parent why its child failed; the child ends with it.
pub fn send_error(parent: &mut impl io::Write, error: &eyre::Report) {
    let cause = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<io::Error>());
    let errno = cause.and_then(io::Error::raw_os_error).unwrap_or(0);
    // If the parent has gone, no process receives the error.
    let _ = parent.write_all(&errno.to_le_bytes());
    let _ = write!(parent, "{error:#}");
}

/// Receives what `send_error` sends; a system error in it stays one.
pub fn receive_error(child: &mut impl io::Read) -> eyre::Report {
    /// An error's text is a line or two.
    const TEXT_MAX: u64 = 4096;
    let (mut errno, mut text) = ([0; 4], String::new());
    let told = child
        .read_exact(&mut errno)
        .and_then(|()| child.take(TEXT_MAX).read_to_string(&mut text));
    if let Err(error) = told {
        return eyre::Report::new(error).wrap_err("asking a child process why it failed");
    }
    match i32::from_le_bytes(errno) {
        0 => eyre::eyre!(text),
        errno => {
            let cause = io::Error::from_raw_os_error(errno);
            let doing = text.strip_suffix(&format!(": {cause}"));
            let doing = doing.unwrap_or(&text).to_owned();
            eyre::Report::new(cause).wrap_err(doing)
        }
    }
}
