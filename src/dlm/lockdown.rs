//! Locks the whole cluster out of a volume, as the C tools do before they change one.

use super::domain::Domain;
use super::{Dlm, Lock, LockName};
use crate::host::lock_file::{self, LockMode};
use crate::ondisk::Slot;
use eyre::{Result, WrapErr};
use std::fs::File;
use std::time::Duration;

/// The state in which no node has the volume mounted, and no other node can mount it.
#[must_use]
pub struct LockedDown<'d> {
    /// The lock that each mount needs first, of a volume that nodes share.
    superblock: Option<Lock<'d>>,
    /// Excludes processes of this node that lock it down as well. It is released last, so that none
    /// of them waits for a lock that is dropped.
    _claim: File,
}

impl Drop for LockedDown<'_> {
    fn drop(&mut self) {
        if let Some(superblock) = self.superblock.take() {
            // Otherwise the end of the domain drops it.
            let _ = superblock.unlink();
        }
    }
}

/// The reason why the cluster could not be locked out. It is no error: a moment later the result
/// may differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InUse {
    /// Nodes have it mounted: their numbers, as far as the slot map has them.
    Mounted(Vec<u32>),
    /// Another process of this node has locked the cluster out, or changes the volume. One
    /// that belongs to a single node may also be mounted there.
    Here,
    /// No node has it mounted, and another node holds the superblock's lock: a program that has
    /// locked the cluster out, a mount or an unmount.
    Locked,
}

impl Dlm<'_> {
    /// Locks every other node out of the volume, and every other process of this node that does the
    /// same. A mount meanwhile waits until the result is dropped.
    ///
    /// It does not exclude programs that start on this node afterwards and do not take part, such
    /// as an fsck.ocfs2: they can run under it.
    pub fn lock_down(&self) -> Result<Result<LockedDown<'_>, InUse>> {
        let Some(domain) = &self.domain else {
            return self.lock_device();
        };
        let Some(claim) = self.claim()? else {
            return Ok(Err(InUse::Here));
        };
        // Two programs of one node could both have it: one that is there has it, unless it was
        // killed.
        let name = LockName::superblock();
        if !domain.drop_claimed(std::slice::from_ref(&name))? {
            return Ok(Err(InUse::Here));
        }
        let Some(superblock) = domain.try_claimed(&name)? else {
            domain.drop_claimed(&[name])?;
            // A mounted node keeps it. To ask for the journals without it would make a node that
            // mounts at that moment take a dead one for a live one.
            let slots = self.slots()?;
            let nodes: Vec<u32> = slots.iter().filter_map(|slot| slot.node).collect();
            return Ok(Err(match nodes.is_empty() {
                true => InUse::Locked,
                false => InUse::Mounted(nodes),
            }));
        };
        let locked = LockedDown {
            superblock: Some(superblock),
            _claim: claim,
        };
        let mut journals = Vec::new();
        let mounted = self.mounted_slots(domain, &mut journals);
        domain.drop_claimed(&journals)?;
        Ok(match mounted? {
            Some(nodes) => Err(InUse::Mounted(nodes)),
            None => Ok(locked),
        })
    }

    /// Asks for the lock of each journal, and adds it to `asked`. It returns the nodes of the
    /// journals that another node has locked; `None` if there is none.
    fn mounted_slots(
        &self,
        domain: &Domain,
        asked: &mut Vec<LockName>,
    ) -> Result<Option<Vec<u32>>> {
        let mut mounted = None;
        for slot in self.slots()? {
            let journal = LockName::inode(slot.journal, slot.generation);
            let lock = domain.try_claimed(&journal);
            asked.push(journal);
            if lock?.is_none() {
                mounted.get_or_insert_with(Vec::new).extend(slot.node);
            }
        }
        Ok(mounted)
    }

    /// Reads the slots from disk at this moment: other nodes change them.
    fn slots(&self) -> Result<Vec<Slot>> {
        let slots = self.volume.slots(self.system);
        slots.wrap_err("reading the volume's node slots")
    }

    /// Locks a volume without a cluster, which only this node can mount. An exclusive open would
    /// keep fsck.ocfs2 away as well, so that other users are only looked for.
    fn lock_device(&self) -> Result<Result<LockedDown<'_>, InUse>> {
        let claimed = self.system.kernel().is_claimed(&self.volume.canonical);
        let claim = match claimed.wrap_err("asking who uses the device")? {
            true => None,
            false => self.claim()?,
        };
        let locked = |claim| LockedDown {
            superblock: None,
            _claim: claim,
        };
        Ok(claim.map(locked).ok_or(InUse::Here))
    }

    /// Claims the volume among the processes of this node that do so; `None` if another one has it.
    fn claim(&self) -> Result<Option<File>> {
        let name = format!("alone-{}", self.volume.superblock.uuid);
        lock_file::take(self.system, &name, LockMode::Exclusive, Duration::ZERO)
            .wrap_err("locking the volume on this node")
    }
}
