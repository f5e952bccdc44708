//! Checks that may take long, each in a process of its own: all of them together take no longer
//! than one, and one that hangs takes a bounded time.

use crate::message::Message;
use crate::syscall::channel::{self, Channel};
use crate::syscall::{fork, is_pause};
use rustix::process::Signal;
use std::io;
use std::time::{Duration, Instant};

/// A check for a child process, which returns its answer.
pub type Look<'l, T> = Box<dyn Fn() -> T + 'l>;

/// Returns the answer of each of `looks`, in their order; none of one that died, could not be
/// started, or took longer than `timeout`.
pub fn all<T: Message>(looks: &[Look<T>], timeout: Duration) -> Vec<Option<T>> {
    let deadline = Instant::now() + timeout;
    let mut begun: Vec<_> = looks.iter().map(|look| begin(look).ok()).collect();
    listen(&mut begun, deadline);
    let answers = begun.into_iter().map(|begun| {
        let Begun { child, told, .. } = begun?;
        let told = told.and_then(Result::ok);
        match told {
            Some(_) => drop(child.wait()),
            // A child that hangs in a disk receives the signal when the disk answers.
            None => drop(child.signal(Signal::KILL)),
        }
        told
    });
    answers.collect()
}

/// A check in progress.
struct Begun<T> {
    channel: Channel,
    child: fork::Child,
    /// The complete answer, or the child's end without one.
    told: Option<io::Result<T>>,
}

fn begin<T: Message>(look: &Look<T>) -> io::Result<Begun<T>> {
    let (child, channel) = fork::in_child_on_channel(|mut theirs| {
        let _ = theirs.send(&look());
    })?;
    channel.set_nonblocking(true)?;
    Ok(Begun {
        channel,
        child,
        told: None,
    })
}

/// Receives from all at once: a wait for one must not leave another's answer in its socket, which
/// holds only the beginning of a long one.
fn listen<T: Message>(begun: &mut [Option<Begun<T>>], deadline: Instant) {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut open: Vec<_> = (begun.iter_mut().flatten())
            .filter(|one| one.told.is_none())
            .collect();
        if open.is_empty() || left.is_zero() {
            return;
        }
        let Ok(ready) = channel::ready(open.iter().map(|one| &one.channel), left) else {
            return;
        };
        for (one, _) in open.iter_mut().zip(ready).filter(|(_, ready)| *ready) {
            match one.channel.receive() {
                Err(error) if is_pause(&error) => {}
                told => one.told = Some(told),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_run_at_once() {
        let mark = std::env::temp_dir().join(format!("ocfs2box-parallel-{}", std::process::id()));
        let looks: Vec<Look<Vec<u8>>> = vec![
            Box::new(|| {
                while !mark.exists() {
                    std::thread::sleep(Duration::from_millis(10));
                }
                b"after the next".to_vec()
            }),
            Box::new(|| {
                std::fs::write(&mark, "").unwrap();
                vec![7; 1 << 20]
            }),
            Box::new(|| panic!("a look that dies")),
            Box::new(Vec::new),
        ];
        let told = all(&looks, Duration::from_secs(240));
        std::fs::remove_file(&mark).unwrap();
        assert_eq!(told[0].as_deref(), Some(&b"after the next"[..]));
        assert_eq!(told[1].as_ref().map(Vec::len), Some(1 << 20));
        assert_eq!(told[2], None);
        assert_eq!(told[3], Some(Vec::new()));
    }

    #[test]
    fn one_that_hangs_takes_the_timeout() {
        let looks: Vec<Look<()>> = vec![Box::new(|| {
            loop {
                std::thread::park();
            }
        })];
        assert_eq!(all(&looks, Duration::from_millis(300)), [None]);
    }
}
