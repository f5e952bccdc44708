//! Runs a program as a shell runs one, and watches it to its end.

use super::checked;
use super::fork::end_with;
use super::signal::{Inherited, Relayed};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, waitpid};
use std::ffi::CStr;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

/// Runs `argv`, found as execvp(3) finds it, until it ends. Returns its exit status, or 128 and the
/// number of the signal that ended it.
///
/// The program gets this process's directory, environment and standard files, its `inherited`
/// signals, and no file that was opened here. Signals that processes send here are passed on. A
/// terminal's reach it directly, and when one of them stops it, this process stops as well. It is
/// killed when this process ends.
///
/// # Errors
/// The program could not be started.
pub fn run(argv: &[&CStr], inherited: Inherited) -> io::Result<u8> {
    let relayed = Relayed::hold()?;
    let child = start(argv, inherited)?;
    loop {
        let (signal, sent) = relayed.wait()?;
        if signal == libc::SIGCHLD {
            if let Some(code) = look_after(child)? {
                return Ok(code);
            }
        } else if let Some(signal) = Signal::from_named_raw(signal).filter(|_| sent) {
            // The program may just have ended.
            let _ = kill_process(child, signal);
        }
    }
}

fn start(argv: &[&CStr], inherited: Inherited) -> io::Result<Pid> {
    let Some(program) = argv.first() else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let mut list: Vec<*const libc::c_char> = argv.iter().map(|word| word.as_ptr()).collect();
    list.push(std::ptr::null());
    let (mut ours, mut theirs) = UnixStream::pair()?;
    let parent = rustix::process::getpid();
    // SAFETY: this program has one thread, so the child finds no lock held by another.
    let pid = checked(unsafe { libc::fork() })?;
    if pid == 0 {
        let ready = end_with(parent).and_then(|()| inherited.restore());
        let error = match ready {
            Ok(()) => {
                // SAFETY: the list ends in a null pointer and leads to C strings that live on.
                unsafe { libc::execvp(program.as_ptr(), list.as_ptr()) };
                io::Error::last_os_error()
            }
            Err(error) => error,
        };
        let errno = error.raw_os_error().unwrap_or(libc::EIO);
        let _ = theirs.write_all(&errno.to_le_bytes());
        // SAFETY: ends the process at once; nothing of the parent's is flushed twice.
        unsafe { libc::_exit(127) }
    }
    drop(theirs);
    let mut errno = [0; 4];
    match (ours.read_exact(&mut errno), Pid::from_raw(pid)) {
        // The program's start has closed the other end.
        (Err(_), Some(pid)) => Ok(pid),
        _ => {
            let _ = waitpid(Pid::from_raw(pid), WaitOptions::empty());
            Err(io::Error::from_raw_os_error(i32::from_le_bytes(errno)))
        }
    }
}

/// Stops with the program, and returns its exit status once it has ended.
fn look_after(child: Pid) -> io::Result<Option<u8>> {
    let options = WaitOptions::NOHANG | WaitOptions::UNTRACED;
    let Some((_, status)) = waitpid(Some(child), options)? else {
        return Ok(None);
    };
    let by_terminal = |signal| [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU].contains(&signal);
    if status.stopping_signal().is_some_and(by_terminal) {
        // The shell waits for this process to stop, and wakes both.
        let _ = kill_process(rustix::process::getpid(), Signal::STOP);
        let _ = kill_process(child, Signal::CONT);
    }
    Ok(code(status))
}

fn code(status: WaitStatus) -> Option<u8> {
    let killed = status.terminating_signal().map(|signal| 128 + signal);
    let code = status.exit_status().or(killed)?;
    u8::try_from(code).ok()
}
