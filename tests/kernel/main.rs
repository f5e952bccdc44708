//! Tests on real kernels: clusters of user-mode Linux nodes.

#[path = "../rig/mod.rs"]
mod rig;

#[path = "../peer/mod.rs"]
mod peer;

mod configuration;
mod doctor;
mod exec;
mod failures;
mod global;
mod hb_ctl;
mod io_faults;
mod kills;
mod lifecycle;
mod nocluster;
mod offline;
mod old;
mod other_device;
mod rig_smoke;
mod strangers;
mod systemd;
mod user_stacks;
mod wedges;
