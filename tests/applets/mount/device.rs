//! The device that is mounted is the one that the volume was read from.

use super::{NO_SET, first_mount};
use crate::world::World;

/// The write to `dev` asks for a device of this very volume: see the fake's harm.
#[test]
fn a_device_is_meant_by_any_of_its_names() {
    let (world, volume) = World::with_volume();
    std::os::unix::fs::symlink("ubda", world.path("/dev/link")).unwrap();
    world.ok("mount.ocfs2", &["/dev/link", "/mnt"]);
    assert_eq!(world.log.calls(), first_mount(volume.uuid));
}

/// The name leads to another device from the start of the heartbeat on.
#[test]
fn a_device_renamed_before_mount_2_is_not_mounted() {
    let (world, volume) = World::with_volume();
    let number = world.path("/sys/class/block/ubda/dev");
    world.log.then("/dev FD", &number, "98:16");
    let (code, said) = world.refused("mount.ocfs2", &["/dev/ubda", "/mnt"]);
    let says = "/dev/ubda: mounting it on /mnt: the volume was read from device 98:0, but device \
                98:16 is in its place now";
    assert!(code == 32 && said.starts_with(says), "{said}");
    let mut calls = first_mount(volume.uuid);
    calls.truncate(5);
    calls.push(format!("remove webc/heartbeat/{} [1 0 0]", volume.uuid));
    assert_eq!((world.log.calls(), volume.counts()), (calls, NO_SET.into()));
}

/// And from mount(2) on, after all that can be compared before it.
#[test]
fn a_device_renamed_in_mount_2_is_unmounted_again() {
    let (world, volume) = World::with_volume();
    let number = world.path("/sys/class/block/ubda/dev");
    for (detached, says) in [
        (
            true,
            "98:16 is in its place now (lsblk shows the names of devices)",
        ),
        (
            false,
            "and to unmount it again failed: Invalid argument (unmount it at once)",
        ),
    ] {
        world.write("/sys/class/block/ubda/dev", "98:0");
        world.log.then("mount /dev/ubda", &number, "98:16");
        if !detached {
            world.log.fail("umount", libc::EINVAL);
        }
        let (code, said) = world.refused("mount.ocfs2", &["/dev/ubda", "/mnt"]);
        assert!(code == 32 && said.ends_with(says), "{said}");
        let mut calls = first_mount(volume.uuid);
        calls.pop();
        calls.push("umount /mnt 0x2".into());
        let removal = format!("remove webc/heartbeat/{} [1 0 0]", volume.uuid);
        calls.extend(detached.then_some(removal));
        assert_eq!(world.calls(), calls);
    }
}

#[test]
fn a_remount_is_of_the_device_that_is_mounted() {
    let (world, _) = World::with_volume();
    world.volume("ubdb", "");
    world.mount("/mnt");
    world.log.forget();
    let args = ["-o", "remount,ro", "/dev/ubdb", "/mnt"];
    let (code, said) = world.refused("mount.ocfs2", &args);
    let says = "read from device 98:16, but device 98:0 is in its place";
    assert!(code == 32 && said.contains(says), "{said}");
    assert_eq!(world.calls(), [""; 0]);
    let args = ["-o", "remount,ro", "/dev/ubda", "/mnt"];
    world.ok("mount.ocfs2", &args);
    assert_eq!(world.calls().len(), 1);
}
