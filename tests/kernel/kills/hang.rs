//! Devices that do not answer.

use super::{online, start};
use crate::rig::all_succeed;

/// Puts a device between the disk and the volume's users that can be made to hang.
pub const BETWEEN: &str = r#"
    export DM_DISABLE_UDEV=1
    read -r sectors < /sys/block/$name/size
    dmsetup create $name --table "0 $sectors linear $device 0" || exit
    device=/dev/mapper/$name
    hang() { dmsetup suspend --noflush --nolockfs $name || exit; }
"#;

#[test]
fn a_device_that_hangs_costs_a_bounded_time() {
    let (lab, node, disks) = online("hang", 3);
    node.ok("modprobe dm-mod");
    let scripts = [
        // From the start.
        "hang; mount.ocfs2 $device $directory",
        // Once the heartbeat is being started.
        r#"
        mount.ocfs2 $device $directory & pid=$!
        until { read -r _ < $region/pid; } 2> /dev/null; do sleep 0.01; done
        hang
        wait $pid
        "#,
        // And Ctrl-C ends it.
        r#"
        env --default-signal=INT mount.ocfs2 $device $directory & pid=$!
        until { read -r _ < $region/pid; } 2> /dev/null; do sleep 0.01; done
        hang
        sleep 10
        sent=$(now)
        kill -s INT $pid
        wait $pid
        code=$?
        # The start would be waited for for 50 s more.
        (($(now) - sent < 40000000)) || exit 1
        exit $code
        "#,
    ];
    let jobs: Vec<_> = scripts
        .iter()
        .zip(&disks)
        .map(|(script, disk)| start(&node, disk, &format!("{BETWEEN}{script}")))
        .collect();
    let ends = jobs.into_iter().map(|job| job.wait());
    let expected = [
        (32, "the device does not answer\n"),
        (
            32,
            "has not started within 60 s (the device does not answer)\n",
        ),
        (8, "interrupted\n"),
    ];
    for (output, (code, said)) in ends.zip(expected) {
        assert!(
            output.code == code && output.stderr.ends_with(said),
            "{output}"
        );
    }

    // When it answers again, nothing is left of the starts that no process waits for.
    for name in ["ubda", "ubdb", "ubdc"] {
        node.ok(&format!("DM_DISABLE_UDEV=1 dmsetup resume {name}"));
    }
    node.wait_until_clean();
    let again = |disk| start(&node, disk, "use /dev/mapper/${device##*/} $directory");
    all_succeed(disks.iter().map(|disk| (disk, again(disk))).collect());
    node.assert_clean();
    lab.end();
}
