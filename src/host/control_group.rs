//! The control group of this process, which systemd ends as a whole.

use super::System;

/// Moves a process that has to outlive a unit of systemd's out of the caller's group. The root
/// group belongs to no unit: version 2's, or that of systemd's own hierarchy of version 1.
///
/// Best effort: where the kernel refuses, or there are no groups, the process stays where it is.
pub fn leave(system: &System) {
    let own = std::process::id().to_string();
    for group in [
        "/sys/fs/cgroup",
        "/sys/fs/cgroup/unified",
        "/sys/fs/cgroup/systemd",
    ] {
        let members = system.path(group).join("cgroup.procs");
        let _ = system.kernel().write_attribute(&members, &own);
    }
}
