//! A join, between its begin and its purpose.

use super::controld::NoGroup;
use crate::heartbeat::NoHeartbeat;
use crate::ids::Service;
use crate::syscall::signal::Deferred;
use eyre::{Report, Result};
use std::io;

/// A join whose purpose is still open. Dropped, it is undone.
#[must_use = "a join that is not completed is undone"]
pub struct Join<'g> {
    pub(super) joined: Option<Box<dyn Joined + 'g>>,
    pub(super) service: Service,
    pub(super) _signals: Deferred,
}

/// What a join holds on to. Dropped, it is undone.
pub trait Joined {
    /// As [`Join::complete`].
    fn complete(self: Box<Self>, service: &Service, purpose: &io::Result<()>) -> Result<()>;
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
        match self.joined {
            Some(joined) => joined.complete(&self.service, purpose),
            None => Ok(()),
        }
    }
}
