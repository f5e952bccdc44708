//! The cluster of this node: as it is configured and as the kernel has it.

pub mod config;
pub mod differences;
pub mod dlm;
pub mod dlmfs;
pub mod driver;
pub mod file;
pub mod hosts;
pub mod node_names;
pub mod register;
pub mod registered;
pub mod stack;
pub mod sysconfig;
pub mod timeouts;
mod transaction;
