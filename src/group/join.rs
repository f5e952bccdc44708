//! A join, between its beginning and its purpose.

use super::controld::NoGroup;
use crate::heartbeat::NoHeartbeat;
use crate::ids::Service;
use crate::syscall::signal::Deferred;
use eyre::{Report, Result};
use std::io;

/// A join whose purpose is still open. Dropped, it is rolled back.
#[must_use = "a join that is not completed is undone"]
pub struct Join<'g> {
    pub(super) joined: Option<Box<dyn Joined + 'g>>,
    pub(super) service: Service,
    pub(super) _signals: Deferred,
}

/// The resources of a join. Dropped, they are rolled back.
pub trait Joined {
    /// Completes the join, as [`Join::complete`] does.
    fn complete(self: Box<Self>, service: &Service, purpose: &io::Result<()>) -> Result<()>;
}

/// Returns whether the error of a join's completion means that nothing protects the volume from
/// damage.
pub fn must_unmount(error: &Report) -> bool {
    error.is::<NoHeartbeat>() || error.is::<NoGroup>()
}

impl Join<'_> {
    /// Completes the join by the result of its purpose: success keeps it, failure rolls it back.
    ///
    /// # Errors
    /// The join could not be kept or rolled back; the purpose's own error stays with the caller.
    /// Where [`must_unmount`] is true, the caller must unmount.
    pub fn complete(self, purpose: &io::Result<()>) -> Result<()> {
        match self.joined {
            Some(joined) => joined.complete(&self.service, purpose),
            None => Ok(()),
        }
    }
}
