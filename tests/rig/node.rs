//! One node of a lab.

use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::console;
use super::disk::Disk;
use super::job::{Job, Output};
use super::machine::Machine;

/// Ends a wait for what never comes. No test asserts it, so that a machine that stands still for
/// a while fails none.
const TIMEOUT: Duration = Duration::from_secs(240);

/// A node; clones are the same node. Can be used from several threads at once.
#[derive(Clone)]
pub struct Node(Arc<Inner>);

struct Inner {
    number: usize,
    name: String,
    directory: PathBuf,
    args: Vec<String>,
    deadline: Instant,
    /// The run that was started last, even if it has ended.
    machine: Mutex<Option<Arc<Machine>>>,
    next_id: AtomicU64,
}

impl Node {
    pub(super) fn new(
        number: usize,
        directory: PathBuf,
        args: Vec<String>,
        deadline: Instant,
    ) -> Node {
        Node(Arc::new(Inner {
            number,
            name: format!("n{number}"),
            directory,
            args,
            deadline,
            machine: Mutex::new(None),
            next_id: AtomicU64::new(1),
        }))
    }

    /// The node's name, such as "n1".
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The node's number in the cluster, from 1; also the last part of its
    /// address 192.0.2.N.
    pub fn number(&self) -> usize {
        self.0.number
    }

    /// Runs a bash command to its end.
    #[track_caller]
    pub fn run(&self, command: &str) -> Output {
        self.start(command).wait()
    }

    /// Runs a command that must succeed; returns what it printed.
    #[track_caller]
    pub fn ok(&self, command: &str) -> String {
        self.fails(0, command).stdout
    }

    /// Runs a command that must end with exactly this exit code.
    #[track_caller]
    pub fn fails(&self, code: i32, command: &str) -> Output {
        let output = self.run(command);
        if output.code != code {
            self.give_up(&format!("`{command}` should end with {code}: {output}"));
        }
        output
    }

    /// Starts a command and does not wait for it.
    #[track_caller]
    pub fn start(&self, command: &str) -> Job {
        let id = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        Job::start(self.clone(), self.machine(), id, command)
    }

    /// Starts a script about a disk; it has `$device`, `$name`, `$uuid`, `$region`, `$key` and a
    /// directory of the disk's own, `$directory`.
    #[track_caller]
    pub fn start_on(&self, disk: &Disk, script: &str) -> Job {
        let (device, name, uuid) = (disk.device(), disk.name(), disk.uuid());
        let (region, key) = (disk.region(), disk.key());
        self.start(&format!(
            "device={device} name={name} uuid={uuid} region={region} key={key:#x}\n\
             directory=/mnt/{name}\nmkdir -p $directory\n{script}"
        ))
    }

    /// Runs the command again and again until it succeeds.
    #[track_caller]
    pub fn wait_for(&self, condition: &str) {
        self.wait_until(condition, |output| output.code == 0);
    }

    /// Runs the command again and again until it ends as `is_reached` wants it; returns what it
    /// printed then.
    #[track_caller]
    pub fn wait_until(&self, command: &str, is_reached: impl Fn(&Output) -> bool) -> String {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let output = self.run(command);
            if is_reached(&output) {
                return output.stdout;
            }
            if Instant::now() > deadline {
                let seconds = TIMEOUT.as_secs();
                self.give_up(&format!("not within {seconds} s: `{command}`: {output}"));
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until the kernel has ended the superblock of the device, and claims that no longer.
    #[track_caller]
    pub fn wait_until_released(&self, device: &str) {
        self.wait_for(&format!(
            "perl -MFcntl -e 'exit !sysopen(my $f, \"{device}\", O_RDONLY | O_EXCL)'"
        ));
    }

    /// All that the kernel has said, of all runs of the node.
    pub fn console(&self) -> String {
        let text = fs::read(self.console_file()).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// A power cut: nothing of the node is left running, nothing is written.
    #[track_caller]
    pub fn kill(&self) {
        self.machine().kill();
    }

    /// Runs `work` while the node is stopped: it answers no other node, and its clock does not run.
    pub fn frozen<T>(&self, work: impl FnOnce() -> T) -> T {
        let pid = fs::read_to_string(self.monitor_directory().join("pid"));
        let pid = pid.ok().and_then(|pid| pid.trim().parse().ok());
        let pid = pid
            .and_then(Pid::from_raw)
            .expect("the pid file of linux.uml");
        let signal = |signal| kill_process(pid, signal).expect("a signal to linux.uml");
        signal(Signal::STOP);
        let done = work();
        signal(Signal::CONT);
        done
    }

    /// Whether the node's process is running.
    pub fn is_on(&self) -> bool {
        let machine = self.0.machine.lock();
        let machine = machine.unwrap_or_else(PoisonError::into_inner);
        machine.as_ref().is_some_and(|machine| {
            let off = machine.wait(Instant::now(), |report| Some(report.off));
            off == Some(false)
        })
    }

    /// Waits for the node to go off by itself, such as after a panic.
    #[track_caller]
    pub fn wait_until_off(&self) {
        if !self.goes_off() {
            self.give_up("does not go off");
        }
    }

    /// Boots a node that is off again; its own files are as new.
    #[track_caller]
    pub fn power_on(&self) {
        self.power_on_nowait();
        self.wait_until_up();
    }

    /// Syncs and powers off; false if the node does not manage to.
    pub(super) fn power_off(&self) -> bool {
        if self.is_on() {
            self.machine().send("off");
        }
        let clean = self.goes_off();
        self.machine().kill();
        clean
    }

    #[track_caller]
    pub(super) fn power_on_nowait(&self) {
        assert!(!self.is_on(), "{} is on already", self.name());
        let lab = self.0.directory.parent().expect("a node is in a lab");
        // linux.uml makes it, and fails if an earlier run has left it.
        let _ = fs::remove_file(lab.join(format!("{}.sock", self.name())));
        let machine = Machine::start(lab, &self.console_file(), &self.0.args)
            .unwrap_or_else(|error| panic!("cannot start linux.uml: {error}"));
        let mut current = self
            .0
            .machine
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *current = Some(Arc::new(machine));
    }

    #[track_caller]
    pub(super) fn wait_until_up(&self) {
        let deadline = Instant::now() + TIMEOUT;
        let up = self
            .machine()
            .wait(deadline.min(self.0.deadline), |report| {
                (report.ready || report.off).then_some(report.ready)
            });
        if up != Some(true) {
            self.give_up("did not boot (is user-mode-linux installed?)");
        }
    }

    fn goes_off(&self) -> bool {
        let deadline = Instant::now() + TIMEOUT;
        self.machine()
            .wait(deadline, |report| report.off.then_some(()))
            .is_some()
    }

    #[track_caller]
    fn machine(&self) -> Arc<Machine> {
        let machine = self
            .0
            .machine
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        machine.clone().expect("the node was never started")
    }

    /// When the lab's time is over.
    pub(super) fn deadline(&self) -> Instant {
        self.0.deadline
    }

    /// Where commands and their output are, on the host.
    pub fn exchange_directory(&self) -> PathBuf {
        self.0.directory.join("exchange")
    }

    /// Where linux.uml has its pid file and its management console.
    pub fn monitor_directory(&self) -> PathBuf {
        self.0
            .directory
            .with_file_name(format!("{}-uml", self.name()))
    }

    fn console_file(&self) -> PathBuf {
        self.0.directory.join("console")
    }

    /// Fails the test.
    #[track_caller]
    pub(super) fn give_up(&self, reason: &str) -> ! {
        panic!(
            "{}: {reason}\n--- console (end)\n{}",
            self.name(),
            console::tail(&self.console(), 30)
        )
    }
}
