//! A volume that no other node mounts: there is nothing to join.

use super::cluster_stack::Group;
use super::join::Joined;
use crate::heartbeat::Watch;
use crate::ids::Service;
use eyre::Result;

/// The one user of a local volume.
pub struct Local;

impl Group for Local {
    fn join(&self, _: &Service, _: &mut Watch) -> Result<Option<Box<dyn Joined + '_>>> {
        Ok(None)
    }

    fn why_idle(&self) -> Option<&'static str> {
        Some("a volume for one node alone has no heartbeat")
    }
}
