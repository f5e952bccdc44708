//! A process's own reference to a heartbeat, until it is handed over or given back.

use super::Heartbeat;
use super::reference::Reference;
use super::semaphores::Mark;
use crate::syscall::channel::Channel;
use eyre::Result;

/// A reference of this process to an active region. Dropped, it is given back.
#[must_use]
pub struct HeartbeatGuard<'h> {
    heartbeat: &'h Heartbeat<'h>,
    /// None once the guard has ended.
    reference: Option<Reference>,
    /// The starter's end of it lasts as long, to remove the region should this process be killed.
    starter: Option<Channel>,
    /// The mark of the reference when it becomes a mount's.
    mark: Mark,
    first_mount: bool,
}

/// Why nothing protects a volume that was just mounted: the mount must not stay.
#[derive(Debug)]
pub struct Unprotected(pub &'static str);

sentence!(Unprotected(it) => "{}", it.0);

/// The result of a join's completion; an error of the outer kind leaves the volume protected.
pub type Completion = Result<Result<(), Unprotected>>;

const NO_HEARTBEAT: Unprotected =
    Unprotected("its heartbeat was stopped meanwhile by somebody else");

impl<'h> HeartbeatGuard<'h> {
    /// Guards a reference that no mark is meant for.
    pub(super) fn of(
        heartbeat: &'h Heartbeat<'h>,
        reference: Reference,
        starter: Option<Channel>,
    ) -> Self {
        Self {
            heartbeat,
            reference: Some(reference),
            starter,
            mark: Mark::None,
            first_mount: false,
        }
    }

    /// Sets what decides when the reference becomes a mount's, and notes that mount(2) follows, if
    /// it does.
    pub(super) fn expect_mount(&mut self, mark: Mark, first_mount: bool) -> Result<()> {
        (self.mark, self.first_mount) = (mark, first_mount);
        match &self.reference {
            Some(reference) if mark == Mark::Superblock => reference.mark_mounting(),
            _ => Ok(()),
        }
    }

    /// Hands the reference to the superblock of the volume, which is mounted; [`Unprotected`] where
    /// the region's heartbeat has stopped since the join.
    ///
    /// # Errors
    /// The pin alone keeps the region.
    pub fn give_to_superblock(mut self) -> Completion {
        let Some(reference) = self.reference.take() else {
            return Ok(Ok(()));
        };
        // Under the lock, or a process that just removes the mark of an earlier, dead superblock
        // would remove this one's. Without the lock rather than not at all.
        let locked = self.heartbeat.lock(&mut |_, _| Ok(()));
        // A region that cannot be read is there: mount(2) has pinned it.
        let beats = self.heartbeat.beats();
        if locked.is_ok() && beats.is_ok_and(|beats| !beats) {
            reference.put()?;
            return Ok(Err(NO_HEARTBEAT));
        }
        // The mounts that were there before may have gone since.
        let alone = locked
            .as_ref()
            .is_ok_and(|locked| locked.tally().is_ok_and(|tally| tally.count <= 1));
        let mark = self.mark == Mark::Superblock;
        reference.give_to_superblock(mark, self.first_mount || alone)?;
        Ok(Ok(()))
    }

    /// Makes the reference outlive this process: that of a program, or of a mount by another tool
    /// (ocfs2_hb_ctl -S).
    pub fn make_lasting(mut self) -> Result<()> {
        let reference = self.reference.take();
        reference.map_or(Ok(()), |reference| reference.make_lasting(self.mark))
    }

    /// Keeps the reference as this process's, and the starter while its heartbeat is used.
    pub fn keep(mut self) {
        self.reference = None;
        self.heartbeat.starter.set(self.starter.take());
    }

    /// Rolls back what `hold` did.
    pub fn release(mut self) -> Result<()> {
        self.undo()
    }

    fn undo(&mut self) -> Result<()> {
        let Some(reference) = self.reference.take() else {
            return Ok(());
        };
        // By this process: the kernel keeps SEM_UNDO adjustments per process.
        reference.put()?;
        if self.heartbeat.references.tally()?.count == 0 {
            self.heartbeat.tidy()?;
        } else if let Some(locked) = self.heartbeat.references.try_lock()? {
            self.heartbeat.forget_mounting(&locked)?;
        }
        Ok(())
    }
}

impl Drop for HeartbeatGuard<'_> {
    fn drop(&mut self) {
        // A caller that can report an error uses `release`; a reference that could not be given
        // back ends with the process.
        let _ = self.undo();
    }
}
