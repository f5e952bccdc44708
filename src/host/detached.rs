//! A call that ends although its caller is killed, by a signal or with its unit.

use super::System;
use crate::message::Message;
use crate::syscall::fork;
use eyre::Result;

/// Runs `work` in a child, and waits for its result. A signal to this process, its process group or
/// its control group does not reach the child, which goes on if this process is killed.
///
/// For what leaves a lock domain: the DLM hands the domain's locks to other nodes, and does not
/// sleep in the waits for that while a signal is pending (`dlm_migrate_lockres` in
/// fs/ocfs2/dlm/dlmmaster.c). On one processor without preemption the node then freezes.
pub fn call<T: Message>(system: &System, work: impl FnOnce() -> Result<T>) -> Result<T> {
    if fork::is_child() {
        return work();
    }
    fork::call_in_child_unbounded(|| {
        leave_control_group(system);
        work()
    })
}

/// Moves a process that has to outlive a unit of systemd's out of the caller's group. The root
/// group belongs to no unit: version 2's, or that of systemd's own hierarchy of version 1.
///
/// Best effort: where the kernel refuses, or there are no groups, the process stays where it is.
pub fn leave_control_group(system: &System) {
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
