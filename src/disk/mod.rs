//! Block devices: reads a volume in a child process that may hang with its device, and finds the
//! devices of volumes.
#![warn(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]
#![cfg_attr(
    test,
    allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used)
)]

mod child_device;
mod device;
pub mod find;
pub mod observer;
mod scan_pool;
pub mod slot_watch;
mod volume_info;

pub use child_device::{ChildDevice, NotPermitted};
pub use device::Device;
pub use volume_info::VolumeInfo;
