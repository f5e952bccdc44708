//! Who owns a reference: several mounts of one volume, and sets that C tools have made.

use crate::world::{Era, World, says};
use ocfs2box::host::{Kernel, lock_file};
use rustix::mount::MountFlags;

#[test]
fn a_second_mount_owns_no_second_reference() {
    let (world, volume) = World::with_volume();
    world.mount("/mnt");
    world.calls();
    for _ in 0..2 {
        world.mount("/mnt2");
        let mount = "mount /dev/ubda /mnt2 ocfs2 0x0 heartbeat=local [2 1]";
        assert_eq!(world.calls(), [mount, "prefer the heartbeat's I/O"]);
        assert_eq!(volume.counts(), [0, 1, 1]);
    }
    for point in ["/mnt2", "/mnt2", "/mnt"] {
        assert_eq!(volume.counts(), [0, 1, 1]);
        world.umount(point);
    }
    world.assert_no_heartbeat(&volume);
}

#[test]
fn a_second_mount_that_fails_takes_nothing_away() {
    let (world, volume) = World::with_volume();
    world.mount("/mnt");
    world.calls();
    world.log.fail("mount /dev/ubda", libc::EBUSY);
    world.refused("mount.ocfs2", &["/dev/ubda", "/mnt2"]);
    assert_eq!(world.calls().len(), 1);
    assert_eq!((volume.counts(), world.regions().len()), (vec![0, 1, 1], 1));
}

#[test]
fn set_of_c_s_without_references_is_replaced() {
    let (world, volume) = World::with_volume();
    volume.semaphores.make_like_c(0);
    world.mount("/mnt");
    assert_eq!(volume.counts(), [0, 1, 1]);
}

/// The process that removed the region was killed before its set went too.
#[test]
fn references_to_a_region_that_is_gone_are_forgotten() {
    let (world, volume) = World::with_volume();
    volume.semaphores.make_like_c(1);
    world.mount("/mnt");
    assert_eq!(volume.counts(), [0, 1, 1]);
}

#[test]
fn a_set_of_c_s_is_tolerated_while_it_is_held() {
    let (world, volume) = World::with_volume();
    // A region, and a set as if C had made both.
    world.ok("ocfs2_hb_ctl", &["-S", "-d", "/dev/ubda", "program"]);
    volume.semaphores.remove();
    volume.semaphores.make_like_c(1);
    world.mount("/mnt");
    assert_eq!(volume.counts(), [0, 2]);
    // The program of C's goes on after the unmount.
    world.umount("/mnt");
    assert_eq!((volume.counts(), world.regions().len()), (vec![0, 1], 1));
    // Its own end, by whichever tool.
    let uuid = volume.uuid.to_string();
    world.ok("ocfs2_hb_ctl", &["-K", "-u", &uuid, "program"]);
    world.assert_no_heartbeat(&volume);
}

/// C's mount.ocfs2 has counted one; its owner cannot be determined.
#[test]
fn beside_a_mount_of_c_s_no_reference_is_added() {
    let (world, volume) = World::with_volume();
    world.mount("/mnt");
    assert_eq!(volume.counts(), [0, 1, 1]);
    volume.semaphores.remove();
    volume.semaphores.make_like_c(1);
    world.mount("/mnt2");
    assert_eq!(volume.counts(), [0, 1]);
    world.umount("/mnt");
    assert_eq!(volume.counts(), [0, 1]);
    // Its process has ended, so that it is the superblock's.
    world.umount("/mnt2");
    world.assert_no_heartbeat(&volume);
}

/// Also where ours has made the set. The mark is set before mount(2), so that an unmount meanwhile
/// gives that reference back and no other.
#[test]
fn a_mount_of_c_s_has_its_reference_marked() {
    for programs in [0, 1] {
        let (world, volume) = World::with_volume();
        let program = |word| world.run("ocfs2_hb_ctl", &[word, "-d", "/dev/ubda", "me"]);
        program("-S").unwrap();
        if programs == 0 {
            volume.semaphores.add(-1);
        }
        let [device, point] = ["/dev/ubda", "/mnt"].map(|path| world.path(path));
        volume.semaphores.add(1);
        world
            .kernel()
            .mount(
                &device,
                &point,
                c"ocfs2",
                MountFlags::empty(),
                c"heartbeat=local",
            )
            .unwrap();
        assert_eq!(volume.counts(), [0, 1 + programs, 0]);
        world.log.fail("mount /dev/ubda", libc::EBUSY);
        world.refused("mount.ocfs2", &["/dev/ubda", "/mnt2"]);
        world.log.fail_no_more();
        assert_eq!(volume.counts(), [0, 1 + programs, 1]);
        world.mount("/mnt2");
        assert_eq!(volume.counts(), [0, 1 + programs, 1]);
        world.umount("/mnt");
        world.umount("/mnt2");
        if programs > 0 {
            assert_eq!(volume.counts(), [0, 1, 0]);
            program("-K").unwrap();
        }
        world.assert_no_heartbeat(&volume);
    }
}

#[test]
fn a_program_keeps_the_heartbeat_after_the_unmount_and_before_the_mount() {
    let (world, volume) = World::with_volume();
    world.ok("ocfs2_hb_ctl", &["-S", "-d", "/dev/ubda", "backup"]);
    assert_eq!(volume.counts(), [0, 1, 0]);
    world.mount("/mnt");
    assert_eq!(volume.counts(), [0, 2, 1]);
    world.umount("/mnt");
    assert_eq!((volume.counts(), world.regions().len()), (vec![0, 1, 0], 1));
    world.ok("ocfs2_hb_ctl", &["-K", "-d", "/dev/ubda", "backup"]);
    world.assert_no_heartbeat(&volume);
}

#[test]
fn the_mount_s_heartbeat_is_not_for_a_program_to_stop() {
    let (world, volume) = World::with_volume();
    world.mount("/mnt");
    let uuid = volume.uuid.to_string();
    for args in [
        &["-K", "-u", &uuid, "x"][..],
        &["-K", "-u", &uuid],
        &["-K", "-d", "/dev/ubda", "x"],
    ] {
        let (code, said) = world.refused("ocfs2_hb_ctl", args);
        assert_eq!(code, 1);
        says(&said, "the volume is mounted");
    }
    assert_eq!((volume.counts(), world.regions().len()), (vec![0, 1, 1], 1));
}

/// Only root may have made the directory of file locks and ledgers.
#[test]
fn a_directory_of_turns_that_others_could_have_made_is_refused() {
    for plant in [
        (|world| std::os::unix::fs::symlink("/tmp", world.path("/run/ocfs2box")).unwrap())
            as fn(&World),
        |world| {
            world.directory("/run/ocfs2box");
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
            std::fs::set_permissions(world.path("/run/ocfs2box"), mode).unwrap();
        },
        |world| world.write("/run/ocfs2box", ""),
    ] {
        let world = World::bare(Era::Now);
        plant(&world);
        let why = "/run/ocfs2box is not a directory of root's that only root can write to";
        let error = lock_file::directory(&world.system())
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(why), "{error}");
    }
}
