//! The result of a child, as its parent receives it.

use super::in_child_on_socket;
use crate::syscall::is_pause;
use std::io::{self, Read, Write};
use std::time::Duration;

/// Runs `work` in a child that has no other file of its parent's, and returns its result; `None`
/// if that takes longer than `timeout`: then the child goes on.
pub fn call_in_child(
    timeout: Duration,
    work: impl FnOnce() -> eyre::Result<Vec<u8>>,
) -> eyre::Result<Option<Vec<u8>>> {
    const DONE: u8 = b'D';
    let (_, mut ours) = in_child_on_socket(|mut theirs| {
        // The parent may have given up.
        let _ = match work() {
            Ok(result) => theirs.write_all(&[&[DONE], &result[..]].concat()),
            Err(report) => theirs
                .write_all(b"E")
                .map(|()| send_error(&mut theirs, &report)),
        };
    })?;
    ours.set_read_timeout(Some(timeout))?;
    let mut tag = [0];
    match ours.read_exact(&mut tag) {
        Ok(()) if tag == [DONE] => {
            let mut result = Vec::new();
            ours.read_to_end(&mut result)?;
            Ok(Some(result))
        }
        Ok(()) => Err(receive_error(&mut ours)),
        Err(error) if is_pause(&error) => Ok(None),
        Err(_) => eyre::bail!("the process that does it was killed (try again)"),
    }
}

/// Sends a parent why its child failed; the child ends with it.
pub fn send_error(parent: &mut impl io::Write, error: &eyre::Report) {
    let cause = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<io::Error>());
    let errno = cause.and_then(io::Error::raw_os_error).unwrap_or(0);
    // If the parent has gone, no process receives the error.
    let _ = parent.write_all(&errno.to_le_bytes());
    let _ = write!(parent, "{error:#}");
}

/// Receives what `send_error` sends; a system error in it stays one.
pub fn receive_error(child: &mut impl io::Read) -> eyre::Report {
    /// An error's text is a line or two.
    const TEXT_MAX: u64 = 4096;
    let (mut errno, mut text) = ([0; 4], String::new());
    let told = child
        .read_exact(&mut errno)
        .and_then(|()| child.take(TEXT_MAX).read_to_string(&mut text));
    if let Err(error) = told {
        return eyre::Report::new(error).wrap_err("asking a child process why it failed");
    }
    match i32::from_le_bytes(errno) {
        0 => eyre::eyre!(text),
        errno => {
            let cause = io::Error::from_raw_os_error(errno);
            let doing = text.strip_suffix(&format!(": {cause}"));
            let doing = doing.unwrap_or(&text).to_owned();
            eyre::Report::new(cause).wrap_err(doing)
        }
    }
}
