//! A configuration file: read whole, replaced whole, by one writer at a time.
//!
//! A replacement is written beside the file and renamed over it, so that a reader, or the disk
//! after a crash, has the old file or the new one. The unfinished replacement is the lock as well:
//! its name is fixed, so the next writer reuses one that a killed writer left behind.

use super::cluster_conf::MAX_BYTES;
use crate::host::lock_file::{self, LockMode};
use eyre::{Result, WrapErr, bail};
use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The timeout for the lock. Other writers hold it for a few milliseconds.
const TIMEOUT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);
/// The mode of a new file, where there is no old one to copy it from.
const NEW_MODE: u32 = 0o644;
/// The number of links that the kernel follows.
const MAX_LINKS: usize = 40;

/// Returns the text of the file; none where there is no file.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    if !exists(path)? {
        return Ok(None);
    }
    let mut text = Vec::new();
    // This is one byte more than the parser takes.
    let limit = MAX_BYTES as u64 + 1;
    File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut text))
        .wrap_err("reading it")?;
    Ok(Some(text))
}

/// Returns whether the path is a file. A pipe would block, and a device would be replaced, so both
/// are errors.
fn exists(path: &Path) -> Result<bool> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).wrap_err("reading it"),
        Ok(found) if found.is_file() => Ok(true),
        Ok(_) => bail!("not a regular file"),
    }
}

/// Changes the file, or makes it: `change` receives the old text, which is empty where there is no
/// file, and returns the new one. While it runs, no other writer of this kind does. A text that it
/// leaves unchanged is not written.
///
/// # Errors
/// The file is as it was, unless its directory could not be brought to the disk at the end.
pub fn edit(path: &Path, change: &mut dyn FnMut(&[u8]) -> Result<Vec<u8>>) -> Result<()> {
    let path = behind_links(path.to_owned())?;
    exists(&path)?;
    let mut replacement = Replacement::begin(&path)?;
    let old = read(&path)?;
    let new = change(old.as_deref().unwrap_or_default())?;
    if Some(&new) == old.as_ref() {
        return Ok(());
    }
    replacement.write(&new).wrap_err("writing it")?;
    replacement.put().wrap_err("replacing it")
}

/// Returns the name to replace: a link stays a link.
fn behind_links(mut path: PathBuf) -> Result<PathBuf> {
    for _ in 0..MAX_LINKS {
        let Ok(target) = fs::read_link(&path) else {
            return Ok(path);
        };
        path.pop();
        path.push(target);
    }
    bail!("too many symbolic links")
}

/// A file that replaces another; it is removed unless it did.
struct Replacement<'p> {
    path: &'p Path,
    temporary: Option<PathBuf>,
    file: File,
}

impl Drop for Replacement<'_> {
    fn drop(&mut self) {
        // This comes before the lock goes, which is with the file's descriptor.
        if let Some(temporary) = self.temporary.take() {
            let _ = fs::remove_file(temporary);
        }
    }
}

impl<'p> Replacement<'p> {
    fn begin(path: &'p Path) -> Result<Self> {
        let Some(name) = path.file_name() else {
            bail!("not a regular file");
        };
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(".new");
        let temporary = path.with_file_name(hidden);
        let shown = temporary.display();
        let since = Instant::now();
        loop {
            let file = lock_file::open(&temporary).wrap_err_with(|| format!("making {shown}"))?;
            let locked = lock_file::has(&file, LockMode::Exclusive);
            if !locked.wrap_err_with(|| format!("locking {shown}"))? {
                if since.elapsed() >= TIMEOUT {
                    bail!("another program is changing it (fuser {shown} shows which)");
                }
                std::thread::sleep(PAUSE);
                continue;
            }
            let ours = file.metadata().wrap_err("looking at the lock")?;
            // The writer that had the lock has renamed or removed what was opened here.
            let identity = |file: &Metadata| (file.dev(), file.ino());
            let now = fs::symlink_metadata(&temporary);
            if !now.is_ok_and(|now| identity(&now) == identity(&ours)) {
                continue;
            }
            // Another user could write to it: planted, or given to that user before a kill.
            let user = rustix::process::geteuid().as_raw();
            if !ours.is_file() || ours.uid() != user || ours.nlink() != 1 {
                fs::remove_file(&temporary).wrap_err_with(|| format!("removing {shown}"))?;
                continue;
            }
            return Ok(Self {
                path,
                temporary: Some(temporary),
                file,
            });
        }
    }

    /// Writes the whole text, with the owner and mode of the existing file.
    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.write_all(text)?;
        let mut mode = NEW_MODE;
        if let Ok(old) = fs::metadata(self.path) {
            let new = self.file.metadata()?;
            if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
                fchown(&self.file, Some(old.uid()), Some(old.gid()))?;
            }
            mode = old.mode();
        }
        let mode = Permissions::from_mode(mode & 0o7777);
        self.file.set_permissions(mode)?;
        self.file.sync_all()
    }

    fn put(&mut self) -> Result<()> {
        if let Some(temporary) = &self.temporary {
            fs::rename(temporary, self.path)?;
        }
        // The name is free now, and may be another writer's.
        self.temporary = None;
        let directory = File::open(self.path.with_file_name("."));
        let synced = directory.and_then(|directory| directory.sync_all());
        synced.wrap_err("it is replaced, but syncing its directory failed")
    }
}
