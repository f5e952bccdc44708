//! What this project's tools may leave on a node, and must not.

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

    /// No region or semaphore set is left, and what processes there are end: the last of a command
    /// do so a moment after it.
    #[track_caller]
    pub fn assert_clean(&self) {
        assert_eq!(self.ok(&format!("{REGIONS}{SEMAPHORES}")), "");
        self.wait_until_clean();
    }

    /// Waits until no region, semaphore set, tool or heartbeat thread is left.
    #[track_caller]
    pub fn wait_until_clean(&self) {
        let leftovers = format!("{REGIONS}{SEMAPHORES}{PROCESSES}");
        self.wait_until(&leftovers, |left| left.stdout.is_empty());
    }

    /// Waits until no tool of this project runs.
    #[track_caller]
    pub fn wait_for_tools(&self) {
        self.wait_until(PROCESSES, |left| {
            let mut processes = left.stdout.lines();
            processes.all(|process| process.starts_with("o2hb-"))
        });
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
