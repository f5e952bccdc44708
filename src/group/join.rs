//! A join, between its begin and its purpose.

use super::controld::Registration;
use crate::heartbeat::Hold;
use crate::ids::Service;
use crate::sys::signal::Deferred;
use eyre::Result;
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
    Heartbeat(Hold<'g>),
    Service(Registration<'g>),
}

impl Join<'_> {
    /// The result of what the join was for: success keeps it, failure undoes everything.
    ///
    /// # Errors
    /// The keeping or undoing failed; the purpose's own error stays with the caller.
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
