//! Commands that run on a node, and how they end.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::machine::Machine;
use super::node::Node;

/// How a command ended. Death by signal N is code 128 + N, as in the shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "exit code {}\n--- stdout\n{}\n--- stderr\n{}",
            self.code,
            self.stdout.trim_end(),
            self.stderr.trim_end()
        )
    }
}

impl Output {
    /// What it printed on standard error has these words in it.
    #[track_caller]
    pub fn says(&self, words: &str) {
        assert!(self.stderr.contains(words), "{words}: {self}");
    }
}

/// Waits for jobs that must succeed; returns what they printed.
#[track_caller]
pub fn all_succeed<T: fmt::Debug>(jobs: Vec<(T, Job)>) -> Vec<String> {
    let ends: Vec<_> = jobs
        .into_iter()
        .map(|(case, job)| (case, job.wait()))
        .collect();
    let failed: Vec<_> = ends
        .iter()
        .filter(|(_, output)| output.code != 0)
        .map(|(case, output)| format!("{case:?}: {output}"))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    ends.into_iter().map(|(_, output)| output.stdout).collect()
}

/// A command that was started on a node.
#[must_use]
pub struct Job {
    node: Node,
    machine: Arc<Machine>,
    id: u64,
    command: String,
}

impl Job {
    #[track_caller]
    pub(super) fn start(node: Node, machine: Arc<Machine>, id: u64, command: &str) -> Job {
        let job = Job {
            node,
            machine,
            id,
            command: command.to_string(),
        };
        fs::write(job.file("sh"), format!("{command}\n"))
            .unwrap_or_else(|error| panic!("cannot hand over `{command}`: {error}"));
        job.machine.send(&id.to_string());
        job
    }

    /// Waits for the command's end. A node that goes off meanwhile, and the end
    /// of the lab's time, fail the test.
    #[track_caller]
    pub fn wait(self) -> Output {
        let deadline = self.node.deadline();
        match self.end(deadline) {
            Some(Some(code)) => self.output(code),
            Some(None) => self
                .node
                .give_up(&format!("went off while it ran `{}`", self.command)),
            None => self
                .node
                .give_up(&format!("the lab's time is over in `{}`", self.command)),
        }
    }

    /// Whether the command ends within this time; it can be waited for later.
    pub fn ends_within(&self, seconds: f64) -> bool {
        let deadline = Instant::now() + Duration::from_secs_f64(seconds);
        matches!(self.end(deadline), Some(Some(_)))
    }

    /// The exit code; `None` inside when the node went off, outside when late.
    fn end(&self, deadline: Instant) -> Option<Option<i32>> {
        self.machine
            .wait(deadline, |report| match report.done.get(&self.id) {
                Some(code) => Some(Some(*code)),
                None => report.off.then_some(None),
            })
    }

    fn output(&self, code: i32) -> Output {
        let read = |file: &Path| {
            let text = fs::read(file).unwrap_or_default();
            String::from_utf8_lossy(&text).into_owned()
        };
        Output {
            code,
            stdout: read(&self.file("out")),
            stderr: read(&self.file("err")),
        }
    }

    fn file(&self, kind: &str) -> PathBuf {
        self.node
            .exchange_directory()
            .join(format!("{}.{kind}", self.id))
    }
}
