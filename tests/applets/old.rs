//! The drivers of the 1.2 tools: configfs at /config, no stack glue, and no pin. There only
//! the references and an O_EXCL open keep the region of a mounted volume.

use crate::world::{Era, World, says};

#[test]
fn joins_asks_and_leaves() {
    let world = World::online(Era::Old);
    assert!(world.clusters().ends_with("config/cluster"));
    let volume = world.volume("ubda", "");
    world.mount("/mnt");
    let calls = world.log.all();
    // Nobody opens the device with O_EXCL meanwhile: a mount(2) might fail by it.
    let mount = "mount /dev/ubda /mnt ocfs2 0x0 heartbeat=local [1 0]";
    assert_eq!(calls[5..], [mount]);
    // Without the mark, which could be stale.
    assert_eq!(volume.counts(), [0, 1, 0]);
    world.log.forget();
    world.umount("/mnt");
    let remove = format!("remove webc/heartbeat/{} [1 1 0]", volume.uuid);
    assert_eq!(
        world.log.all(),
        ["umount /mnt 0x8", "? claimed /dev/ubda", &remove]
    );
    world.assert_no_heartbeat(&volume);
}

/// Without the mark it is the machine that shows whether the superblock is there already: its
/// mounts, and where those are detached its journal.
#[test]
fn a_second_mount_owns_no_second_reference() {
    for out_of_sight in [false, true] {
        let world = World::online(Era::Old);
        let volume = world.volume("ubda", "");
        world.mount("/mnt");
        if out_of_sight {
            world.write("/.fake/busy/ubda", "");
            world.directory("/proc/fs/jbd2/ubda-26");
            world.ok("umount.ocfs2", &["-l", "/mnt"]);
        }
        world.log.forget();
        world.mount("/mnt2");
        let mount = "mount /dev/ubda /mnt2 ocfs2 0x0 heartbeat=local [2 0]";
        assert_eq!(world.calls(), [mount]);
        assert_eq!(volume.counts(), [0, 1, 0]);
        if out_of_sight {
            let _ = std::fs::remove_file(world.path("/.fake/busy/ubda"));
            let _ = std::fs::remove_dir_all(world.path("/proc/fs/jbd2"));
        } else {
            world.umount("/mnt");
            assert_eq!((volume.counts(), world.regions().len()), (vec![0, 1, 0], 1));
        }
        world.umount("/mnt2");
        world.assert_no_heartbeat(&volume);
    }
}

#[test]
fn a_claimed_device_keeps_its_region() {
    let world = World::online(Era::Old);
    let volume = world.volume("ubda", "");
    world.mount("/mnt");
    world.write("/.fake/busy/ubda", "");
    world.log.forget();
    world.ok("umount.ocfs2", &["-l", "/mnt"]);
    assert_eq!(
        world.log.all()[..2],
        ["umount /mnt 0xa", "? claimed /dev/ubda"]
    );
    let refused = world.refused("o2cb", &["offline"]);
    assert_eq!(refused.0, 1);
    let uuid = volume.uuid.to_string();
    // By hand, too: only the kernel knows that a superblock is ending.
    let own: [&[&str]; 2] = [&["-K", "-u", &uuid, "x"], &["-K", "-u", &uuid]];
    for args in own {
        let (code, said) = world.refused("ocfs2_hb_ctl", args);
        assert_eq!(code, 1);
        says(&said, "the volume is mounted");
    }
    assert!(world.calls().iter().all(|call| call.starts_with("umount")));
    assert_eq!((volume.counts(), world.regions().len()), (vec![0, 1, 0], 1));
    world.kernel().end_superblock("ubda");
    // The reference may as well be a program's, so that no call tidies it up unasked.
    let (_, said) = world.refused("o2cb", &["offline"]);
    says(&said, "by one program or mount");
    assert_eq!((volume.counts(), world.regions().len()), (vec![0, 1, 0], 1));
    world.ok("ocfs2_hb_ctl", &["-K", "-u", &uuid]);
    world.assert_no_heartbeat(&volume);
    world.ok("o2cb", &["offline"]);
}

/// A device that cannot be asked counts as mounted.
#[test]
fn no_answer_keeps_the_region() {
    let world = World::online(Era::Old);
    let volume = world.volume("ubda", "");
    world.mount("/mnt");
    std::fs::rename(world.path("/dev/ubda"), world.path("/dev/gone")).unwrap();
    world.log.forget();
    world.umount("/mnt");
    assert_eq!(world.calls(), ["umount /mnt 0x8"]);
    assert_eq!((volume.counts(), world.regions().len()), (vec![0, 1, 0], 1));
}

#[test]
fn failed_mount_is_rolled_back() {
    let world = World::online(Era::Old);
    let volume = world.volume("ubda", "");
    world.log.fail("mount /dev", libc::EINVAL);
    assert_eq!(world.refused("mount.ocfs2", &["/dev/ubda", "/mnt"]).0, 32);
    let calls = world.log.all();
    let remove = format!("remove webc/heartbeat/{} [1 0 0]", volume.uuid);
    assert_eq!(
        calls[calls.len() - 2..],
        ["? claimed /dev/ubda".into(), remove]
    );
    world.assert_no_heartbeat(&volume);
}

#[test]
fn the_callout_leaves_though_the_device_is_still_claimed() {
    let world = World::online(Era::Old);
    let volume = world.volume("ubda", "");
    world.write("/proc/sys/fs/ocfs2/nm/hb_ctl_path", "/sbin/ocfs2_hb_ctl\n");
    world.write("/sbin/ocfs2_hb_ctl", "");
    world.mount("/mnt");
    world.log.forget();
    world.umount("/mnt");
    let callout = format!("? callout -K -u {}", volume.uuid);
    let remove = format!("remove webc/heartbeat/{} [1 1 0]", volume.uuid);
    assert_eq!(world.log.all(), ["umount /mnt 0x8", &callout, &remove]);
    world.assert_no_heartbeat(&volume);
}

/// The threshold where it was then; the other limits are the driver's own.
#[test]
fn limits_that_the_driver_lacks_are_passed_over() {
    let world = World::bare(Era::Old);
    world.write(
        "/etc/sysconfig/o2cb",
        "O2CB_HEARTBEAT_THRESHOLD=61\nO2CB_IDLE_TIMEOUT_MS=60000\nO2CB_FENCE_METHOD=panic\n",
    );
    world.ok("o2cb", &["online"]);
    assert_eq!(
        world.read("/proc/fs/ocfs2_nodemanager/hb_dead_threshold"),
        "61"
    );
    let threshold = "write /proc/fs/ocfs2_nodemanager/hb_dead_threshold 61";
    let calls = world.calls();
    let at = calls.iter().position(|call| call == "make webc").unwrap();
    assert_eq!(calls[at + 1..at + 3], [threshold, "make webc/node/n1"]);
    let limits = calls.iter().filter(|call| {
        let node = call.contains("/node/") || call.contains("hb_ctl_path");
        call.starts_with("write") && !node
    });
    assert_eq!(limits.count(), 1);
}

#[test]
fn there_is_no_global_heartbeat() {
    let world = World::online(Era::Old);
    world.volume(
        "ubda",
        "--cluster-stack=o2cb --cluster-name=webc --global-heartbeat",
    );
    let (code, said) = world.refused("mount.ocfs2", &["/dev/ubda", "/mnt"]);
    assert_eq!(code, 32);
    let both = "the volume is made for global heartbeat, cluster \"webc\" runs local heartbeat";
    says(&said, both);
    assert!(world.calls().is_empty());
}

/// In each of its places; the first that there is counts.
#[test]
fn a_driver_of_another_revision_is_refused() {
    for place in ["/sys/fs/o2cb", "/sys/o2cb", "/proc/fs/ocfs2_nodemanager"] {
        let world = World::online(Era::Old);
        world.volume("ubda", "");
        world.write("/proc/fs/ocfs2_nodemanager/interface_revision", "5\n");
        for (said, refused) in [("6\n", true), ("x\n", true), ("4\n", false)] {
            world.write(&format!("{place}/interface_revision"), said);
            let faked = world.run("mount.ocfs2", &["-f", "/dev/ubda", "/mnt"]);
            assert_eq!(faked.is_err(), refused, "{place}: {said}");
        }
        assert!(world.calls().is_empty());
    }
}

/// mount.ocfs2 of these tools: the program in hb_ctl_path before mount(2), after one that
/// failed, and by the kernel after the last unmount.
#[test]
fn calls_without_a_service_are_a_mounts() {
    for era in [Era::Old, Era::Now] {
        let world = World::online(era);
        let volume = world.volume("ubda", "");
        let start = || world.run("ocfs2_hb_ctl", &["-S", "-d", "/dev/ubda"]);
        let stop = || world.run("ocfs2_hb_ctl", &["-K", "-d", "/dev/ubda"]);
        start().unwrap();
        assert_eq!(volume.counts(), [0, 1, 2]);
        stop().unwrap();
        world.assert_no_heartbeat(&volume);
        // The kernel calls as well after a mount(2) that failed late: a program keeps its own.
        let program = ["-d", "/dev/ubda", "me"];
        let by_program = |word| world.run("ocfs2_hb_ctl", &[&[word], &program[..]].concat());
        by_program("-S").unwrap();
        start().unwrap();
        let uuid = volume.uuid.to_string();
        world.ok("ocfs2_hb_ctl", &["-K", "-u", &uuid]);
        assert_eq!(volume.counts(), [0, 1, 0]);
        stop().unwrap();
        assert_eq!(volume.counts(), [0, 1, 0]);
        by_program("-K").unwrap();
        world.assert_no_heartbeat(&volume);
        world.mount("/mnt");
        let counts = volume.counts();
        start().unwrap();
        assert_eq!(volume.counts(), counts, "a mounted volume is one user");
        let (code, said) = world.refused("ocfs2_hb_ctl", &["-K", "-d", "/dev/ubda"]);
        assert!(
            code == 1 && said.contains("the volume is mounted"),
            "{said}"
        );
        assert_eq!(volume.counts(), counts);
        world.umount("/mnt");
        world.assert_no_heartbeat(&volume);
    }
}
