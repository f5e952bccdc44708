//! Runs a program as a shell runs one, and watches it to its end.

use super::channel::Channel;
use super::fork::{end_with, fork};
use super::signal::{Inherited, Relayed};
use super::{checked, pointers};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, waitpid};
use std::ffi::CStr;
use std::io;

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
    let list = pointers(argv);
    let (mut ours, mut theirs) = Channel::pair()?;
    let parent = rustix::process::getpid();
    let Some(child) = fork()? else {
        let ready = end_with(parent).and_then(|()| inherited.restore());
        let started = ready.and_then(|()| {
            // SAFETY: the list ends in a null pointer and leads to C strings that live on.
            checked(unsafe { libc::execvp(program.as_ptr(), list.as_ptr()) })
        });
        if let Err(error) = started {
            let _ = theirs.send(&error);
        }
        // SAFETY: ends the process at once; nothing of the parent's is flushed twice.
        unsafe { libc::_exit(127) }
    };
    drop(theirs);
    match ours.receive() {
        // The program's start has closed the other end.
        Err(_) => Ok(child),
        Ok(error) => {
            let _ = waitpid(Some(child), WaitOptions::empty());
            Err(error)
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
