//! The test rig: real OCFS2 clusters in user-mode Linux.
//!
//! A [`Lab`] is a private directory with shared disks, a network and up to four
//! nodes. Each node is a Linux kernel that runs as an ordinary process; it sees
//! the host's files, but all that it changes stays in its own memory. Labs need
//! no privilege, know nothing of each other and leave nothing behind.
//!
//! ```no_run
//! let lab = Lab::new("two-nodes");
//! let volume = lab.disk("volume").format();
//! let [n1, n2] = lab.boot();
//! for node in [&n1, &n2] {
//!     node.ok("o2cb online webc");
//! }
//! n1.ok(&format!("mount -t ocfs2 {} /mnt", volume.device()));
//! assert_eq!(n1.regions(), [volume.uuid()]);
//! lab.end();
//! ```

// Every test program uses another part of the rig.
#![allow(dead_code, unused_imports)]

mod boot;
mod choice;
mod console;
pub mod corosync;
mod disk;
mod job;
mod lab;
mod leftovers;
mod machine;
mod node;
mod switch;
mod tree;

pub use boot::Boot;
pub use choice::is_chosen;
pub use disk::{Disk, DiskBuilder};
pub use job::{Job, Output, all_succeed};
pub use lab::Lab;
pub use node::Node;

/// The cluster that all nodes are configured for.
pub const CLUSTER: &str = "webc";

/// The most nodes that a lab can have.
pub const MAX_NODES: usize = 4;

/// Does the same to each, all at the same time.
pub fn at_once<T: Sync>(all: &[T], work: impl Fn(&T) + Sync) {
    std::thread::scope(|scope| {
        for each in all {
            scope.spawn(|| work(each));
        }
    });
}

/// Every one of `lines` is part of `text`.
#[track_caller]
pub fn has(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.contains(line), "{line}: {text}");
    }
}
