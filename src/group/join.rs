//! A join, between its begin and its purpose.

use super::controld::{NoGroup, Registration};
use crate::heartbeat::{HeartbeatGuard, NoHeartbeat};
use crate::ids::Service;
use crate::syscall::signal::Deferred;
use eyre::{Report, Result};
use std::io;

/// A join whose purpose is still open. Dropped, it is undone.
#[must_use = "a join that is not completed is undone"]
pub struct Join<'g> {
    pub(super) hold: Held<'g>,
    pub(super) service: Service,
    pub(super) _signals: Deferred,
}

/// What a join holds on to.
pub(super) enum Held<'g> {
    Nothing,
    Heartbeat(HeartbeatGuard<'g>),
    Service(Registration<'g>),
}

/// The error of a join's completion says that nothing keeps the volume from being damaged.
pub fn must_unmount(error: &Report) -> bool {
    error.is::<NoHeartbeat>() || error.is::<NoGroup>()
}

impl Join<'_> {
    /// The result of what the join was for: success keeps it, failure undoes everything.
    ///
    /// # Errors
    /// The keeping or undoing failed; the purpose's own error stays with the caller. Where
    /// [`must_unmount`] says so, a mount must not stand.
    pub fn complete(self, purpose: &io::Result<()>) -> Result<()> {
        let hold = match self.hold {
            Held::Nothing => return Ok(()),
            Held::Heartbeat(hold) => hold,
            Held::Service(registration) => return registration.finish(purpose),
        };
        match (purpose, &self.service) {
            (Err(_), _) => hold.release(),
            (Ok(()), Service::Mount(_)) => hold.give_to_superblock(),
            (Ok(()), Service::Standing(_) | Service::OldMount) => hold.make_lasting(),
            (Ok(()), Service::Program(_)) => {
                hold.keep();
                Ok(())
            }
        }
    }
}
