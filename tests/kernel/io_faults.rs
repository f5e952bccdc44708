//! Disks that fail or are slow while a volume is mounted and unmounted: an end in bounded time,
//! an error that says what failed, and nothing left over.

use crate::rig::{CLUSTER, Disk, Job, Lab, Node};

/// A device between the disk and the volume's users, whose table can be changed under them.
const BETWEEN: &str = r#"
export DM_DISABLE_UDEV=1
read -r sectors < /sys/block/$name/size
disk=/dev/$name
device=/dev/mapper/$name
sound="0 $sectors linear $disk 0"
failing="0 $sectors error"
dmsetup create $name --table "$sound" || exit 90

# Puts another table there. What is under way is not waited for.
become() {
	dmsetup suspend --noflush --nolockfs $name &&
		dmsetup load $name --table "$1" &&
		dmsetup resume $name || exit 91
}

# Waits until the heartbeat is being started.
starting() {
	until { read -r _ < $region/pid; } 2> /dev/null; do sleep 0.01; done
}

mounted() {
	grep -q " $directory " /proc/mounts
}
"#;

/// What happens to a volume, how the script ends, and what it says.
struct Fault {
    name: &'static str,
    script: &'static str,
    code: i32,
    says: &'static str,
}

const FAULTS: [Fault; 9] = [
    Fault {
        name: "every access fails from the start",
        script: "become \"$failing\"; mount.ocfs2 $device $directory",
        code: 32,
        says: "cannot read the superblock: ",
    },
    Fault {
        name: "every access fails once the heartbeat is being started",
        script: r#"
            mount.ocfs2 $device $directory & pid=$!
            starting
            become "$failing"
            wait $pid
        "#,
        code: 32,
        says: "the heartbeat did not become steady (the device fails or is too slow",
    },
    Fault {
        name: "writes fail",
        script: r#"
            become "0 $sectors flakey $disk 0 0 3600 1 error_writes"
            mount.ocfs2 $device $directory
        "#,
        code: 32,
        says: "the heartbeat did not become steady (the device fails or is too slow",
    },
    Fault {
        name: "writes are lost",
        script: r#"
            become "0 $sectors flakey $disk 0 0 3600 1 drop_writes"
            mount.ocfs2 $device $directory
        "#,
        code: 32,
        says: "the heartbeat did not become steady (the device fails or is too slow",
    },
    Fault {
        name: "the heartbeat can be written, but not the journal",
        script: r#"
            sound="0 4096 linear $disk 0"
            become "$sound
4096 $((sectors - 4096)) error"
            mount.ocfs2 $device $directory
        "#,
        code: 32,
        says: "mounting it on ",
    },
    Fault {
        name: "slow",
        script: r#"
            become "0 $sectors delay $disk 0 300"
            mount.ocfs2 $device $directory && touch $directory/file && umount.ocfs2 $directory
        "#,
        code: 0,
        says: "",
    },
    Fault {
        name: "it fails now and then",
        script: r#"
            become "0 $sectors flakey $disk 0 1 1 1 error_writes"
            for try in {1..3}; do
                mount.ocfs2 $device $directory || continue
                break
            done
            become "$sound"
            ! mounted || umount.ocfs2 $directory
        "#,
        code: 0,
        says: "",
    },
    Fault {
        name: "every access fails while it is mounted",
        script: r#"
            mount.ocfs2 $device $directory || exit 92
            become "$failing"
            umount.ocfs2 $directory
        "#,
        code: 0,
        says: "",
    },
    Fault {
        name: "every access fails before a lazy unmount",
        script: r#"
            mount.ocfs2 $device $directory || exit 92
            exec 9< $directory
            become "$failing"
            umount.ocfs2 -l $directory || exit
            exec 9>&-
        "#,
        code: 0,
        says: "",
    },
];

fn start(node: &Node, disk: &Disk, script: &str) -> Job {
    node.start_on(disk, &format!("{BETWEEN}{script}"))
}

#[test]
fn disks_that_fail_leave_nothing_behind() {
    let lab = Lab::new("io-faults");
    let disks = lab.volumes(FAULTS.len());
    let [node] = lab.nodes().memory_mb(256).boot();
    node.ok("modprobe -a dm-mod dm-flakey dm-delay");
    node.ok(&format!("o2cb online {CLUSTER}"));
    let jobs: Vec<_> = FAULTS
        .iter()
        .zip(&disks)
        .map(|(fault, disk)| (fault, start(&node, disk, fault.script)))
        .collect();
    let mut wrong = Vec::new();
    for (fault, job) in jobs {
        let output = job.wait();
        println!("{}: {output}", fault.name);
        if output.code != fault.code || !output.stderr.contains(fault.says) {
            wrong.push(format!("{}: {output}", fault.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    node.wait_until_clean();
    // With the disks in order again, each volume is one as before.
    for disk in &disks {
        let name = disk.name();
        node.ok(&format!("DM_DISABLE_UDEV=1 dmsetup remove {name}"));
    }
    node.ok("o2cb offline");
    lab.end();
}

/// The driver tries for ever to write what is left of its journal, and umount(2) waits for it:
/// only a reboot ends that. No other process has to wait for it. What is written before the disk
/// fails may be on it already: the driver writes its journal at once.
#[test]
fn unmount_that_the_kernel_cannot_end_holds_up_no_other_process() {
    let lab = Lab::new("io-stuck");
    let [stuck, other] = ["stuck", "other"].map(|name| lab.disk(name).format());
    let [node] = lab.boot();
    node.ok("modprobe dm-mod");
    node.ok(&format!("o2cb online {CLUSTER}"));
    let unmount = start(
        &node,
        &stuck,
        r#"
        mount.ocfs2 $device $directory || exit 92
        echo text > $directory/file && sync || exit 93
        become "$failing"
        echo text >> $directory/file || exit 94
        echo > /run/failing
        umount.ocfs2 $directory
        "#,
    );
    node.wait_for("[ -e /run/failing ]");
    let others = start(
        &node,
        &other,
        r#"
        mount.ocfs2 $device $directory && touch $directory/file && umount.ocfs2 $directory || exit
        ocfs2_hb_ctl -I -d $device && o2cb status || exit
        ! o2cb offline
        "#,
    );
    let output = others.wait();
    assert_eq!(output.code, 0, "{output}");
    output.says(&stuck.uuid());
    assert_eq!(
        node.regions(),
        [stuck.uuid()],
        "it beats as long as it is there"
    );
    assert!(!unmount.ends_within(1.0), "then the kernel can end it");
    node.kill();
    lab.end();
}

/// The kernel waits for the device in rmdir(2), and holds the directory of regions locked.
#[test]
fn removal_that_hangs_is_named_and_holds_up_no_call_for_long() {
    let lab = Lab::new("io-removal");
    let [hung, used, other] = ["hung", "used", "other"].map(|name| lab.disk(name).format());
    let [node] = lab.boot();
    node.ok("modprobe dm-mod");
    // Without a write of the heartbeat a node fences itself; not within this test.
    node.ok("echo O2CB_HEARTBEAT_THRESHOLD=601 > /etc/default/o2cb");
    node.ok(&format!("o2cb online {CLUSTER}"));
    node.ok(&format!("mount -t ocfs2 {} /mnt", used.device()));
    let removal = start(
        &node,
        &hung,
        r#"
        ocfs2_hb_ctl -S -d $device program || exit 92
        dmsetup suspend --noflush --nolockfs $name || exit 91
        ocfs2_hb_ctl -K -u $(basename $region) program
        "#,
    );
    node.wait_for("cd /run/ocfs2box && [ -e regions ] && ! flock -n regions true && sleep 3");
    let names = format!(
        "the removal of heartbeat region {} by process ",
        hung.uuid()
    );
    let (used_device, other_device) = (used.device(), other.device());
    for (command, code) in [
        ("o2cb status".to_owned(), 4),
        (
            "o2cb list-clusters --json || o2cb cluster-status".to_owned(),
            1,
        ),
        ("ocfs2_hb_ctl -I --long".to_owned(), 1),
        (format!("ocfs2_hb_ctl -I --long -d {used_device}"), 1),
        (format!("mount.ocfs2 {other_device} /srv"), 32),
        ("umount.ocfs2 /mnt".to_owned(), 0),
        ("o2cb offline".to_owned(), 1),
        ("o2cb online webc".to_owned(), 1),
        ("o2cb doctor".to_owned(), 1),
    ] {
        let job = node.start(&command);
        assert!(job.ends_within(240.0), "{command}");
        let output = job.wait();
        println!("{command}: {output}");
        assert_eq!(output.code, code, "{command}: {output}");
        let said = output.stdout.clone() + &output.stderr;
        assert!(said.contains(&names), "{command}: {output}");
    }
    assert!(!removal.ends_within(0.1) || removal.wait().code == 1);
    let name = hung.name();
    node.ok(&format!("DM_DISABLE_UDEV=1 dmsetup resume {name}"));
    // What was refused for its sake is as before.
    node.wait_for("ocfs2_hb_ctl --repair");
    node.ok(&format!(
        "mount -t ocfs2 {other_device} /srv && umount /srv"
    ));
    node.wait_until_clean();
    node.ok(&format!("DM_DISABLE_UDEV=1 dmsetup remove {name}"));
    node.ok("o2cb offline");
    lab.end();
}
