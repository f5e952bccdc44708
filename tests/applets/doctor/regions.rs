//! What the doctor finds of heartbeat regions, their references and what is left of them; and that
//! `status` shows the device that is gone.

use super::{finds, found, mounted, sane};
use crate::world::{World, says};
use std::fs;

/// A heartbeat of `ocfs2_hb_ctl -S` on ubda, among the kernel's block devices.
fn started(world: &World) -> crate::world::Volume {
    let volume = world.volume("ubda", "-N 2");
    world.directory("/sys/class/block/ubdz");
    world.ok("ocfs2_hb_ctl", &["-S", "-d", "/dev/ubda", "x"]);
    volume
}

/// The kernel's list of all sets, with this one.
pub fn list_semaphores(world: &World, key: i32, count: u32, user: u32) {
    let head =
        "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime";
    world.write(
        "/proc/sysvipc/sem",
        &format!(
            "{head}\n{key:10}          7   600 {count:10} {user:5}     0 {user:5}     0 0 1\n"
        ),
    );
}

#[test]
fn references_that_no_mount_and_no_process_has_are_found() {
    let world = sane();
    let volume = started(&world);
    let (code, printed) = world.ended("o2cb", &["doctor"]);
    let what = format!(
        "warning: heartbeat region {}: 1 reference belongs to no mount and no running process \
         [references-unowned]\n",
        volume.uuid
    );
    assert_eq!(code, 1, "{printed}");
    says(&printed, &what);
    world.ok("ocfs2_hb_ctl", &["-K", "-d", "/dev/ubda", "x"]);
    finds(&world, &[], 0, &[]);
}

#[test]
fn a_device_that_is_gone_is_found_and_shown() {
    let world = sane();
    let volume = started(&world);
    let json = |gone: bool| {
        let json = world.printed("o2cb", &["status", "--json"]);
        let shown = format!("\"device\": \"ubda\", \"device_gone\": {gone}");
        says(&json, &shown);
    };
    json(false);
    fs::remove_dir_all(world.path("/sys/class/block/ubda")).unwrap();
    fs::remove_file(world.path("/dev/ubda")).unwrap();
    finds(&world, &[], 2, &["region-device-gone"]);
    json(true);
    let text = world.printed("o2cb", &["status"]);
    let line = format!(
        "region {}: beats on ubda, which is gone, 1 reference",
        volume.uuid
    );
    says(&text, &line);
}

#[test]
fn a_mounted_volume_without_a_reference_is_found() {
    let world = sane();
    let _own = mounted(&world);
    let uuid = world.regions().pop().unwrap();
    crate::world::Semaphores::of(uuid.parse().unwrap()).remove();
    finds(&world, &[], 1, &["mount-uncounted"]);
}

/// udev(7), which would show the volumes, need not run.
#[test]
fn semaphores_without_a_region_are_found_by_their_keys() {
    let world = sane();
    let volume = world.volume("ubda", "-N 2");
    let other = world.volume("ubdb", "-N 2");
    let user = rustix::process::geteuid().as_raw();
    volume.semaphores.make_like_c(1);
    list_semaphores(&world, volume.semaphores.key(), 2, user);
    let (code, printed) = world.ended("o2cb", &["doctor"]);
    let what = format!(
        "warning: heartbeat region {} of the volume on /dev/ubda: it has semaphores (1 reference) \
         and no region [semaphores-left]\n",
        volume.uuid
    );
    assert_eq!(code, 1, "{printed}");
    says(&printed, &what);

    // A start of the heartbeat is under way.
    volume.semaphores.lock();
    finds(&world, &[], 0, &[]);
    volume.semaphores.remove();
    // Other programs' sets, and another user's, are no region's.
    other.semaphores.make_like_c(1);
    for (count, owner) in [(1, user), (17, user), (2, user + 1)] {
        list_semaphores(&world, other.semaphores.key(), count, owner);
        finds(&world, &[], 0, &[]);
    }
    // With a region it is in use.
    other.semaphores.remove();
    let _own = mounted(&world);
    list_semaphores(&world, volume.semaphores.key(), 4, user);
    assert_eq!(found(&world, &[]).0, 0);
}
