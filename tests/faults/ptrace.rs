//! ptrace(2), and what else a tracer asks of the system.

use std::ffi::CString;
use std::io;

use libc::{c_int, c_long, c_void, pid_t};

/// The command, stopped right after its execve(2). Nobody reads what it prints; the guest's own
/// standard output has the verdicts.
pub fn start(argv: &[&str], errors: &std::fs::File) -> io::Result<pid_t> {
    use std::os::fd::AsRawFd;
    let argv: Vec<CString> = argv
        .iter()
        .map(|arg| CString::new(*arg).map_err(io::Error::other))
        .collect::<io::Result<_>>()?;
    let mut pointers: Vec<_> = argv.iter().map(|arg| arg.as_ptr()).collect();
    pointers.push(std::ptr::null());
    let errors = errors.as_raw_fd();
    // SAFETY: this program has one thread here.
    let pid = unsafe { libc::fork() };
    match pid {
        -1 => return Err(io::Error::last_os_error()),
        // SAFETY: system calls alone, on memory that was made before the fork.
        0 => unsafe {
            let nowhere = libc::open(c"/dev/null".as_ptr(), libc::O_WRONLY);
            libc::dup2(nowhere, 1);
            libc::close(nowhere);
            libc::dup2(errors, 2);
            libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0);
            libc::execv(pointers[0], pointers.as_ptr());
            libc::_exit(127)
        },
        _ => {}
    }
    let mut status = 0;
    // SAFETY: `status` is live. A traced process stops at its execve(2) by itself.
    unsafe { libc::waitpid(pid, &mut status, 0) };
    if !libc::WIFSTOPPED(status) {
        return Err(io::Error::other(format!("{:?} cannot be started", argv[0])));
    }
    let options = libc::PTRACE_O_TRACESYSGOOD
        | libc::PTRACE_O_TRACEFORK
        | libc::PTRACE_O_TRACEVFORK
        | libc::PTRACE_O_TRACECLONE
        | libc::PTRACE_O_TRACEEXEC;
    request(libc::PTRACE_SETOPTIONS, pid, options.into());
    resume(pid, 0, true);
    Ok(pid)
}

/// A process that was killed meanwhile cannot be asked anything; its end is what comes next.
pub fn request(what: libc::c_uint, pid: pid_t, data: c_long) {
    // SAFETY: none of the requests that come here has the kernel write to memory of ours.
    unsafe { libc::ptrace(what, pid, std::ptr::null_mut::<c_void>(), data) };
}

/// Lets a process run on, and the signal through to it; it stops at its next system call if it
/// is `watched`, and otherwise at no call any more.
pub fn resume(pid: pid_t, signal: c_int, watched: bool) {
    let how = match watched {
        true => libc::PTRACE_SYSCALL,
        false => libc::PTRACE_CONT,
    };
    request(how, pid, signal.into());
}

/// The child that a process has just forked.
pub fn forked_by(parent: pid_t) -> pid_t {
    let mut child: libc::c_ulong = 0;
    // SAFETY: the kernel writes one word, which is live.
    unsafe {
        libc::ptrace(
            libc::PTRACE_GETEVENTMSG,
            parent,
            std::ptr::null_mut::<c_void>(),
            (&raw mut child).cast::<c_void>(),
        )
    };
    child as pid_t
}

/// Those of a process that has stopped.
pub fn registers(pid: pid_t) -> libc::user_regs_struct {
    // SAFETY: integers alone, for which zeros are a value; the kernel fills them.
    unsafe {
        let mut registers: libc::user_regs_struct = std::mem::zeroed();
        libc::ptrace(
            libc::PTRACE_GETREGS,
            pid,
            std::ptr::null_mut::<c_void>(),
            (&raw mut registers).cast::<c_void>(),
        );
        registers
    }
}

/// Gives them back, changed.
pub fn set_registers(pid: pid_t, registers: &libc::user_regs_struct) {
    // SAFETY: the kernel only reads them.
    unsafe {
        libc::ptrace(
            libc::PTRACE_SETREGS,
            pid,
            std::ptr::null_mut::<c_void>(),
            std::ptr::from_ref(registers),
        )
    };
}

/// Interrupts waits, so that time can be looked at.
pub struct Alarm;

impl Alarm {
    pub fn every_half_second() -> io::Result<Self> {
        extern "C" fn nothing(_: c_int) {}
        // SAFETY: the handler does nothing; without SA_RESTART the wait fails with EINTR.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = nothing as *const () as usize;
            libc::sigaction(libc::SIGALRM, &action, std::ptr::null_mut());
        }
        set_timer(500_000).map(|()| Self)
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let _ = set_timer(0);
    }
}

fn set_timer(microseconds: libc::suseconds_t) -> io::Result<()> {
    let interval = libc::timeval {
        tv_sec: 0,
        tv_usec: microseconds,
    };
    let timer = libc::itimerval {
        it_interval: interval,
        it_value: interval,
    };
    // SAFETY: `timer` is live; the old one is not asked for.
    match unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
