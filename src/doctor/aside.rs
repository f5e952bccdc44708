//! Looks that may take long, each in a process of its own, so that all of them together take
//! no longer than one, and one that hangs takes a bounded time.

use crate::sys::fork;
use rustix::process::Signal;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// What is done in a child, and what it tells.
pub type Look<'l> = Box<dyn Fn() -> Vec<u8> + 'l>;

/// What each of `looks` told, in their order; none of one that died, could not be begun, or took
/// longer than `patience`.
pub fn all(looks: &[Look], patience: Duration) -> Vec<Option<Vec<u8>>> {
    let deadline = Instant::now() + patience;
    // All begin before the first answer is waited for.
    let begun: Vec<_> = looks.iter().map(begin).collect();
    let answers = begun.into_iter().map(|begun| {
        let (mut socket, child) = begun.ok()?;
        let told = listen(&mut socket, deadline);
        if told.is_none() {
            // One that hangs in a disk takes it when that answers.
            let _ = child.signal(Signal::KILL);
        } else {
            child.wait();
        }
        told
    });
    answers.collect()
}

fn begin(look: &Look) -> std::io::Result<(UnixStream, fork::Child)> {
    let (ours, mut theirs) = UnixStream::pair()?;
    let mut ours = Some(ours);
    let child = fork::in_child(|| {
        drop(ours.take());
        fork::close_inherited_files(Some(theirs.as_fd()));
        // An answer is whole or none.
        let _ = theirs
            .write_all(&look())
            .and_then(|()| theirs.write_all(b"."));
    })?;
    let ours = ours.ok_or(std::io::ErrorKind::NotConnected)?;
    Ok((ours, child))
}

fn listen(socket: &mut UnixStream, deadline: Instant) -> Option<Vec<u8>> {
    let mut told = Vec::new();
    let mut part = [0; 4096];
    loop {
        // At least some time: what has come already is read.
        let left = deadline.saturating_duration_since(Instant::now());
        let left = left.max(Duration::from_millis(1));
        socket.set_read_timeout(Some(left)).ok()?;
        match socket.read(&mut part) {
            Ok(0) => break,
            Ok(length) => told.extend_from_slice(part.get(..length)?),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    (told.pop() == Some(b'.')).then_some(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_run_at_once_and_none_holds_up_the_others() {
        let nap = |ms| std::thread::sleep(Duration::from_millis(ms));
        let looks: Vec<Look> = vec![
            Box::new(|| {
                nap(300);
                b"slow".to_vec()
            }),
            Box::new(|| {
                nap(60_000);
                Vec::new()
            }),
            Box::new(|| vec![7; 1 << 20]),
            Box::new(|| panic!("a look that dies")),
            Box::new(Vec::new),
        ];
        let started = Instant::now();
        let told = all(&looks, Duration::from_secs(5));
        assert!(started.elapsed() < Duration::from_secs(30));
        assert_eq!(told[0].as_deref(), Some(&b"slow"[..]));
        assert_eq!(told[1], None);
        assert_eq!(told[2].as_ref().map(Vec::len), Some(1 << 20));
        assert_eq!(told[3], None);
        assert_eq!(told[4], Some(Vec::new()));
    }
}
