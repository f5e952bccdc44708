//! Access to configfs that ends in bounded time.
//!
//! While a region is removed, the kernel holds the lock of the directory of regions and that of the
//! whole cluster (`configfs_rmdir` in fs/configfs/dir.c), and the removal waits for the region's
//! device. A process that lists the directory then, looks a name up in it, or makes or removes any
//! object waits as well, and not even SIGKILL ends it. So a child does that, and is left to itself
//! when it does not answer. A child of ours needs no other: its parent waits within bounds.

use super::{System, if_present, list, lock_file, read_attribute};
use crate::syscall::channel::Channel;
use crate::syscall::{fork, is_pause};
use std::ffi::{OsStr, OsString};
use std::fs::{File, symlink_metadata};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longer than the removals of some regions, each of which takes the kernel up to 2 s.
const TIMEOUT: Duration = Duration::from_secs(15);
/// The file lock of the process that removes a region; the file names the region.
pub const REMOVAL: &str = "regions";

/// A request to the child.
#[derive(Clone, Copy)]
enum Task {
    List,
    Read,
    Find,
    Make,
    Remove,
    Write,
}

message!(enum Task { 0 = List, 1 = Read, 2 = Find, 3 = Make, 4 = Remove, 5 = Write });

/// The child of this process that accesses configfs.
pub(super) struct Helper {
    channel: Channel,
    /// The child has not answered yet.
    owes: bool,
}

impl System {
    /// Returns the names in a directory of configfs, sorted; none where there is no such directory.
    pub fn objects(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let names = self.ask(Task::List, path, "")?;
        let names = names.split(|&byte| byte == b'/');
        let names = names.filter(|name| !name.is_empty());
        Ok(names.map(|name| OsStr::from_bytes(name).into()).collect())
    }

    /// Returns an attribute's value without its line end; `None` where there is no such attribute.
    pub fn attribute(&self, path: &Path) -> io::Result<Option<String>> {
        let text = if_present(self.ask(Task::Read, path, ""))?;
        let text = text.map(String::from_utf8).transpose();
        text.map_err(|_| io::ErrorKind::InvalidData.into())
    }

    /// Returns whether there is an object or attribute at `path`.
    pub fn has_object(&self, path: &Path) -> io::Result<bool> {
        Ok(if_present(self.ask(Task::Find, path, ""))?.is_some())
    }

    /// Makes a cluster, node or region, attributes and all.
    pub fn make_object(&self, path: &Path) -> io::Result<()> {
        self.ask(Task::Make, path, "").map(drop)
    }

    /// Removes an object. For a region: stops its heartbeat, `ResourceBusy` while the kernel pins
    /// it.
    pub fn remove_object(&self, path: &Path) -> io::Result<()> {
        self.ask(Task::Remove, path, "").map(drop)
    }

    /// Sets an attribute.
    pub fn set_attribute(&self, path: &Path, value: &str) -> io::Result<()> {
        self.ask(Task::Write, path, value).map(drop)
    }

    fn perform(&self, task: Task, path: &Path, value: &str) -> io::Result<Vec<u8>> {
        let nothing = |()| Vec::new();
        match task {
            Task::List => {
                let names = list(path)?;
                Ok(names.join(OsStr::new("/")).into_vec())
            }
            Task::Read => {
                let text = read_attribute(path)?.map(String::into_bytes);
                text.ok_or_else(|| io::ErrorKind::NotFound.into())
            }
            Task::Find => symlink_metadata(path).map(drop).map(nothing),
            Task::Make => self.kernel.make_object(path).map(nothing),
            Task::Remove => self.kernel.remove_object(path).map(nothing),
            Task::Write => self.kernel.write_attribute(path, value).map(nothing),
        }
    }

    fn ask(&self, task: Task, path: &Path, value: &str) -> io::Result<Vec<u8>> {
        if fork::is_child() {
            return self.perform(task, path, value);
        }
        let mut helper = self.helper.borrow_mut();
        let asked = match &mut *helper {
            Some(asked) => asked,
            none => none.insert(self.start_helper()?),
        };
        if asked.owes {
            // It hung before, and may have ended since; but the caller does not wait twice.
            asked.channel.set_nonblocking(true)?;
            let late = asked.hear();
            asked.channel.set_nonblocking(false)?;
            if late.is_err_and(|error| is_pause(&error)) {
                return Err(self.hang());
            }
        }
        asked.owes = true;
        let request = (task, (path.to_owned(), value.to_owned()));
        let sent = asked.channel.send(&request);
        match sent.and_then(|()| asked.hear()) {
            Ok(answer) => answer,
            Err(error) if is_pause(&error) => Err(self.hang()),
            Err(_) => {
                *helper = None;
                Err(io::Error::other("the process that accesses it was killed"))
            }
        }
    }

    fn start_helper(&self) -> io::Result<Helper> {
        let parent = rustix::process::getpid();
        let (_, channel) = fork::in_child_on_channel(|mut theirs| {
            if fork::end_with(parent).is_ok() {
                while self.serve(&mut theirs).is_ok() {}
            }
        })?;
        channel.set_timeout(self.pause(TIMEOUT))?;
        Ok(Helper {
            channel,
            owes: false,
        })
    }

    /// Serves one request in the child.
    fn serve(&self, parent: &mut Channel) -> io::Result<()> {
        let (task, (path, value)): (Task, (PathBuf, String)) = parent.receive()?;
        parent.send(&self.perform(task, &path, &value))
    }

    /// Returns the error of a process that has waited long enough.
    fn hang(&self) -> io::Error {
        let text = self.hung_removal().unwrap_or_else(|| {
            format!(
                "configfs has not answered for {} s (a process is stuck in it: ps -eo \
                 pid,stat,args shows the state D)",
                TIMEOUT.as_secs()
            )
        });
        io::Error::new(io::ErrorKind::TimedOut, text)
    }

    /// Names the removal of a region that is under way, and its process.
    pub fn hung_removal(&self) -> Option<String> {
        let path = self.path(lock_file::DIRECTORY).join(REMOVAL);
        let file = File::open(&path).ok()?;
        if lock_file::has(&file, lock_file::LockMode::Shared).ok()? {
            return None;
        }
        let text = super::read_text(&path).ok()?;
        let (process, region) = text.split_once(' ')?;
        let since = file.metadata().ok()?.modified().ok()?.elapsed().ok()?;
        Some(format!(
            "the removal of heartbeat region {region} by process {process} has not ended for {} s \
             (its device does not answer)",
            since.as_secs()
        ))
    }
}

/// Writes the region that is removed into the file lock of removals.
pub fn note_removal(lock: &File, region: &str) {
    let text = format!("{} {region}", std::process::id());
    // It is for a message only.
    let _ = lock.set_len(0);
    let _ = lock.write_all_at(text.as_bytes(), 0);
}

impl Helper {
    fn hear(&mut self) -> io::Result<io::Result<Vec<u8>>> {
        let answer = self.channel.receive()?;
        self.owes = false;
        Ok(answer)
    }
}
