//! What this project's tools may leave on a node, and must not.

use std::thread;
use std::time::{Duration, Instant};

use super::Node;

// The scripts are bash alone: starting a process takes a node 20 ms.

const REGIONS: &str = r#"
shopt -s nullglob
for region in /sys/kernel/config/cluster/*/heartbeat/*/; do
	region=${region%/}
	echo "${region##*/}"
done
"#;

/// Sets of two semaphores or more, which are regions' reference counts. C's
/// o2hbmonitor holds a set of one as long as it runs.
const SEMAPHORES: &str = r#"
while read -r key id mode count rest; do
	case $count in
	nsems | 1) ;;
	*) echo "$key $id $mode $count $rest" ;;
	esac
done < /proc/sysvipc/sem
"#;

const PROCESSES: &str = r#"
for process in /proc/[0-9]*; do
	{ read -r name < "$process/comm"; } 2> /dev/null || continue
	case $name in
	mount.ocfs2 | umount.ocfs2 | ocfs2_hb_ctl | ocfs2box | o2hb-*)
		echo "$name (process ${process##*/})"
		;;
	esac
done
"#;

impl Node {
    /// The names of all heartbeat regions.
    #[track_caller]
    pub fn regions(&self) -> Vec<String> {
        self.ok(REGIONS).lines().map(str::to_string).collect()
    }

    /// The regions' semaphore sets, a line for each: key, id, mode, number of
    /// semaphores, and what follows in /proc/sysvipc/sem.
    #[track_caller]
    pub fn semaphores(&self) -> Vec<String> {
        self.ok(SEMAPHORES).lines().map(str::to_string).collect()
    }

    /// The references to a region as the C tool counts them. That tool makes
    /// the region's semaphore set where there is none.
    #[track_caller]
    pub fn references(&self, uuid: &str) -> u32 {
        let text = self.ok(&format!("/ctools/ocfs2_hb_ctl -I -u {uuid}"));
        let count = text.strip_prefix(&format!("{uuid}: "));
        count
            .and_then(|count| count.trim_end().strip_suffix(" refs")?.parse().ok())
            .unwrap_or_else(|| self.give_up(&format!("no reference count: {text:?}")))
    }

    /// Everything that is left over, a line for each.
    #[track_caller]
    pub fn leftovers(&self) -> String {
        self.ok(&format!("{REGIONS}{SEMAPHORES}{PROCESSES}"))
    }

    /// No region, semaphore set, tool or heartbeat thread is left.
    #[track_caller]
    pub fn assert_clean(&self) {
        self.assert_clean_within(0);
    }

    /// The same, after at most this many seconds.
    #[track_caller]
    pub fn assert_clean_within(&self, seconds: u64) {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        loop {
            let left = self.leftovers();
            if left.is_empty() {
                return;
            }
            if Instant::now() >= deadline {
                self.give_up(&format!("left over after {seconds} s:\n{left}"));
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Puts the C tools in the place of ours (umount.ocfs2 has none in C).
    #[track_caller]
    pub fn use_c_tools(&self) {
        self.ok(
            "cp -P /ctools/mount.ocfs2 /ctools/ocfs2_hb_ctl /ctools/o2cb /usr/sbin/ \
             && rm /usr/sbin/umount.ocfs2",
        );
    }
}
