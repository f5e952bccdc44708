//! The drivers of the 1.2 tools: configfs at /config, no stack glue, and no pin. There only
//! the references and an O_EXCL open keep the region of a mounted volume.

use crate::world::{Era, World};

const NO_SET: [i32; 0] = [];

#[test]
fn joins_asks_and_leaves() {
    let world = World::online(Era::Old);
    assert!(world.clusters().ends_with("config/cluster"));
    let volume = world.volume("ubda", "");
    world.run("mount.ocfs2", &["/dev/ubda", "/mnt"]).unwrap();
    let calls = world.log.all();
    // Whether the superblock has one already is asked before the mount.
    let mount = "mount /dev/ubda /mnt ocfs2 0x0 heartbeat=local [1 0]";
    assert_eq!(calls[5..7], ["? claimed /dev/ubda", mount]);
    assert_eq!(volume.counts(), [0, 1, 1]);
    world.log.forget();
    world.run("umount.ocfs2", &["/mnt"]).unwrap();
    let remove = format!("remove webc/heartbeat/{} [1 1 1]", volume.uuid);
    assert_eq!(
        world.log.all(),
        ["umount /mnt 0x8", "? claimed /dev/ubda", &remove]
    );
    assert_eq!((volume.counts(), world.regions().len()), (NO_SET.into(), 0));
}

#[test]
fn a_claimed_device_keeps_its_region() {
    let world = World::online(Era::Old);
    let volume = world.volume("ubda", "");
    world.run("mount.ocfs2", &["/dev/ubda", "/mnt"]).unwrap();
    world.write("/.fake/busy/ubda", "");
    world.log.forget();
    world.run("umount.ocfs2", &["-l", "/mnt"]).unwrap();
    assert_eq!(
        world.log.all()[..2],
        ["umount /mnt 0xa", "? claimed /dev/ubda"]
    );
    let refused = world.refused("o2cb", &["offline"]);
    assert_eq!(refused.0, 1);
    let uuid = volume.uuid.to_string();
    assert_eq!(
        world.refused("ocfs2_hb_ctl", &["-K", "-u", &uuid, "x"]).0,
        1
    );
    assert!(world.calls().iter().all(|call| call.starts_with("umount")));
    assert_eq!((volume.counts(), world.regions().len()), (vec![0, 1, 1], 1));
    world.kernel().end_superblock("ubda");
    world.run("o2cb", &["offline"]).unwrap();
    assert_eq!((volume.counts(), world.regions().len()), (NO_SET.into(), 0));
}

/// A device that cannot be asked counts as mounted.
#[test]
fn no_answer_keeps_the_region() {
    let world = World::online(Era::Old);
    let volume = world.volume("ubda", "");
    world.run("mount.ocfs2", &["/dev/ubda", "/mnt"]).unwrap();
    std::fs::rename(world.path("/dev/ubda"), world.path("/dev/gone")).unwrap();
    world.log.forget();
    world.run("umount.ocfs2", &["/mnt"]).unwrap();
    assert_eq!(world.calls(), ["umount /mnt 0x8"]);
    assert_eq!((volume.counts(), world.regions().len()), (vec![0, 1, 1], 1));
}

#[test]
fn a_failed_mount_is_undone() {
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
    assert_eq!((volume.counts(), world.regions().len()), (NO_SET.into(), 0));
}

#[test]
fn the_call_out_leaves_though_the_device_is_still_claimed() {
    let world = World::online(Era::Old);
    let volume = world.volume("ubda", "");
    world.write("/proc/sys/fs/ocfs2/nm/hb_ctl_path", "/sbin/ocfs2_hb_ctl\n");
    world.write("/sbin/ocfs2_hb_ctl", "");
    world.run("mount.ocfs2", &["/dev/ubda", "/mnt"]).unwrap();
    world.run("umount.ocfs2", &["/mnt"]).unwrap();
    assert_eq!((volume.counts(), world.regions().len()), (NO_SET.into(), 0));
}

/// The threshold where it was then; the other limits are the driver's own.
#[test]
fn limits_that_the_driver_lacks_are_passed_over() {
    let world = World::bare(Era::Old);
    world.write(
        "/etc/sysconfig/o2cb",
        "O2CB_HEARTBEAT_THRESHOLD=61\nO2CB_IDLE_TIMEOUT_MS=60000\nO2CB_FENCE_METHOD=panic\n",
    );
    world.run("o2cb", &["online"]).unwrap();
    assert_eq!(
        world.read("/proc/fs/ocfs2_nodemanager/hb_dead_threshold"),
        "61"
    );
    let mut writes = world
        .calls()
        .into_iter()
        .filter(|call| call.starts_with("write"));
    let last = writes.next_back().unwrap();
    assert_eq!(
        last,
        "write /proc/fs/ocfs2_nodemanager/hb_dead_threshold 61"
    );
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
    assert!(said.contains(both), "{said}");
    assert!(world.calls().is_empty());
}
