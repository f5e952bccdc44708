//! The built executable, called the ways the world calls it.

mod completion;
mod dispatch;
mod docs;
mod links;
mod script;
mod stdio;
mod terminal;
mod usage;
mod watch;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{fs, ops};

const BOX: &str = env!("CARGO_BIN_EXE_ocfs2box");
const APPLETS: [&str; 5] = [
    "mount.ocfs2",
    "umount.ocfs2",
    "ocfs2_hb_ctl",
    "o2cb",
    "o2cb.init",
];

/// A directory of a test's own, on the executable's file system so that hard links are possible.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let serial = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("binary-{}-{serial}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path.canonicalize().unwrap())
    }

    /// A symbolic link to the executable.
    fn link(&self, name: &str) -> PathBuf {
        let link = self.join(name);
        symlink(BOX, &link).unwrap();
        link
    }

    /// A copy of the executable. Made by a process of its own: where this one had the file
    /// open for writing, another test's child could hold it so, and it would not run.
    fn copy(&self, name: &str) -> PathBuf {
        let copy = self.join(name);
        assert!(
            Command::new("cp")
                .arg(BOX)
                .arg(&copy)
                .status()
                .unwrap()
                .success()
        );
        copy
    }

    fn names(&self) -> Vec<String> {
        let names = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> = names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl ops::Deref for Dir {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// How a call ended. A signal or a panic is never an acceptable end.
#[derive(Debug)]
struct End {
    code: i32,
    out: String,
    err: String,
}

fn end(output: Output) -> End {
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(!err.contains("panicked"), "{err}");
    End {
        code: output.status.code().expect("ended by a signal"),
        out: String::from_utf8(output.stdout).unwrap(),
        err,
    }
}

fn run(command: &mut Command) -> End {
    end(command.output().unwrap())
}

fn call(program: impl AsRef<Path>, args: &[&str]) -> End {
    run(Command::new(program.as_ref()).args(args))
}

/// The call succeeded as this applet: it printed that applet's help.
fn is_help(end: &End, applet: &str) -> bool {
    let start = format!("Usage: {applet} ");
    end.code == 0 && end.err.is_empty() && end.out.starts_with(&start)
}
