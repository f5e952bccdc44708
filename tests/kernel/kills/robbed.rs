//! A heartbeat that the administrator stops by force between the join and mount(2).

use super::{online, start};
use crate::rig::all_succeed;

/// The kernel is content with any region that beats, so that mount(2) succeeds because of the
/// other volume's; but this one must not stay mounted.
#[test]
fn mount_without_its_heartbeat_is_unmounted() {
    let (lab, node, disks) = online("robbed", 2);
    let [robbed, other] = &disks[..] else {
        unreachable!("two disks")
    };
    let mounted = start(&node, other, "mount.ocfs2 $device $directory");
    all_succeed(vec![("other", mounted)]);
    let script = r#"
        strace -D -o $directory.trace -e trace=mount -e inject=mount:delay_enter=1000s \
            mount.ocfs2 $device $directory 2> $directory.said & pid=$!
        until grep -q '^mount(' $directory.trace 2> /dev/null; do sleep 0.1; done
        rmdir $region || exit 90
        pkill -KILL -x strace
        wait $pid
        code=$?
        mounted $directory && exit 91
        echo "$code $(< $directory.said)"
    "#;
    let said = all_succeed(vec![("robbed", start(&node, robbed, script))]);
    println!("{said:?}");
    assert!(
        said[0].starts_with("32 mount.ocfs2: /dev/ubda: mounting it on /mnt/ubda: its heartbeat was stopped meanwhile"),
        "{said:?}"
    );
    let again = [robbed, other].map(|disk| (disk, start(&node, disk, "use $device $directory")));
    all_succeed(again.into());
    node.wait_until_clean();
    lab.end();
}
