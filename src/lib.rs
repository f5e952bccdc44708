//! The user-space half of OCFS2's cluster support.
//!
//! `argv[0]` picks an applet; applets read a volume from its [`disk`], and join and leave its
//! cluster through [`group`], which is the only way to a heartbeat; [`dlm`] shares locks with it.
//! [`doctor`] changes nothing.
// Data of disks, sockets and files never ends in a panic.
#![warn(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]
#![deny(unsafe_code)]
#![warn(missing_docs)]

#[macro_use]
mod error;
#[macro_use]
pub mod message;

pub mod applet;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod crc;
pub mod disk;
pub mod dlm;
pub mod doctor;
pub mod group;
pub mod heartbeat;
pub mod host;
pub mod ids;
pub mod inspect;
pub mod json;
pub mod ondisk;
pub mod options;
pub mod report;
pub mod syscall;
pub mod wait;
