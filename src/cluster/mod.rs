//! The cluster of this node: as it is configured and as the kernel has it.

mod changes;
pub mod config;
pub mod differences;
pub mod dlm;
pub mod dlmfs;
pub mod driver;
pub mod file;
pub mod hosts;
pub mod live;
pub mod register;
pub mod roster;
pub mod stack;
pub mod sysconfig;
pub mod timeouts;
