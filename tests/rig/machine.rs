//! One run of a node: the linux.uml process, from power-on to power-off.
//!
//! The kernel has its serial line on standard input (a socket whose other end
//! is ours: commands go in, "ready" and "done ID STATUS" come back) and its
//! console on standard output (a file).
//!
//! User-mode Linux consists of several processes, and those left by a kill of
//! the first one would run on. So a small shell starts it and kills the whole
//! group when told to, and also when this process is gone, whatever ended it:
//! then its standard input, a pipe from us, ends.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

/// Arguments: the lab's directory, then those for linux.uml. The serial line comes
/// as standard error, since a shell gives what it starts in the background no
/// standard input. linux.uml makes itself the leader of a new group; it goes first,
/// so that it has nothing to say about the end of the others.
const WATCHDOG: &str = r#"
lab=$1
shift
linux.uml "$@" <&2 2>&1 &
node=$!
exec 2>&1
order=
read -r order
kill -s KILL -- "$node" "-$node" 2>/dev/null
wait
[ "$order" = stop ] || rm -rf -- "$lab"
"#;

/// What the serial line has reported so far.
#[derive(Default)]
pub struct Report {
    pub ready: bool,
    /// The process has ended.
    pub off: bool,
    /// Exit codes of commands by their ids.
    pub done: HashMap<u64, i32>,
}

type Shared = Arc<(Mutex<Report>, Condvar)>;

/// A running node.
pub struct Machine {
    watchdog: Mutex<Child>,
    serial: UnixStream,
    report: Shared,
}

impl Machine {
    /// Starts linux.uml in the directory `lab`, its console appended to `console`.
    pub fn start(lab: &Path, console: &Path, args: &[String]) -> io::Result<Machine> {
        let (serial, guest_end) = UnixStream::pair()?;
        let watchdog = Command::new("/bin/sh")
            .args(["-c", WATCHDOG, "watchdog"])
            .arg(lab)
            .args(args)
            .current_dir(lab)
            .env("TMPDIR", memory_directory(lab))
            .stdin(Stdio::piped())
            .stdout(File::options().append(true).create(true).open(console)?)
            .stderr(OwnedFd::from(guest_end))
            // Ctrl-C is for us; the watchdog learns of our end by the pipe.
            .process_group(0)
            .spawn()?;
        let report = Shared::default();
        let reader = BufReader::new(serial.try_clone()?);
        let reported = Arc::clone(&report);
        thread::spawn(move || listen(reader, &reported));
        Ok(Machine {
            watchdog: Mutex::new(watchdog),
            serial,
            report,
        })
    }

    /// Sends one line. A machine that is off cannot be written to, which is
    /// found out by the caller that waits for the answer.
    pub fn send(&self, line: &str) {
        let _ = (&self.serial).write_all(format!("{line}\n").as_bytes());
    }

    /// Waits until `found` finds what it wants; `None` when it is too late.
    pub fn wait<T>(
        &self,
        deadline: Instant,
        mut found: impl FnMut(&mut Report) -> Option<T>,
    ) -> Option<T> {
        let (report, changed) = &*self.report;
        let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(result) = found(&mut report) {
                return Some(result);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            report = changed
                .wait_timeout(report, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Cuts the power, and returns when all processes of the node are gone.
    pub fn kill(&self) {
        let mut watchdog = self.watchdog.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut orders) = watchdog.stdin.take() {
            let _ = orders.write_all(b"stop\n");
        }
        let _ = watchdog.wait();
        // Ends `listen`, should a process of the node have outlived the rest.
        let _ = self.serial.shutdown(Shutdown::Both);
        tell(&self.report, |report| report.off = true);
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.kill();
    }
}

fn tell(shared: &Shared, change: impl FnOnce(&mut Report)) {
    let (report, changed) = &**shared;
    change(&mut report.lock().unwrap_or_else(PoisonError::into_inner));
    changed.notify_all();
}

/// Reads the serial line to its end, which is the end of the machine.
fn listen(reader: BufReader<UnixStream>, shared: &Shared) {
    for line in reader.lines().map_while(Result::ok) {
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("ready"), ..) => tell(shared, |report| report.ready = true),
            (Some("done"), Some(id), Some(code)) => {
                if let (Ok(id), Ok(code)) = (id.parse::<u64>(), code.parse::<i32>()) {
                    tell(shared, |report| report.done.extend([(id, code)]));
                }
            }
            _ => {}
        }
    }
    tell(shared, |report| report.off = true);
}

/// Where linux.uml keeps a node's memory: in the host's memory if that has room
/// and lets it be executed (in containers it often does not), else in the lab.
fn memory_directory(lab: &Path) -> PathBuf {
    use rustix::fs::{StatVfsMountFlags, statvfs};
    const ENOUGH: u64 = 2 << 30;
    let shm = Path::new("/dev/shm");
    match statvfs(shm) {
        Ok(stat)
            if stat.f_bavail * stat.f_frsize >= ENOUGH
                && !stat.f_flag.contains(StatVfsMountFlags::NOEXEC) =>
        {
            shm.to_path_buf()
        }
        _ => lab.to_path_buf(),
    }
}
