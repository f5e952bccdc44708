//! A process's own hold on a heartbeat, until it is given away or back.

use super::reference::Reference;
use super::semaphores::Mark;
use super::starter::StarterProcess;
use super::{Heartbeat, State};
use eyre::{Result, bail};

/// A reference of this process to a beating region. Dropped, it is given back.
#[must_use]
pub struct HeartbeatGuard<'h> {
    pub(super) heartbeat: &'h Heartbeat<'h>,
    /// Taken out by what ends the hold.
    pub(super) reference: Option<Reference>,
    /// Stays for as long, to take the region away should this process be killed.
    pub(super) starter: Option<StarterProcess>,
    /// What marks it when it becomes a mount's.
    pub(super) mark: Mark,
    pub(super) first_mount: bool,
}

/// The region stopped beating between join and mount: the mount must not stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoHeartbeat;

sentence!(NoHeartbeat => "its heartbeat was stopped meanwhile by somebody else");

impl HeartbeatGuard<'_> {
    /// The volume is mounted: the reference becomes its superblock's.
    ///
    /// # Errors
    /// [`NoHeartbeat`]; anything else means that the pin alone keeps the region.
    pub fn give_to_superblock(mut self) -> Result<()> {
        let Some(reference) = self.reference.take() else {
            return Ok(());
        };
        // Under the lock, or somebody who just takes the mark of an earlier, dead superblock
        // away would take this one's. Without it rather than not at all.
        let locked = self.heartbeat.lock(&mut |_, _| Ok(()));
        // What cannot be looked at is there: mount(2) has pinned it.
        let state = self.heartbeat.region.state();
        if locked.is_ok() && state.is_ok_and(|state| !matches!(state, State::Beating(_))) {
            reference.put()?;
            bail!(NoHeartbeat);
        }
        // The mounts that were there before may have gone since.
        let alone = locked
            .as_ref()
            .is_ok_and(|locked| locked.count().is_ok_and(|count| count <= 1));
        reference.give_to_superblock(self.mark == Mark::Superblock, self.first_mount || alone)
    }

    /// The reference of a program, or of a mount by another tool, outlives this process
    /// (ocfs2_hb_ctl -S).
    pub fn make_lasting(mut self) -> Result<()> {
        match self.reference.take() {
            Some(reference) => reference.make_lasting(self.mark),
            None => Ok(()),
        }
    }

    /// The reference stays this process's, and the starter as long as its heartbeat is used.
    pub fn keep(mut self) {
        self.reference = None;
        self.heartbeat.starter.set(self.starter.take());
    }

    /// It was for nothing: what `hold` did is undone.
    pub fn release(mut self) -> Result<()> {
        self.undo()
    }

    fn undo(&mut self) -> Result<()> {
        let Some(reference) = self.reference.take() else {
            return Ok(());
        };
        // By this process: the kernel keeps what it owes to each.
        reference.put()?;
        if self.heartbeat.references.count()? == 0 {
            self.heartbeat.in_child(&Heartbeat::tidy)?;
        }
        Ok(())
    }
}

impl Drop for HeartbeatGuard<'_> {
    fn drop(&mut self) {
        // `release` is there for those who can tell somebody; a reference that could not be
        // given back ends with the process.
        let _ = self.undo();
    }
}
