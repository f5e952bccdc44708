//! Defers signals that would end the process, so that no operation is cut off in the middle.

use super::checked;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

const TERMINATING: [libc::c_int; 4] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT];
/// A process that is stopped while it holds a region's lock stops every other one.
const STOPPING: [libc::c_int; 3] = [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];

/// The error that a signal asked this process to end, and its work is rolled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interrupted;

sentence!(Interrupted => "interrupted");

/// Proof that terminating signals are held back from here to the end of the process. It then ends
/// with an exit code that reports the signal, never by the signal.
#[derive(Clone, Copy)]
pub struct Deferred(libc::sigset_t);

/// Holds SIGINT, SIGTERM, SIGHUP and SIGQUIT back, but for those that are ignored already (a
/// program under nohup(1) goes on), and the signals of a terminal that stop a process.
pub fn defer_termination() -> io::Result<Deferred> {
    let mut held = set_of(&STOPPING);
    for signal in TERMINATING {
        if !is_ignored(signal)? {
            add(&mut held, signal);
        }
    }
    set_mask(libc::SIG_BLOCK, &held)?;
    Ok(Deferred(held))
}

impl Deferred {
    /// # Errors
    /// [`Interrupted`], if a signal is pending.
    pub fn check(self) -> Result<(), Interrupted> {
        match self.pending() {
            true => Err(Interrupted),
            false => Ok(()),
        }
    }

    /// Returns whether a signal has asked this process to end.
    pub fn pending(self) -> bool {
        let mut waiting = empty();
        // SAFETY: `waiting` is live; the call only writes to it.
        let known = unsafe { libc::sigpending(&mut waiting) } == 0;
        // An ignored signal becomes pending too while it is blocked (kernel/signal.c,
        // sig_ignored), so only those that this process holds back count.
        known
            && TERMINATING
                .iter()
                .any(|&signal| contains(&waiting, signal) && contains(&self.0, signal))
    }
}

/// The signals that this process was started with blocked.
#[derive(Clone, Copy)]
pub struct Inherited(libc::sigset_t);

impl Inherited {
    /// Returns the mask; called before anything here blocks others.
    pub fn now() -> io::Result<Self> {
        set_mask(libc::SIG_BLOCK, &empty()).map(Self)
    }

    /// Restores the process's signals as they were, for a program that takes its place.
    pub(super) fn restore(self) -> io::Result<()> {
        if !PIPES_IGNORED_BEFORE.load(Ordering::Relaxed) {
            default(libc::SIGPIPE)?;
        }
        set_mask(libc::SIG_SETMASK, &self.0).map(drop)
    }
}

/// The signals that are passed on to a program, and that of its end.
pub(super) struct Relayed(libc::sigset_t);

impl Relayed {
    /// Holds the signals back, so that `wait` gets them.
    pub fn hold() -> io::Result<Self> {
        let mut set = set_of(&TERMINATING);
        for other in [libc::SIGUSR1, libc::SIGUSR2, libc::SIGTSTP, libc::SIGCHLD] {
            add(&mut set, other);
        }
        // If the caller ignored it, there would be no child to wait for.
        default(libc::SIGCHLD)?;
        set_mask(libc::SIG_BLOCK, &set)?;
        Ok(Self(set))
    }

    /// Returns the next signal, and whether it came to this process alone. A terminal's come from
    /// the kernel, and go to its whole foreground group; but a hang-up goes to a session's leader.
    pub fn wait(&self) -> io::Result<(libc::c_int, bool)> {
        loop {
            // SAFETY: all zeros is a valid siginfo_t, which the call overwrites.
            let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
            // SAFETY: both are live.
            match checked(unsafe { libc::sigwaitinfo(&self.0, &mut info) }) {
                Ok(signal) => return Ok((signal, info.si_code <= 0 || signal == libc::SIGHUP)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Makes a write to a pipe without a reader fail, instead of ending the process.
pub(super) fn ignore_broken_pipes() -> io::Result<()> {
    let before = dispose(libc::SIGPIPE, libc::SIG_IGN)?;
    PIPES_IGNORED_BEFORE.store(before == libc::SIG_IGN, Ordering::Relaxed);
    Ok(())
}

/// Whether the caller ignores SIGPIPE as well.
static PIPES_IGNORED_BEFORE: AtomicBool = AtomicBool::new(false);

fn default(signal: libc::c_int) -> io::Result<()> {
    dispose(signal, libc::SIG_DFL).map(drop)
}

fn dispose(signal: libc::c_int, disposition: libc::sighandler_t) -> io::Result<libc::sighandler_t> {
    // SAFETY: no handler of ours is lost, and none is set.
    match unsafe { libc::signal(signal, disposition) } {
        libc::SIG_ERR => Err(io::Error::last_os_error()),
        before => Ok(before),
    }
}

/// Holds back every signal but SIGKILL and SIGSTOP.
pub fn block_all() -> io::Result<()> {
    let mut all = empty();
    // SAFETY: `all` is live and of the right type.
    checked(unsafe { libc::sigfillset(&mut all) })?;
    set_mask(libc::SIG_BLOCK, &all).map(drop)
}

/// Lets SIGTERM end this process again, as a machine that shuts down expects.
pub fn allow_termination() -> io::Result<()> {
    set_mask(libc::SIG_UNBLOCK, &set_of(&[libc::SIGTERM])).map(drop)
}

/// Lets every signal through again.
pub fn unblock_all() -> io::Result<()> {
    set_mask(libc::SIG_SETMASK, &empty()).map(drop)
}

/// Changes the mask, and returns the one before.
fn set_mask(how: libc::c_int, set: &libc::sigset_t) -> io::Result<libc::sigset_t> {
    let mut before = empty();
    // SAFETY: both are live.
    match unsafe { libc::pthread_sigmask(how, set, &mut before) } {
        0 => Ok(before),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

fn empty() -> libc::sigset_t {
    // SAFETY: a signal set is a plain array of integers; all zeros is the empty set.
    unsafe { std::mem::zeroed() }
}

fn set_of(signals: &[libc::c_int]) -> libc::sigset_t {
    let mut set = empty();
    signals.iter().for_each(|&signal| add(&mut set, signal));
    set
}

fn add(set: &mut libc::sigset_t, signal: libc::c_int) {
    // SAFETY: `set` is live; a bad number would be answered by an error.
    unsafe { libc::sigaddset(set, signal) };
}

fn contains(set: &libc::sigset_t, signal: libc::c_int) -> bool {
    // SAFETY: `set` is live.
    unsafe { libc::sigismember(set, signal) == 1 }
}

fn is_ignored(signal: libc::c_int) -> io::Result<bool> {
    // SAFETY: all zeros is a valid sigaction, and the call only writes to it.
    let mut now: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: no new action is given.
    checked(unsafe { libc::sigaction(signal, std::ptr::null(), &mut now) })?;
    Ok(now.sa_sigaction == libc::SIG_IGN)
}
