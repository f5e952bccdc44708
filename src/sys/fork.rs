//! fork(2): a piece of this program in a process of its own.

use super::{checked, signal};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A child of this process.
#[derive(Debug)]
pub struct Child(libc::pid_t);

impl Child {
    /// Its process number.
    pub fn id(&self) -> u32 {
        self.0.unsigned_abs()
    }

    /// Waits for its end, whatever that is.
    pub fn wait(self) {
        let mut status = 0;
        // SAFETY: `status` is live. An interrupted wait is taken up again.
        while unsafe { libc::waitpid(self.0, &mut status, 0) } == -1
            && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
        {}
    }

    /// Ends it at once.
    pub fn kill(&self) {
        // SAFETY: two integers; the child has not been waited for, so the number is its own.
        unsafe { libc::kill(self.0, libc::SIGKILL) };
    }
}

/// Runs `work` in a child with a session of its own, where no signal but SIGKILL and SIGSTOP
/// arrives, and which holds no folder and none of the caller's standard files.
///
/// The child ends when `work` returns, without running anything of the caller's.
pub fn in_child(work: impl FnOnce()) -> io::Result<Child> {
    // SAFETY: the shipped program has one thread, so the child finds no lock held by a thread
    // that it does not have.
    let pid = checked(unsafe { libc::fork() })?;
    if pid != 0 {
        return Ok(Child(pid));
    }
    // A panic must not unwind into the caller's frames, of which the parent is the owner.
    let done = catch_unwind(AssertUnwindSafe(|| {
        if signal::block_all().is_ok() {
            detach();
            work();
        }
    }));
    // SAFETY: ends the process at once; nothing of the parent's is flushed twice.
    unsafe { libc::_exit(if done.is_ok() { 0 } else { 4 }) }
}

/// Closes every file but the standard ones, in a child that uses none of its parent's: a
/// namespace's file would keep the namespace, and a mount in it, alive.
///
/// Best effort before Linux 5.9, where only the first 1024 are closed.
pub fn close_inherited_files() {
    const FIRST: libc::c_uint = 3;
    // SAFETY: three integers. Nobody in this process uses the files that are closed: the
    // caller's frames never run again (see `in_child`).
    let closed = unsafe { libc::syscall(libc::SYS_close_range, FIRST, libc::c_uint::MAX, 0) };
    if closed == -1 {
        for file in 3..1024 {
            // SAFETY: as above.
            unsafe { libc::close(file) };
        }
    }
}

unsafe extern "C" {
    /// The linker's names for where the program's read-only part begins and its code ends.
    static __executable_start: u8;
    static etext: u8;
}

/// Gives the memory of the program's code back until it is run again, before a long sleep.
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

/// Best effort: where a step is refused, the child merely holds on to more than it needs.
fn detach() {
    let _ = rustix::process::setsid();
    let _ = std::env::set_current_dir("/");
    if let Ok(null) = std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
    {
        let _ = rustix::stdio::dup2_stdin(&null);
        let _ = rustix::stdio::dup2_stdout(&null);
        let _ = rustix::stdio::dup2_stderr(&null);
    }
}
