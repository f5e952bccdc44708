//! Tools that are killed, interrupted or left waiting at the worst moments: no kernel panics,
//! nothing is left over, and the next call works.

mod hang;
mod mount;
mod rivals;
mod robbed;
mod signals;
mod starter;
mod steps;
mod umount;

use crate::rig::{CLUSTER, Disk, Job, Lab, Node};

/// What the scripts of tests that kill share; bash alone, since a process costs a node 20 ms.
pub const SHELL: &str = r#"
# Does the mount table have the directory? read(1) would seek in it, and miss a line where other
# mounts end meanwhile.
mounted() {
	[[ $(< /proc/mounts) == *" $1 "* ]]
}

# Mounts the device on the directory, uses it and unmounts it.
use() {
	mounted "$2" || mount -t ocfs2 "$1" "$2" || exit
	touch "$2/file" && umount "$2" || exit
}

# Sets child to the youngest living child of the process: the starter, which comes after those that
# access the device and configfs.
child_of() {
	local stat pid state parent
	child=0
	for stat in /proc/[0-9]*/stat; do
		{ read -r pid _ state parent _ < "$stat"; } 2> /dev/null || continue
		[ "$parent" != "$1" ] || [ "$state" = Z ] || ((pid < child)) || child=$pid
	done
	((child > 0))
}

# Microseconds.
now() {
	echo "${EPOCHREALTIME/[.,]/}"
}
"#;

/// A node of a cluster that is online, and volumes that nothing uses.
fn online(name: &str, volumes: usize) -> (Lab, Node, Vec<Disk>) {
    let lab = Lab::new(name);
    let disks = lab.volumes(volumes);
    let [node] = lab.boot();
    node.ok(&format!("o2cb online {CLUSTER}"));
    (lab, node, disks)
}

/// Starts a script about the disk.
#[track_caller]
fn start(node: &Node, disk: &Disk, script: &str) -> Job {
    node.start_on(disk, &format!("{SHELL}{script}"))
}

/// Kills a process that another of its own works for in the kernel: it ends at once.
pub fn ends_by_kill(pid: &str) -> String {
    format!(
        "kill -KILL {pid}
         while read -r _ _ state _ < /proc/{pid}/stat && [ $state != Z ]; do
            [ $state != D ] || exit 1
            sleep 0.1
         done 2> /dev/null"
    )
}
