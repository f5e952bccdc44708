//! System V semaphores: semget(2), semtimedop(2), semctl(2).

use super::checked;
use libc::c_int;
use std::io;
use std::time::Duration;

unsafe extern "C" {
    /// Both glibc and musl have this, but the libc crate does not declare it. It only reads the
    /// operations, whatever the C header allows it.
    fn semtimedop(
        id: c_int,
        operations: *const libc::sembuf,
        count: libc::size_t,
        timeout: *const libc::timespec,
    ) -> c_int;
}

/// One operation on one semaphore of a set.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Op(libc::sembuf);

impl Op {
    /// Makes an operation that adds `delta`; 0 waits for the value to be 0.
    pub const fn new(semaphore: u16, delta: i16) -> Self {
        Self(libc::sembuf {
            sem_num: semaphore,
            sem_op: delta,
            sem_flg: 0,
        })
    }

    /// Has the kernel undo it when this process ends, however it ends.
    pub const fn undone_at_exit(self) -> Self {
        self.with(libc::SEM_UNDO)
    }

    /// Makes it fail with `WouldBlock` instead of waiting; the whole list then answers at once.
    pub const fn or_fail(self) -> Self {
        self.with(libc::IPC_NOWAIT)
    }

    const fn with(mut self, flag: c_int) -> Self {
        // Both flags fit the short of the C structure.
        self.0.sem_flg |= flag as libc::c_short;
        self
    }
}

/// A set of semaphores that existed when it was looked up.
#[derive(Clone, Copy, Debug)]
pub struct Set(c_int);

impl Set {
    /// Opens the set of `key`, made with `mode` if there is none.
    ///
    /// # Errors
    /// `InvalidInput` when it exists with fewer than `size` semaphores.
    pub fn open_or_make(key: i32, size: u16, mode: u16) -> io::Result<Self> {
        get(key, size, libc::IPC_CREAT | c_int::from(mode))
    }

    /// Opens the set of `key`, whatever its size; `NotFound` when there is none.
    pub fn open(key: i32) -> io::Result<Self> {
        get(key, 0, 0)
    }

    /// Applies all of `operations` at once, or none. Waits for `timeout` at most, then
    /// `WouldBlock`.
    ///
    /// # Errors
    /// EIDRM: the set was removed, before or while waiting.
    pub fn apply(self, operations: &[Op], timeout: Duration) -> io::Result<()> {
        let timeout = libc::timespec {
            tv_sec: timeout.as_secs().min(i32::MAX as u64) as libc::time_t,
            tv_nsec: timeout.subsec_nanos() as libc::c_long,
        };
        let list = operations.as_ptr().cast();
        // SAFETY: both pointers lead to live values of the C layout, and the count is the list's.
        let answer = unsafe { semtimedop(self.0, list, operations.len(), &timeout) };
        checked(answer).map(drop)
    }

    /// Returns the value of a semaphore.
    pub fn value(self, semaphore: u16) -> io::Result<u32> {
        self.ask(semaphore, libc::GETVAL)
    }

    /// Returns the process that last changed a semaphore; 0 when that is not of this PID namespace.
    pub fn last_process(self, semaphore: u16) -> io::Result<u32> {
        self.ask(semaphore, libc::GETPID)
    }

    /// Returns the user who owns the set, and the one who made it. Only the owner can be changed
    /// (IPC_SET).
    pub fn users(self) -> io::Result<[u32; 2]> {
        // SAFETY: all of its fields are integers, for which zeros are values.
        let mut status: libc::semid_ds = unsafe { std::mem::zeroed() };
        // SAFETY: IPC_STAT writes one such structure, which lives until the call returns.
        checked(unsafe { libc::semctl(self.0, 0, libc::IPC_STAT, &raw mut status) })?;
        Ok([status.sem_perm.uid, status.sem_perm.cuid])
    }

    /// Removes the set for all processes; those that wait get EIDRM.
    pub fn remove(self) -> io::Result<()> {
        // SAFETY: IPC_RMID takes no fourth argument.
        checked(unsafe { libc::semctl(self.0, 0, libc::IPC_RMID) }).map(drop)
    }

    fn ask(self, semaphore: u16, question: c_int) -> io::Result<u32> {
        // SAFETY: GETVAL and GETPID take no fourth argument and write nothing.
        let answer = unsafe { libc::semctl(self.0, c_int::from(semaphore), question) };
        checked(answer).map(|value| value.unsigned_abs())
    }
}

fn get(key: i32, size: u16, flags: c_int) -> io::Result<Set> {
    // SAFETY: no pointer is passed.
    checked(unsafe { libc::semget(key, c_int::from(size), flags) }).map(Set)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syscall::fork;

    fn fresh() -> Set {
        let key = i32::from_ne_bytes(std::process::id().to_ne_bytes()) ^ line_key();
        Set::open_or_make(key, 3, 0o600).unwrap()
    }

    fn line_key() -> i32 {
        use std::sync::atomic::{AtomicI32, Ordering};
        static NEXT: AtomicI32 = AtomicI32::new(0x5a00_0000);
        NEXT.fetch_add(0x1_0000, Ordering::Relaxed)
    }

    #[test]
    fn a_list_is_applied_whole_or_not_at_all() {
        let set = fresh();
        let blocked = set.apply(&[Op::new(1, 1), Op::new(2, -1).or_fail()], Duration::ZERO);
        assert_eq!(blocked.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(set.value(1).unwrap(), 0);
        set.apply(&[Op::new(1, 1), Op::new(2, 1)], Duration::ZERO)
            .unwrap();
        assert_eq!((set.value(1).unwrap(), set.value(2).unwrap()), (1, 1));
        set.remove().unwrap();
        assert!(set.value(1).is_err());
    }

    #[test]
    fn what_a_process_holds_ends_with_it_unless_made_lasting() {
        let set = fresh();
        for (make_lasting, left) in [(false, 0), (true, 1)] {
            let child = fork::in_child(move || {
                let _ = set.apply(&[Op::new(1, 1).undone_at_exit()], Duration::ZERO);
                if make_lasting {
                    let swap = [Op::new(1, 1), Op::new(1, -1).undone_at_exit()];
                    let _ = set.apply(&swap, Duration::ZERO);
                }
            });
            child.unwrap().wait();
            assert_eq!(set.value(1).unwrap(), left);
        }
        set.remove().unwrap();
    }
}
