//! The kernel: its modules, what they show, and what it does after an oops or a panic.

use super::Site;
use super::finding::{Findings, Kind};
use crate::cluster::driver::{self, CallOut};
use crate::host::{mounts, read_attribute, read_text};
use eyre::{Result, bail, eyre};

/// The modules that no other module brings along.
const MODULES: [&str; 4] = ["configfs", "ocfs2", "ocfs2_stack_o2cb", "ocfs2_dlmfs"];
/// The lists of the running kernel's modules: loadable ones, and built-in ones.
const LISTS: [&str; 2] = ["modules.dep", "modules.builtin"];
/// The places where mount(8) and umount(8) look for helpers.
const HELPERS: [&str; 2] = ["/sbin/umount.ocfs2", "/usr/sbin/umount.ocfs2"];

/// Checks that each module is loaded, or can be.
pub(super) fn modules(site: &Site, findings: &mut Findings) -> Result<()> {
    let system = site.system;
    let loaded = driver::loaded(system)?;
    let plugins = read_attribute(&system.path("/sys/fs/ocfs2/loaded_cluster_plugins"))?;
    let stack = match &plugins {
        Some(plugins) => plugins.lines().any(|plugin| plugin == "o2cb"),
        // Drivers of the 1.2 era have it built in.
        None => loaded.filesystem,
    };
    let configfs = mounts::knows_filesystem(system, "configfs")?;
    let there = [configfs, loaded.filesystem, stack, loaded.dlmfs];
    if there == [true; 4] {
        return Ok(());
    }
    let release = read_attribute(&system.path("/proc/sys/kernel/osrelease"))?
        .ok_or_else(|| eyre!("the kernel does not say its release"))?;
    let directory = system.path("/lib/modules").join(&release);
    let known = LISTS.map(|list| read_text(&directory.join(list)).unwrap_or_default());
    for (module, there) in MODULES.into_iter().zip(there) {
        if !there && !known.iter().any(|list| names(list, module)) {
            let what = format!("there is no module {module} for the running kernel, {release}");
            findings.add(Kind::MODULE_MISSING, what);
        }
    }
    Ok(())
}

/// Returns whether the list has the module: of `kernel/fs/ocfs2/ocfs2.ko.xz:
/// kernel/fs/jbd2/jbd2.ko`, only the first name counts.
fn names(list: &str, module: &str) -> bool {
    list.lines().any(|line| {
        let path = line.split(':').next().unwrap_or_default();
        let file = path.rsplit('/').next().unwrap_or_default();
        let name = file.split('.').next().unwrap_or_default();
        name.replace('-', "_") == module
    })
}

/// Checks what the drivers need beside them, once they are loaded.
pub(super) fn drivers(site: &Site, findings: &mut Findings) -> Result<()> {
    let loaded = driver::loaded(site.system)?;
    if !loaded.filesystem {
        // The finding that the cluster is offline implies it.
        return Ok(());
    }
    if loaded.configfs.is_none() {
        findings.add(Kind::CONFIGFS_UNMOUNTED, "configfs is not mounted");
    }
    if !loaded.dlmfs_mounted {
        findings.add(Kind::DLMFS_UNMOUNTED, "ocfs2_dlmfs is not mounted");
    }
    let left_to_helper = driver::call_out(site.system)? == CallOut::None;
    let helped = HELPERS.iter().any(|path| site.system.path(path).exists());
    let set = driver::call_out_path(site.system)?.unwrap_or_default();
    if left_to_helper && !helped {
        let what =
            format!("there is no umount.ocfs2, and hb_ctl_path \"{set}\" stops no heartbeat");
        findings.add(Kind::HB_CTL_PATH, what);
    } else if !set.is_empty() && !site.system.path(&set).exists() {
        let what = format!("the kernel's hb_ctl_path names {set}, which does not exist");
        findings.add(Kind::HB_CTL_MISSING, what);
    }
    Ok(())
}

/// Checks that a node that crashes resets, and stops blocking the others.
pub(super) fn panics(site: &Site, findings: &mut Findings) -> Result<()> {
    for (name, kind) in [
        ("panic", Kind::PANIC_HANGS),
        ("panic_on_oops", Kind::OOPS_SURVIVED),
    ] {
        let path = site.system.path("/proc/sys/kernel").join(name);
        match read_attribute(&path)?.as_deref() {
            Some("0") => findings.add(kind, format!("kernel.{name} is 0")),
            Some(_) => {}
            None => bail!("there is no kernel.{name}"),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_found_by_its_own_line() {
        let list = "kernel/fs/ocfs2/ocfs2.ko.xz: kernel/fs/jbd2/jbd2.ko\nextra/a-b.ko:\n";
        assert!(names(list, "ocfs2") && names(list, "a_b"));
        assert!(!names(list, "jbd2") && !names(list, "ocfs2_dlmfs") && !names("", "ocfs2"));
    }
}
