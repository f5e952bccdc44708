//! Locking the whole cluster out of a volume, as the C tools do before they change one.

use super::domain::Domain;
use super::{Dlm, Lock, LockName};
use crate::host::lock_file::{self, LockMode};
use crate::ondisk::Slot;
use eyre::{Result, WrapErr};
use std::fs::File;
use std::time::Duration;

/// Nobody has the volume mounted, and no other node can mount it.
#[must_use]
pub struct LockedDown<'d> {
    /// Of a volume that nodes share: the lock that each mount needs first.
    superblock: Option<Lock<'d>>,
    /// Keeps away those of this node that lock it down as well. Let go last, so that none of
    /// them waits for a lock that is dropped.
    _claim: File,
}

impl Drop for LockedDown<'_> {
    fn drop(&mut self) {
        if let Some(superblock) = self.superblock.take() {
            // The end of the domain drops it otherwise.
            let _ = superblock.unlink();
        }
    }
}

/// Why the cluster could not be locked out. Not an error of anything: it may be otherwise a
/// moment later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InUse {
    /// Nodes have it mounted: their numbers, as far as the slot map has them.
    Mounted(Vec<u32>),
    /// Another process of this node has locked the cluster out, or changes the volume. One
    /// that belongs to a single node may also be mounted there.
    Here,
    /// Nobody has it mounted, and another node holds the superblock's lock: a program that
    /// has locked the cluster out, a mount or an unmount.
    RegionLock,
}

impl Dlm<'_> {
    /// Locks every other node out of the volume, and every other process of this node that
    /// does the same. Whoever mounts it meanwhile waits until the result is dropped.
    ///
    /// Programs that are started on this node afterwards and know nothing of this are not kept
    /// out, such as an fsck.ocfs2: they can be run under it.
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
            // A mounted node keeps it. To ask for the journals without it would make a node
            // that mounts just now take a dead one for living.
            let slots = self.slots()?;
            let nodes: Vec<u32> = slots.iter().filter_map(|slot| slot.node).collect();
            return Ok(Err(match nodes.is_empty() {
                true => InUse::RegionLock,
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

    /// Asks for the lock of each journal, and adds it to `asked`. The nodes of those that another
    /// node holds; `None` if none does.
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

    /// As they are on disk at this moment: other nodes change them.
    fn slots(&self) -> Result<Vec<Slot>> {
        let slots = self.volume.slots(self.system);
        slots.wrap_err("reading the volume's node slots")
    }

    /// A volume without a cluster: only this node can mount it. A claim would keep fsck.ocfs2
    /// away as well, so that it is only looked for.
    fn lock_device(&self) -> Result<Result<LockedDown<'_>, InUse>> {
        let device = &self.volume.canonical;
        if (self.system.kernel().is_claimed(device)).wrap_err("asking who uses the device")? {
            return Ok(Err(InUse::Here));
        }
        Ok(match self.claim()? {
            Some(claim) => Ok(LockedDown {
                superblock: None,
                _claim: claim,
            }),
            None => Err(InUse::Here),
        })
    }

    /// The volume for this process alone among those of this node that ask so; `None` if another
    /// has it.
    fn claim(&self) -> Result<Option<File>> {
        let name = format!("alone-{}", self.volume.superblock.uuid);
        lock_file::take(self.system, &name, LockMode::Exclusive, Duration::ZERO)
            .wrap_err("locking the volume on this node")
    }
}
