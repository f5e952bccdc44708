//! The volume module against images made by the real mkfs.ocfs2.

mod common;
mod device;
mod forged;
mod heartbeat_slots;
mod matrix;
mod mutation;
