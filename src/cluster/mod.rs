//! The cluster of this node as the kernel has it.

pub mod differences;
pub mod dlm;
pub mod dlmfs;
pub mod driver;
pub mod node_names;
pub mod register;
pub mod registered;
pub mod stack;
pub mod timeouts;
mod transaction;
