//! A call that ends although its caller is killed.

use super::{System, control_group};
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
        control_group::leave(system);
        work()
    })
}
