//! Runs a command with all its children under ptrace(2), and does one of them harm at one of
//! its system calls.

use crate::ptrace::{Alarm, forked_by, registers, request, resume, set_registers, start};
use std::io;
use std::time::{Duration, Instant};

use libc::{c_int, c_long, pid_t};

/// What is done before the kernel carries a system call out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harm {
    /// SIGKILL to the process.
    Kill,
    /// SIGKILL to it and to all that the command has started.
    KillAll,
    /// The call is not carried out and fails with this error.
    Fail(c_int),
}

/// Which call of which process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// 0 is the command itself, the others are counted as they are forked.
    pub process: usize,
    /// From 1.
    pub call: usize,
}

/// How the command ended, and what came of the harm.
#[derive(Debug, Default)]
pub struct Trace {
    /// As the shell has it: 128 + N for signal N.
    pub code: i32,
    /// The number of the system call that was harmed; none if the point was not reached.
    pub harmed: Option<i64>,
    /// It was one of the calls by which the C library prepares a program.
    pub in_startup: bool,
    /// The numbers of the calls that each process made, in their order.
    pub calls: Vec<Vec<i64>>,
    /// Processes that had not ended in time.
    pub remaining: Vec<pid_t>,
}

/// Calls that Linux carries out whatever happens, or that end the process: they are only
/// killed at. std relies on it.
pub fn never_fails(call: i64) -> bool {
    [
        libc::SYS_close,
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_rt_sigreturn,
        // An interrupted sleep goes on by it.
        libc::SYS_restart_syscall,
    ]
    .contains(&call)
}

/// The first system call of our own code.
const FIRST: c_long = libc::SYS_fcntl;

struct Process {
    pid: pid_t,
    index: usize,
    in_call: bool,
    /// What the call is to return that was not carried out.
    answer: Option<c_int>,
}

/// How long the command may take: longer than its own longest wait.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(150);
/// How long the children may outlive it.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Runs `argv` to its end, standard error into `errors`. `afterwards` is called at the end of
/// the command itself; then its children are waited for.
pub fn run(
    argv: &[&str],
    errors: &std::fs::File,
    harm: Option<(Point, Harm)>,
    afterwards: impl FnOnce(),
) -> io::Result<Trace> {
    let command = start(argv, errors)?;
    let mut tracer = Tracer {
        processes: vec![Process {
            pid: command,
            index: 0,
            in_call: false,
            answer: None,
        }],
        trace: Trace {
            calls: vec![Vec::new()],
            ..Trace::default()
        },
        early: Vec::new(),
        main_runs: false,
        counts: harm.is_none(),
        harm,
    };
    let mut afterwards = Some(afterwards);
    let mut deadline = Some(Instant::now() + COMMAND_TIMEOUT);
    let _alarm = Alarm::every_half_second()?;
    while !tracer.processes.is_empty() {
        if deadline.is_some_and(|deadline| Instant::now() > deadline) {
            tracer.trace.remaining = tracer.processes.iter().map(|it| it.pid).collect();
            for process in &tracer.processes {
                // SAFETY: plain integers.
                unsafe { libc::kill(process.pid, libc::SIGKILL) };
            }
            deadline = None;
        }
        let mut status = 0;
        // SAFETY: `status` is live.
        let pid = unsafe { libc::waitpid(-1, &mut status, libc::__WALL) };
        if pid == -1 {
            match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => continue,
                error => return Err(error),
            }
        }
        if libc::WIFSTOPPED(status) {
            tracer.stopped(pid, status);
            continue;
        }
        tracer.processes.retain(|process| process.pid != pid);
        if pid == command {
            tracer.trace.code = match libc::WIFEXITED(status) {
                true => libc::WEXITSTATUS(status),
                false => 128 + libc::WTERMSIG(status),
            };
            if let Some(afterwards) = afterwards.take() {
                afterwards();
            }
            deadline = deadline.map(|_| Instant::now() + TIMEOUT);
        }
    }
    Ok(tracer.trace)
}

struct Tracer {
    processes: Vec<Process>,
    trace: Trace,
    /// Children that stopped before their parent's event reported them.
    early: Vec<pid_t>,
    /// The command has come to its own code, which begins with a look at its descriptors.
    main_runs: bool,
    /// Nothing is harmed: all calls are counted.
    counts: bool,
    harm: Option<(Point, Harm)>,
}

impl Tracer {
    fn stopped(&mut self, pid: pid_t, status: c_int) {
        let signal = libc::WSTOPSIG(status);
        let event = status >> 16;
        let mut pass = 0;
        match self.processes.iter().position(|it| it.pid == pid) {
            None => {
                // Its SIGSTOP came first; it waits until it has its number.
                self.early.push(pid);
                return;
            }
            Some(at) => match (signal, event) {
                (sig, _) if sig == libc::SIGTRAP | 0x80 => self.call(at),
                (
                    libc::SIGTRAP,
                    libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE,
                ) => self.forked(pid),
                // Another program from here on, which is not ours to harm.
                (libc::SIGTRAP, libc::PTRACE_EVENT_EXEC) if self.processes[at].index != 0 => {
                    self.processes.remove(at);
                    request(libc::PTRACE_DETACH, pid, 0);
                    return;
                }
                (libc::SIGTRAP, _) | (libc::SIGSTOP, _) => {}
                (other, _) => pass = other,
            },
        }
        resume(pid, pass, self.watches());
    }

    /// Is there still a call to come that matters? When the harm is done only the answer of a
    /// call that was not carried out is left to be given.
    fn watches(&self) -> bool {
        self.counts || self.harm.is_some() || self.processes.iter().any(|it| it.answer.is_some())
    }

    fn forked(&mut self, parent: pid_t) {
        let pid = forked_by(parent);
        self.processes.push(Process {
            pid,
            index: self.trace.calls.len(),
            in_call: false,
            answer: None,
        });
        self.trace.calls.push(Vec::new());
        if let Some(at) = self.early.iter().position(|early| *early == pid) {
            self.early.remove(at);
            resume(pid, 0, self.watches());
        }
    }

    fn call(&mut self, at: usize) {
        let process = &mut self.processes[at];
        let pid = process.pid;
        let calls = &mut self.trace.calls[process.index];
        // Some kernels stop the command once more on its way out of execve(2). Only before a
        // call does the result read as this.
        if calls.is_empty() && registers(pid).rax as i64 != -i64::from(libc::ENOSYS) {
            return;
        }
        process.in_call = !process.in_call;
        if !process.in_call {
            if let Some(errno) = process.answer.take() {
                let mut registers = registers(pid);
                registers.rax = i64::from(-errno) as u64;
                set_registers(pid, &registers);
            }
            return;
        }
        let mut registers = registers(pid);
        let number = registers.orig_rax as i64;
        calls.push(number);
        let here = Point {
            process: process.index,
            call: calls.len(),
        };
        self.main_runs |= number == FIRST;
        let Some((_, harm)) = self.harm.take_if(|(point, _)| *point == here) else {
            return;
        };
        if matches!(harm, Harm::Fail(_)) && never_fails(number) {
            return;
        }
        self.trace.harmed = Some(number);
        self.trace.in_startup = process.index == 0 && !self.main_runs;
        match harm {
            // SAFETY: plain integers.
            Harm::Kill => drop(unsafe { libc::kill(pid, libc::SIGKILL) }),
            Harm::KillAll => {
                for process in &self.processes {
                    // SAFETY: plain integers.
                    unsafe { libc::kill(process.pid, libc::SIGKILL) };
                }
            }
            Harm::Fail(errno) => {
                process.answer = Some(errno);
                registers.orig_rax = u64::MAX;
                set_registers(pid, &registers);
            }
        }
    }
}
