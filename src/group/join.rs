//! A join, between its beginning and its purpose.

use crate::heartbeat::Completion;
use crate::ids::Service;
use std::io;

/// A join whose purpose is still open. Dropped, it is rolled back.
#[must_use = "a join that is not completed is undone"]
pub struct Join<'g> {
    pub(super) joined: Option<Box<dyn Joined + 'g>>,
    pub(super) service: Service,
}

/// The resources of a join. Dropped, they are rolled back.
pub trait Joined {
    /// Completes the join, as [`Join::complete`] does.
    fn complete(self: Box<Self>, service: &Service, purpose: &io::Result<()>) -> Completion;
}

impl Join<'_> {
    /// Completes the join by the result of its purpose: success keeps it, failure rolls it back.
    /// Where nothing protects the volume from damage, the caller must unmount.
    ///
    /// # Errors
    /// The join could not be kept or rolled back; the purpose's own error stays with the caller.
    pub fn complete(self, purpose: &io::Result<()>) -> Completion {
        match self.joined {
            Some(joined) => joined.complete(&self.service, purpose),
            None => Ok(Ok(())),
        }
    }
}
