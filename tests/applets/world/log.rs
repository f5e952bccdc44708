//! What was asked of the kernel: one file that every process appends to, so that the order
//! is one across processes, and the failures that a test has asked for.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The kernel's notes, in a directory beside those that it plays.
pub struct Log(PathBuf);

impl Log {
    pub fn new(root: &Path) -> Self {
        Self(root.join(".fake"))
    }

    /// A call that changes something, or would.
    ///
    /// # Errors
    /// The test's own (`fail`).
    pub fn call(&self, line: &str) -> io::Result<()> {
        let number = 1 + self.calls().len();
        self.append("log", line);
        let events = fs::read_to_string(self.0.join("then")).unwrap_or_default();
        for event in events.lines() {
            let [pattern, path, text] = event.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{event}");
            };
            if line.contains(pattern) {
                fs::write(path, text).unwrap();
            }
        }
        let rules = fs::read_to_string(self.0.join("fail")).unwrap_or_default();
        let matching = rules.lines().find_map(|rule| {
            let (errno, pattern) = rule.split_once(' ')?;
            let hit = line.contains(pattern) || pattern == format!("#{number}");
            hit.then(|| errno.parse().ok()).flatten()
        });
        matching.map_or(Ok(()), |errno| Err(io::Error::from_raw_os_error(errno)))
    }

    /// A call that only asks.
    pub fn question(&self, line: &str) {
        self.append("log", &format!("? {line}"));
    }

    /// A real kernel would have corrupted data or panicked.
    pub fn harm(&self, line: &str) {
        self.append("harm", line);
    }

    /// Everything, in order.
    pub fn all(&self) -> Vec<String> {
        self.read("log")
    }

    /// The calls that change something.
    pub fn calls(&self) -> Vec<String> {
        let mut lines = self.all();
        lines.retain(|line| !line.starts_with('?'));
        lines
    }

    pub fn harms(&self) -> Vec<String> {
        self.read("harm")
    }

    pub fn forget(&self) {
        let _ = fs::remove_file(self.0.join("log"));
    }

    /// Calls whose line holds `pattern`, or the one of number `#n`, fail with `errno`.
    pub fn fail(&self, pattern: &str, errno: i32) {
        self.append("fail", &format!("{errno} {pattern}"));
    }

    /// Something else happens with calls whose line holds `pattern`: a file gets the text.
    pub fn then(&self, pattern: &str, path: &Path, text: &str) {
        self.append("then", &format!("{pattern}\t{}\t{text}", path.display()));
    }

    pub fn fail_no_more(&self) {
        let _ = fs::remove_file(self.0.join("fail"));
    }

    fn read(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.0.join(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn append(&self, name: &str, line: &str) {
        let path = self.0.join(name);
        let mut file = File::options().append(true).create(true).open(path);
        let file = file.as_mut().expect("a log");
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}
