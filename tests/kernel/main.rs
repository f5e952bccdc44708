//! Tests on real kernels: clusters of user-mode Linux nodes.

#[path = "../rig/mod.rs"]
mod rig;

mod failures;
mod kills;
mod lifecycle;
mod outlive;
mod rig_smoke;
mod systemd;
