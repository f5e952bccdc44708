//! The kernel's side of a node: modules, the filesystems that show it, and the callout.

use super::dlmfs;
use super::registered::RegisteredCluster;
use super::stack;
use crate::host::mounts::{self, knows_filesystem};
use crate::host::{System, if_present, is_there, read_attribute};
use crate::ids::StackName;
use eyre::{Result, WrapErr, bail};
use rustix::mount::{MountFlags, UnmountFlags};
use std::ffi::CStr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The program that the kernel runs after the last unmount (fs/ocfs2/stackglue.c).
const HB_CTL_PATH: &str = "/proc/sys/fs/ocfs2/nm/hb_ctl_path";
/// The callout that does nothing: umount.ocfs2 leaves by itself.
pub const NO_CALL_OUT: &str = "/bin/true";

/// Loads what a node of the classic stack needs and mounts configfs and dlmfs. Everything
/// that is there already stays as it is.
pub fn load(system: &System) -> Result<()> {
    stack::load(system, "configfs", "configfs")?;
    if system.configfs()?.is_none() {
        let place = match is_there(&system.path("/sys/kernel/config"))? {
            true => "/sys/kernel/config",
            false => "/config",
        };
        mount(system, c"configfs", place)?;
    }
    // The filesystem's module brings the stack glue and the node manager along.
    stack::prepare(system, StackName::O2CB)?;
    load_dlmfs(system)
}

/// Loads and mounts the filesystem of lock domains, unless it is there already.
pub fn load_dlmfs(system: &System) -> Result<()> {
    stack::load(system, dlmfs::KIND, "ocfs2_dlmfs")?;
    if dlmfs::place(system)?.is_none() {
        mount(system, c"ocfs2_dlmfs", dlmfs::PLACE)?;
    }
    Ok(())
}

/// What `load` has loaded and mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The filesystem's driver.
    pub filesystem: bool,
    /// The lock manager's filesystem, for tools that lock volumes.
    pub dlmfs: bool,
    /// Where configfs is mounted.
    pub configfs: Option<PathBuf>,
    /// Whether the lock manager's filesystem is mounted.
    pub dlmfs_mounted: bool,
}

/// Returns what is loaded, and loads nothing.
pub fn loaded(system: &System) -> Result<Loaded> {
    let knows = |kind| knows_filesystem(system, kind).wrap_err("reading the list of filesystems");
    Ok(Loaded {
        filesystem: knows("ocfs2")?,
        dlmfs: knows(dlmfs::KIND)?,
        configfs: system.configfs()?,
        dlmfs_mounted: dlmfs::place(system)?.is_some(),
    })
}

/// Reverses `load`, once no cluster is registered and nothing is mounted. configfs stays: other
/// programs use it.
pub fn unload(system: &System) -> Result<()> {
    if let Some(live) = RegisteredCluster::if_loaded(system)? {
        bail!(
            "cluster \"{0}\" is still online (run: o2cb offline {0})",
            live.name()
        );
    }
    check_unused(system)?;
    let mounts = mounts::visible(system)?;
    for mount in mounts.iter().filter(|mount| mount.kind == dlmfs::KIND) {
        system
            .kernel()
            .unmount(&system.path(&mount.point), UnmountFlags::empty())
            .wrap_err_with(|| format!("unmounting {}", mount.point.display()))?;
    }
    for module in [
        "ocfs2_dlmfs",
        "ocfs2",
        "ocfs2_stack_o2cb",
        "ocfs2_stack_user",
        "ocfs2_stackglue",
    ] {
        // A module built into the kernel has no `refcnt`.
        if is_there(&system.path(format!("/sys/module/{module}/refcnt")))? {
            let unloaded = system.kernel().unload_module(module);
            unloaded.wrap_err_with(|| format!("unloading the module {module}"))?;
        }
    }
    Ok(())
}

/// Fails if a volume of any stack is mounted: its driver cannot be unloaded.
pub fn check_unused(system: &System) -> Result<()> {
    if let Some(volume) = mounts::volumes(system)?.next() {
        let point = volume.point.display();
        bail!("{point} is still mounted (unmount it first)");
    }
    // Each superblock has a reference to its driver (fs/super.c, alloc_super).
    let users = read_attribute(&system.path("/sys/module/ocfs2/refcnt"));
    let users = users.wrap_err("reading how many use the module ocfs2")?;
    if users.is_some_and(|users| users.trim() != "0") {
        bail!(
            "a volume is still mounted, detached or in another mount namespace (end the programs \
             that use it)"
        );
    }
    Ok(())
}

/// Sets the program that the kernel runs after an unmount; does nothing on drivers without the
/// attribute.
pub fn set_call_out(system: &System, program: &Path) -> Result<()> {
    let (path, program) = (system.path(HB_CTL_PATH), program.to_string_lossy());
    let written = if_present(system.kernel().write_attribute(&path, &program));
    written
        .map(drop)
        .wrap_err_with(|| format!("writing {program} to {HB_CTL_PATH}"))
}

/// The kernel's callout, which leaves a volume's group after its last unmount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallOut {
    /// No callout: umount.ocfs2 has to leave.
    None,
    /// This executable, under one of its names.
    Ours,
    /// Another program, such as the C tools'.
    Foreign,
}

/// Returns the path that is set, whether or not it exists; none on drivers without the attribute.
pub fn call_out_path(system: &System) -> Result<Option<String>> {
    let set = read_attribute(&system.path(HB_CTL_PATH))
        .wrap_err_with(|| format!("reading {HB_CTL_PATH}"))?;
    Ok(set.filter(|program| !program.is_empty()))
}

/// Returns the callout that is set. A path where no program is leaves nothing.
pub fn call_out(system: &System) -> Result<CallOut> {
    let Some(program) = call_out_path(system)? else {
        return Ok(CallOut::None);
    };
    let program = Path::new(&program);
    if program.file_name().is_some_and(|name| name == "true") {
        return Ok(CallOut::None);
    }
    let identity = |path: &Path| {
        let found = std::fs::metadata(system.path(path)).ok()?;
        Some((found.dev(), found.ino()))
    };
    Ok(match identity(program) {
        None => CallOut::None,
        found if found == identity(Path::new("/proc/self/exe")) => CallOut::Ours,
        _ => CallOut::Foreign,
    })
}

fn mount(system: &System, kind: &'static CStr, place: &str) -> Result<()> {
    let (name, place) = (kind.to_string_lossy(), system.path(place));
    if !is_there(&place)? {
        std::fs::create_dir(&place).wrap_err_with(|| format!("making {}", place.display()))?;
    }
    system
        .kernel()
        .mount(Path::new(&*name), &place, kind, MountFlags::empty(), c"")
        .wrap_err_with(|| format!("mounting {name} on {}", place.display()))
}
