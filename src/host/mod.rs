//! The machine: where its kernel shows itself in files, and the few calls to it that a
//! directory of files cannot imitate.
//!
//! Every path of the system is spelled here, below one root that only a test moves.

pub mod address;
pub mod configfs;
pub mod detached;
pub mod kernel;
pub mod kmsg;
pub mod lock_file;
pub mod mounts;
pub mod namespace;
pub mod places;
pub mod process;
pub mod waiter;

pub use kernel::{Kernel, Linux};

use eyre::{Result, WrapErr};
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Attributes of configfs, sysfs and /proc that are read here fit in one page.
const ATTRIBUTE_MAX: u64 = 64 * 1024;

/// The machine that the applets work on.
pub struct System {
    root: PathBuf,
    kernel: Box<dyn Kernel>,
    warnings: RefCell<Vec<String>>,
    /// How long a daemon may take for an answer.
    pub daemon_timeout: Duration,
    /// The same for a rollback, after the daemon has shown that it does not behave.
    pub rollback_timeout: Duration,
    helper: RefCell<Option<configfs::Helper>>,
}

impl System {
    /// Returns this machine.
    pub fn real() -> Self {
        Self::with("/", Box::new(Linux))
    }

    /// Returns a directory that plays /sys, /proc, /dev and /etc, with what plays the kernel to it.
    pub fn with(root: impl Into<PathBuf>, kernel: Box<dyn Kernel>) -> Self {
        Self {
            root: root.into(),
            kernel,
            warnings: RefCell::default(),
            daemon_timeout: Duration::from_secs(30),
            rollback_timeout: Duration::from_secs(5),
            helper: RefCell::default(),
        }
    }

    fn is_real(&self) -> bool {
        self.root == Path::new("/")
    }

    /// Returns the only user whose objects are trusted where any user could have made one of that
    /// name: root; on a directory that plays the system, the user who runs the test.
    pub fn owner(&self) -> u32 {
        match self.is_real() {
            true => 0,
            false => rustix::process::geteuid().as_raw(),
        }
    }

    /// Keeps a warning that the applet prints at its end, once, however often it is given.
    pub fn warn(&self, warning: String) {
        let mut warnings = self.warnings.borrow_mut();
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    /// Returns the warnings since the last call.
    pub fn take_warnings(&self) -> Vec<String> {
        self.warnings.take()
    }

    /// Returns the mode of the semaphores that count references: 0, root alone, as the C tools make
    /// theirs; on a directory that plays the system, the user's own.
    pub fn semaphore_mode(&self) -> u16 {
        if self.is_real() { 0 } else { 0o600 }
    }

    /// Returns the time of a wait for other machines or processes. On a directory that plays the
    /// system these are threads of a test, and it is a third.
    pub fn pause(&self, real: Duration) -> Duration {
        if self.is_real() { real } else { real / 3 }
    }

    /// Returns the name of a daemon's socket, which is abstract and below no directory. On a
    /// directory that plays the system, that directory's name is added.
    pub fn abstract_socket(&self, name: &str) -> Vec<u8> {
        let directory = self.root.file_name().unwrap_or_default();
        [name.as_bytes(), directory.as_encoded_bytes()].concat()
    }

    /// Returns the calls that are not files.
    pub fn kernel(&self) -> &dyn Kernel {
        &*self.kernel
    }

    /// Returns a path of the system; `path` is absolute.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Returns a path of the machine's files as the system shows it: the inverse of `path`.
    pub fn shown(&self, path: &Path) -> PathBuf {
        Path::new("/").join(path.strip_prefix(&self.root).unwrap_or(path))
    }

    /// Returns where configfs is mounted: its place since 2.6.19, then that of the 1.2 drivers. The
    /// first directory exists, empty, when the module is loaded and nothing is mounted there.
    pub fn configfs(&self) -> Result<Option<PathBuf>> {
        for place in ["/sys/kernel/config", "/config"] {
            let place = self.path(place);
            let is_it = self.kernel.is_configfs(&place);
            if is_it.wrap_err_with(|| format!("looking for configfs on {}", place.display()))? {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }
}

/// Returns an attribute's value without its line end; `None` where this kernel has no such
/// attribute.
pub fn read_attribute(path: &Path) -> io::Result<Option<String>> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(ATTRIBUTE_MAX).read_to_string(&mut text));
    text.truncate(text.trim_end_matches('\n').len());
    Ok(if_present(read)?.map(|_| text))
}

/// Returns whether `path` exists. A path that cannot be read is an error: counted as absent, it
/// would mean that a driver lacks something, or that a volume is not mounted.
pub fn is_there(path: &Path) -> Result<bool> {
    let found = if_present(std::fs::metadata(path));
    Ok((found.wrap_err_with(|| format!("looking at {}", path.display()))?).is_some())
}

/// Reads a file of any length as text; empty where there is none. What is not UTF-8 becomes U+FFFD.
pub fn read_text(path: &Path) -> io::Result<String> {
    let text = if_present(std::fs::read(path))?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Returns the names in a directory, sorted; none where there is no such directory.
pub fn list(path: &Path) -> io::Result<Vec<std::ffi::OsString>> {
    let Some(entries) = if_present(std::fs::read_dir(path))? else {
        return Ok(Vec::new());
    };
    let mut names: Vec<_> = entries
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<io::Result<_>>()?;
    names.sort_unstable();
    Ok(names)
}

/// Returns the numbers of all processes.
pub fn processes(system: &System) -> io::Result<Vec<u32>> {
    let names = list(&system.path("/proc"))?;
    let numbers = names.iter().filter_map(|name| name.to_str()?.parse().ok());
    Ok(numbers.collect())
}

/// Spells a block device's name as sysfs and /proc do: `cciss/c0d0` cannot be a file's.
pub fn file_name_of_device(name: &str) -> String {
    name.replace('/', "!")
}

/// Returns `None` for the error that what was looked for is absent.
pub fn if_present<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if is_absent(&error) => Ok(None),
        result => result.map(Some),
    }
}

/// Returns whether the error is ENOENT, or ENOTDIR for a path below something that is no directory.
pub fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
