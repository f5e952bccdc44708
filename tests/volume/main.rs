//! The volume module against images made by the real mkfs.ocfs2.

mod beats;
mod common;
mod device;
mod forged;
mod matrix;
mod mutation;
