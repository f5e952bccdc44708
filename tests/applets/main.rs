//! The applets on a folder that plays the machine, with a kernel that notes every call.

mod hostile;
mod mount;
mod offline;
mod old;
mod online;
mod others;
mod shared;
mod umount;
mod words;
mod world;
