//! Scheduling order: sched_setscheduler(2), which rustix lacks and musl refuses, and
//! sched_setaffinity(2).

use super::checked;
use rustix::thread::{CpuSet, Pid, sched_getaffinity, sched_getcpu, sched_setaffinity};
use std::io;

/// A priority of 1 to 99: before everything that is not real-time, which few kernel threads are.
const URGENCY: libc::c_int = 50;
/// The calling thread.
const THIS: libc::pid_t = 0;

/// Keeps another thread from running unless this one sleeps, as long as this lives. The other has
/// to share this one's processor, where this one goes first. It stays on that processor.
#[derive(Debug)]
pub struct Ahead {
    policy: libc::c_int,
    parameter: libc::sched_param,
    processors: CpuSet,
}

impl Ahead {
    /// Puts the calling thread ahead of the thread `other`.
    pub fn of(other: u32) -> io::Result<Self> {
        let other = i32::try_from(other).ok().and_then(Pid::from_raw);
        let other = other.ok_or(io::ErrorKind::InvalidInput)?;
        let (policy, parameter) = scheduler()?;
        let before = Self {
            policy,
            parameter,
            processors: sched_getaffinity(None)?,
        };
        let first = libc::sched_param {
            sched_priority: URGENCY,
        };
        set_scheduler(libc::SCHED_FIFO, first)?;
        let mut here = CpuSet::new();
        here.set(sched_getcpu());
        sched_setaffinity(None, &here)?;
        sched_setaffinity(Some(other), &here)?;
        Ok(before)
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        // As before; a thread may always request less.
        let _ = sched_setaffinity(None, &self.processors);
        let _ = set_scheduler(self.policy, self.parameter);
    }
}

fn scheduler() -> io::Result<(libc::c_int, libc::sched_param)> {
    let mut parameter = libc::sched_param { sched_priority: 0 };
    // SAFETY: two integers, no pointer.
    let policy = checked(unsafe { libc::syscall(libc::SYS_sched_getscheduler, THIS) })?;
    // SAFETY: the pointer is to a sched_param that outlives the call.
    checked(unsafe { libc::syscall(libc::SYS_sched_getparam, THIS, &raw mut parameter) })?;
    Ok((policy as libc::c_int, parameter))
}

fn set_scheduler(policy: libc::c_int, parameter: libc::sched_param) -> io::Result<()> {
    let parameter = &raw const parameter;
    // SAFETY: the pointer is to a sched_param that outlives the call.
    checked(unsafe { libc::syscall(libc::SYS_sched_setscheduler, THIS, policy, parameter) })
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the policy, which is field 41 of /proc/thread-self/stat.
    fn policy() -> String {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let fields = stat.rsplit_once(") ").unwrap().1;
        fields.split(' ').nth(41 - 3).unwrap().to_owned()
    }

    #[test]
    fn one_is_ahead_for_a_while() {
        let mut other = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let processors = sched_getaffinity(None).unwrap();
        let id = i32::try_from(other.id()).unwrap();
        match Ahead::of(other.id()) {
            Ok(ahead) => {
                let shared = sched_getaffinity(Pid::from_raw(id)).unwrap();
                assert_eq!(policy(), libc::SCHED_FIFO.to_string());
                assert_eq!(shared.count(), 1);
                assert_eq!(sched_getaffinity(None).unwrap(), shared);
                drop(ahead);
            }
            // Not root's, or a control group without real time.
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::PermissionDenied),
        }
        assert_eq!(policy(), libc::SCHED_OTHER.to_string());
        assert_eq!(sched_getaffinity(None).unwrap(), processors);
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn nobody_is_got_ahead_of_who_is_not_there() {
        assert!(Ahead::of(0).is_err());
        assert!(Ahead::of(u32::MAX).is_err());
    }
}
