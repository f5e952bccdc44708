//! Block devices: reads a volume in a child process that may hang with its device, and finds the
//! devices of volumes.

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
