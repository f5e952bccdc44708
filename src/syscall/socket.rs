//! The process at the other end of a socket.

use super::checked;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Returns the user of the process that listens, or listened, on the other end of a connected Unix
/// socket (SO_PEERCRED). rustix has no process number of 0, which one in another PID namespace has.
pub fn peer_user(socket: impl AsFd) -> io::Result<u32> {
    let mut peer = libc::ucred {
        pid: 0,
        uid: u32::MAX,
        gid: u32::MAX,
    };
    let mut length = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: both pointers lead to live values, and `length` is the size of the first.
    let answer = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut length,
        )
    };
    checked(answer).map(|_| peer.uid)
}
