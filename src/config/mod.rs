//! The files that define the cluster: cluster.conf, /etc/default/o2cb and /etc/hosts. Nothing here
//! asks the kernel.

pub mod atomic_file;
pub mod cluster_conf;
pub mod hosts;
pub mod sysconfig;
