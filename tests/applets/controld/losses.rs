//! Kills, and a file of services that is lost, damaged or not to be written.

use super::{ledger, world};
use crate::world::says;
use std::fs;

/// Killed before mount(2) has done anything, or when it has.
#[test]
fn a_mount_that_is_killed_is_made_up_for() {
    let (world, peer, volume) = world();
    for (when, mounted) in [("before", false), ("after", true)] {
        world.write("/.fake/die", when);
        world.run_in_child("mount.ocfs2", &["/dev/ubda", "/mnt"]);
        world.write("/.fake/die", "");
        assert_eq!(peer.groups(), [format!("{} /mnt", volume.uuid)], "{when}");
        if mounted {
            world.umount("/mnt");
        } else {
            world.mount("/mnt");
            world.umount("/mnt");
        }
        assert!(
            peer.groups().is_empty() && ledger(&world, &volume).is_empty(),
            "{when}"
        );
    }
}

/// Without the file, the place is left that is unmounted, and the C tools' service.
#[test]
fn a_lost_ledger_does_no_harm() {
    let (world, peer, volume) = world();
    let lose = || fs::remove_file(world.path(&format!("/run/ocfs2box/{}", volume.uuid))).unwrap();
    world.mount("/mnt");
    lose();
    world.umount("/mnt");
    assert!(peer.groups().is_empty());
    // Moved as well, its service is found by the next mount there.
    world.mount("/mnt");
    lose();
    let table = world
        .read("/proc/self/mountinfo")
        .replace(" /mnt ", " /mnt2 ");
    world.write("/proc/self/mountinfo", &table);
    world.umount("/mnt2");
    assert_eq!(peer.groups().len(), 1);
    world.mount("/mnt");
    world.umount("/mnt");
    assert!(peer.groups().is_empty());
    // Rubbish in it is no service, and no reason to leave one.
    world.mount("/mnt");
    world.write(&format!("/run/ocfs2box/{}", volume.uuid), "\0\0+\0x");
    world.umount("/mnt");
    world.mount("/mnt");
    world.umount("/mnt");
    assert!(peer.groups().is_empty());
}

#[test]
fn a_ledger_that_cannot_be_written_ends_it_before_the_join() {
    let (world, peer, _) = world();
    fs::remove_dir(world.path("/run")).unwrap();
    world.write("/run", "");
    let (code, said) = world.refused("mount.ocfs2", &["/dev/ubda", "/mnt"]);
    assert_eq!(code, 32);
    says(&said, "opening /run/ocfs2box/");
    assert_eq!(peer.heard(), [""; 0]);
}
