//! The applets on a directory that plays the machine, with a kernel that notes every call.

mod controld;
mod diff;
mod doctor;
mod exec;
mod global;
mod half_started;
mod hostile;
mod info;
mod init;
mod kernel_dlm;
mod mount;
mod nocluster;
mod offline;
mod old;
mod online;
mod others;
mod register;
mod repair;
mod search;
mod shared;
mod states;
mod status;
mod survey;
mod umount;
mod words;
mod world;

#[path = "../peer/mod.rs"]
mod peer;
