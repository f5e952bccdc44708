//! Running one tool, which may be killed at a moment that was chosen before.

use crate::state::{Node, locked};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open, test_kill_process_group,
};
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// When a tool gets SIGKILL.
#[derive(Clone, Copy, Debug)]
pub struct Kill {
    pub after: Duration,
    /// The processes that it has started as well, but for those with a session of their own: the
    /// starter of a heartbeat, and who waits for a superblock's end.
    pub group: bool,
}

/// How a tool ended.
pub struct End {
    /// 128 and the number of the signal that ended it, as in the shell.
    pub code: i32,
    /// What it printed as errors.
    pub said: String,
}

/// The code of a tool that was killed.
pub const KILLED: i32 = 128 + 9;

/// Runs a tool to its end, and logs both. No word of the line has a space in it. `before_kill` is
/// called when the tool is about to be killed.
pub fn run(
    node: &Node,
    worker: usize,
    line: &str,
    kill: Option<Kill>,
    before_kill: &dyn Fn(),
) -> End {
    let who = format!("w{worker}");
    let plan = kill.map_or_else(String::new, |kill| {
        let whom = if kill.group { "all of it" } else { "it" };
        format!(" (to kill {whom} after {:.3} s)", kill.after.as_secs_f64())
    });
    node.log(&who, &format!("> {line}{plan}"));
    let begun = Instant::now();
    locked(&node.busy).insert(worker, (begun, line.to_owned()));
    let path = format!("/run/soak-{who}.said");
    let ended = start(line, &path).and_then(|mut child| {
        let pid = Pid::from_child(&child);
        let was_killed = match kill {
            Some(kill) if !ends_within(&child, kill.after)? => {
                before_kill();
                match kill.group {
                    true => kill_process_group(pid, Signal::KILL)?,
                    false => kill_process(pid, Signal::KILL)?,
                }
                true
            }
            _ => false,
        };
        let status = child.wait()?;
        // The children of a killed tool may be in the kernel still.
        while was_killed && test_kill_process_group(pid).is_ok() {
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(status)
    });
    let status = ended.unwrap_or_else(|error| node.fail(&who, &format!("running {line}: {error}")));
    locked(&node.busy).remove(&worker);
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    let said = fs::read(&path).unwrap_or_default();
    let end = End {
        code: code.unwrap_or(-1),
        said: String::from_utf8_lossy(&said).trim_end().to_owned(),
    };
    let seconds = begun.elapsed().as_secs_f64();
    node.log(
        &who,
        &format!("< {line}: {} after {seconds:.3} s {}", end.code, end.said),
    );
    end
}

/// Held from a fork to the exec(2) after it, between which the child has all open files of this
/// program.
static FORKS: Mutex<()> = Mutex::new(());

/// Closes a file such that no process has it any more.
pub fn close<T>(file: T) {
    let _none = locked(&FORKS);
    drop(file);
}

fn start(line: &str, said: &str) -> std::io::Result<Child> {
    let mut words = line.split(' ');
    // Released when the child has run exec(2), or failed to.
    let _alone = locked(&FORKS);
    Command::new(words.next().unwrap_or_default())
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        // A pipe would be held open by its children.
        .stderr(File::create(said)?)
        .process_group(0)
        .spawn()
}

fn ends_within(child: &Child, timeout: Duration) -> std::io::Result<bool> {
    let pidfd: OwnedFd = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let timeout = Timespec::try_from(timeout).map_err(std::io::Error::other)?;
    let mut ends = [PollFd::new(&pidfd, PollFlags::IN)];
    Ok(poll(&mut ends, Some(&timeout))? != 0)
}
