//! fork(2): runs a part of this program in a process of its own.

mod call;

pub use call::{call_in_child, call_in_child_unbounded, in_child_watched};

use super::channel::Channel;
use super::{checked, null, pointers, signal};
use rustix::io::retry_on_intr;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

/// Set in the children that `in_child` makes.
static IS_CHILD: AtomicBool = AtomicBool::new(false);

/// Returns whether this process is a child that `in_child` has made: no user waits for it without a
/// bound.
pub fn is_child() -> bool {
    IS_CHILD.load(Ordering::Relaxed)
}

/// A child of this process.
#[derive(Debug)]
pub struct Child(Pid);

impl Child {
    /// Waits for its end, and returns whether it succeeded. An unknown result counts as success: a
    /// caller that ignores SIGCHLD makes this process ignore it too.
    pub fn wait(self) -> bool {
        let ended = retry_on_intr(|| waitpid(Some(self.0), WaitOptions::empty()));
        ended
            .ok()
            .flatten()
            .is_none_or(|(_, status)| status.as_raw() == 0)
    }

    /// Sends it a signal. The number is still its own, as no process has waited for it.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(kill_process(self.0, signal)?)
    }
}

/// Calls fork(2). Returns the child's number, and `None` in the child.
pub(super) fn fork() -> io::Result<Option<Pid>> {
    // SAFETY: the shipped program has one thread, so the child finds no lock held by a thread
    // that it does not have.
    checked(unsafe { libc::fork() }).map(Pid::from_raw)
}

/// Runs `work` in a child with a session of its own, where no signal but SIGKILL and SIGSTOP
/// arrives, and which holds no directory and none of the caller's standard files.
///
/// The child ends when `work` returns, without running anything of the caller's.
pub fn in_child(work: impl FnOnce()) -> io::Result<Child> {
    if let Some(child) = fork()? {
        return Ok(Child(child));
    }
    IS_CHILD.store(true, Ordering::Relaxed);
    // A panic must not unwind into the caller's frames, which the parent owns.
    let done = catch_unwind(AssertUnwindSafe(|| {
        if signal::block_all().is_ok() {
            detach();
            work();
        }
    }));
    // SAFETY: ends the process at once; nothing of the parent's is flushed twice.
    unsafe { libc::_exit(if done.is_ok() { 0 } else { 4 }) }
}

/// Runs `work` in a child that has no file of its parent's but its end of a channel, and returns the
/// other end.
pub fn in_child_on_channel(work: impl FnOnce(Channel)) -> io::Result<(Child, Channel)> {
    let (ours, theirs) = Channel::pair()?;
    // The parent drops its copy of `theirs` with the closure, and so sees the child's end.
    let child = in_child(move || {
        close_inherited_files(Some(theirs.as_fd()));
        work(theirs);
    })?;
    Ok((child, ours))
}

/// A child that is killed when this is dropped.
#[derive(Debug)]
pub struct Companion(Child);

impl Drop for Companion {
    fn drop(&mut self) {
        // Not waited for: it may hang in a write to standard error.
        let _ = self.0.signal(Signal::KILL);
    }
}

/// Runs `work` in a child until the result is dropped or this process ends. Of this process's
/// files the child keeps standard error alone.
pub fn in_companion(work: impl FnOnce()) -> io::Result<Companion> {
    let errors = io::stderr().as_fd().try_clone_to_owned()?;
    let parent = rustix::process::getpid();
    let child = in_child(|| {
        let _ = rustix::stdio::dup2_stderr(&errors);
        close_inherited_files(None);
        if end_with(parent).is_ok() {
            work();
        }
    })?;
    Ok(Companion(child))
}

/// Has this process killed when its parent ends, and at once if that has ended already.
pub fn end_with(parent: Pid) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    match rustix::process::getppid() {
        Some(now) if now == parent => Ok(()),
        _ => Err(io::ErrorKind::NotConnected.into()),
    }
}

/// Closes every file but the standard ones and the one to `keep`, in a child that uses no other
/// of its parent's: a namespace's file would keep the namespace, and a mount in it, alive; a
/// lock's would keep the lock for as long as the child hangs in a disk.
///
/// Best effort before Linux 5.9, where only the first 1024 are closed.
pub fn close_inherited_files(keep: Option<BorrowedFd>) {
    const FIRST: libc::c_uint = 3;
    let keep = keep.and_then(|file| libc::c_uint::try_from(file.as_raw_fd()).ok());
    match keep.filter(|&keep| keep >= FIRST) {
        None => close_range(FIRST, libc::c_uint::MAX),
        Some(keep) => {
            if keep > FIRST {
                close_range(FIRST, keep - 1);
            }
            close_range(keep + 1, libc::c_uint::MAX);
        }
    }
}

fn close_range(first: libc::c_uint, last: libc::c_uint) {
    // SAFETY: three integers. Nothing in this process uses the files that are closed: the caller's
    // frames never run again (see `in_child`).
    let closed = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    if closed == -1 {
        for file in first..=last.min(1023) {
            // SAFETY: as above.
            unsafe { libc::close(file as libc::c_int) };
        }
    }
}

unsafe extern "C" {
    /// The linker's names for where the program's read-only part begins and its code ends.
    static __executable_start: u8;
    static etext: u8;
}

/// Frees the memory of the program's code until it runs again, before a long sleep.
pub fn shed_code() {
    let page = rustix::param::page_size();
    let start = (&raw const __executable_start).addr() & !(page - 1);
    let end = (&raw const etext).addr() & !(page - 1);
    // SAFETY: the range is mapped from the executable and never written, so that what is
    // dropped is read from the file again when it is touched.
    unsafe {
        libc::madvise(
            start as *mut libc::c_void,
            end.saturating_sub(start),
            libc::MADV_DONTNEED,
        )
    };
}

/// Starts the program that `argv` begins with, by its path. All that it gets of the caller's
/// environment is `errors`, its standard error.
pub fn spawn(argv: &[&CStr], errors: impl AsFd) -> io::Result<Child> {
    let argv = pointers(argv);
    let environment = pointers(&[c"PATH=/sbin:/bin:/usr/sbin:/usr/bin"]);
    in_child(|| {
        let _ = rustix::stdio::dup2_stderr(errors);
        let _ = signal::unblock_all();
        // SAFETY: both lists end in a null pointer and lead to C strings that live on. The call
        // returns only if there is no such program; then the child ends at once.
        unsafe {
            libc::execve(*argv.as_ptr(), argv.as_ptr(), environment.as_ptr());
            libc::_exit(127)
        }
    })
}

/// Releases what the child does not need. Best effort: where a step fails, it merely keeps more.
fn detach() {
    let _ = rustix::process::setsid();
    let _ = std::env::set_current_dir("/");
    if let Ok(null) = null() {
        let _ = rustix::stdio::dup2_stdin(&null);
        let _ = rustix::stdio::dup2_stdout(&null);
        let _ = rustix::stdio::dup2_stderr(&null);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn a_child_keeps_one_file_of_its_parent_s() {
        let other = File::open("/dev/null").unwrap();
        let lost = other.as_raw_fd();
        let (_, mut ours) = in_child_on_channel(|mut theirs| {
            // SAFETY: integers alone.
            let closed = unsafe { libc::fcntl(lost, libc::F_GETFD) } == -1;
            let _ = theirs.send(&closed);
        })
        .unwrap();
        assert!(ours.receive::<bool>().unwrap());
        // The parent's is untouched.
        assert!(other.metadata().is_ok());
    }
}
