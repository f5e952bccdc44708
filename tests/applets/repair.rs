//! ocfs2_hb_ctl --repair: each kind of what may be left behind is named, and repaired or explained;
//! --dry-run says the same and changes nothing.

mod usage;

use crate::half_started::half_start;
use crate::world::{Era, Volume, World, read, says};
use ocfs2box::host::Kernel;
use rustix::mount::UnmountFlags;
use std::fs;

/// What `--repair` and, before it, `--dry-run` have to say of the one volume `ubda`.
#[track_caller]
fn check(world: &World, volume: &Volume, code: u8, dry: &str, said: &str) {
    let uuid = volume.uuid;
    let line = |text: &str| match text {
        "" => format!("{uuid}: nothing wrong"),
        text => format!("{uuid}: {text}\n"),
    };
    for more in [&[][..], &["-u", &uuid.to_string()], &["--all"]] {
        let before = (volume.counts(), world.regions());
        let args = [&["--repair", "--dry-run"], more].concat();
        let (ended, text) = world.ended("ocfs2_hb_ctl", &args);
        assert_eq!(ended, code, "{text}");
        match dry {
            "" if more.len() < 2 => assert_eq!(text, "nothing wrong\n"),
            "" => assert!(text.starts_with(&line(dry)), "{text}"),
            _ => assert_eq!(text, line(dry)),
        }
        assert_eq!(before, (volume.counts(), world.regions()));
        assert_eq!(world.calls(), [""; 0]);
    }
    let (ended, text) = world.ended("ocfs2_hb_ctl", &["--repair", "-d", "/dev/ubda"]);
    assert_eq!(ended, code, "{text}");
    match said {
        "" => assert!(text.starts_with(&line(said)), "{text}"),
        _ => assert_eq!(text, line(said)),
    }
    if code == 0 {
        let (ended, text) = world.ended("ocfs2_hb_ctl", &["--repair"]);
        assert_eq!((ended, text.as_str()), (0, "nothing wrong\n"));
    }
}

/// `--repair` removes what it has found, and nothing is left.
#[track_caller]
fn check_removed(world: &World, volume: &Volume, found: &str) {
    let [dry, said] = ["would be removed", "removed"].map(|end| format!("{found}: {end}"));
    check(world, volume, 0, &dry, &said);
    world.assert_no_heartbeat(volume);
}

/// The mount ends, and umount.ocfs2 is not called.
fn vanish(world: &World) {
    let point = world.path("/mnt");
    world
        .kernel()
        .unmount(&point, UnmountFlags::empty())
        .unwrap();
    world.calls();
}

/// A machine with one volume, which udev shows.
fn world() -> (World, Volume) {
    let (world, volume) = World::with_volume();
    world.write(&format!("/dev/disk/by-uuid/{}", volume.uuid), "");
    (world, volume)
}

fn hold(world: &World, times: u32) {
    for _ in 0..times {
        world.ok("ocfs2_hb_ctl", &["-S", "-d", "/dev/ubda", "x"]);
    }
    world.calls();
}

/// A heartbeat that no reference keeps.
fn unreferenced() -> (World, Volume) {
    let (world, volume) = world();
    hold(&world, 1);
    volume.semaphores.remove();
    (world, volume)
}

/// What is found of it.
const UNREFERENCED: &str = "it beats on ubda, and nobody refers to it";

#[test]
fn where_nothing_is_wrong_it_says_so() {
    let (world, volume) = world();
    check(&world, &volume, 0, "", "");
    world.mount("/mnt");
    world.calls();
    check(&world, &volume, 0, "", "");
    assert_eq!((volume.counts(), world.regions().len()), (vec![0, 1, 1], 1));
    // Also of a mounted volume whose references were removed.
    volume.semaphores.add(-1);
    check(&world, &volume, 0, "", "");
    assert_eq!(world.regions().len(), 1);
    let bare = World::bare(Era::Now);
    let (code, text) = bare.ended("ocfs2_hb_ctl", &["--repair"]);
    assert_eq!((code, text.as_str()), (0, "nothing wrong\n"));
    assert_eq!(bare.calls(), [""; 0]);
}

#[test]
fn a_start_that_was_cut_off() {
    for (pid, comm, references) in [("", "", 0), ("77\n", "o2hb", 0), ("77\n", "o2hb", 2)] {
        let (world, volume) = world();
        half_start(&world, &volume, pid, comm);
        if references > 0 {
            volume.semaphores.make_like_c(references);
        }
        let found = "its start was cut off";
        check_removed(&world, &volume, found);
    }
}

#[test]
fn a_start_that_was_cut_off_and_whose_thread_has_ended_is_not_touched() {
    let (world, volume) = world();
    half_start(&world, &volume, "77\n", "-o2hb");
    let said = "its start was cut off, and its thread has ended: left alone: on this kernel any \
        use of it may panic the machine (reboot this node when it suits you; kernels from \
        6.1.191, 6.12.114 and 7.1 on are repaired)";
    check(&world, &volume, 1, said, said);
    assert_eq!((volume.counts(), world.regions().len()), (vec![], 1));
    assert_eq!(world.calls(), [""; 0]);
    // All that name such a region give one advice.
    let (_, advice) = said.split_once("left alone: ").unwrap();
    let (_, long) = world.ended("ocfs2_hb_ctl", &["-I", "--long"]);
    let (_, offline) = world.refused("o2cb", &["offline"]);
    says(&long, advice);
    says(&offline, advice);
}

/// The kernel keeps the region of a lock domain, and this program a lock that is held.
#[test]
fn a_heartbeat_whose_lock_domain_a_program_uses() {
    let (world, volume) = unreferenced();
    let domain = format!("/dlm/{}", volume.uuid);
    world.write(&format!("{domain}/lock"), "");
    world.write("/proc/4711/stat", "4711 (fsck.ocfs2) S 1\n");
    world.directory("/proc/4711/fd");
    let held = world.path("/proc/4711/fd/3");
    std::os::unix::fs::symlink(format!("{domain}/lock"), &held).unwrap();
    let found = UNREFERENCED;
    let said = format!(
        "{found}: left alone: locks of the volume are held by process 4711 (fsck.ocfs2) (end it, \
         then repeat this)"
    );
    check(&world, &volume, 1, &said, &said);
    assert_eq!(world.regions().len(), 1);
    fs::remove_file(held).unwrap();
    check_removed(&world, &volume, found);
}

#[test]
fn heartbeat_without_references_is_removed() {
    let (world, volume) = unreferenced();
    check_removed(&world, &volume, UNREFERENCED);
}

#[test]
fn the_reference_of_a_superblock_that_is_gone() {
    let (world, volume) = world();
    world.mount("/mnt");
    vanish(&world);
    let found = "its one reference is that of a mounted volume, which is gone";
    check_removed(&world, &volume, found);

    world.mount("/mnt");
    hold(&world, 1);
    vanish(&world);
    let found = "one of 2 references is that of a mounted volume, which is gone";
    let args = ["--repair", "--dry-run"];
    let (_, text) = world.ended("ocfs2_hb_ctl", &args);
    assert_eq!(
        text,
        format!("{}: {found}: would be removed\n", volume.uuid)
    );
    let (code, text) = world.ended("ocfs2_hb_ctl", &["--repair"]);
    assert_eq!(
        (code, text),
        (0, format!("{}: {found}: removed\n", volume.uuid))
    );
    assert_eq!((volume.counts(), world.regions().len()), (vec![0, 1, 0], 1));
}

#[test]
fn references_without_an_owner_are_explained() {
    let (world, volume) = world();
    hold(&world, 2);
    let why = format!(
        "left alone: a program may count on it (if you know that none does: ocfs2_hb_ctl -K -u {} \
         NAME, once for each reference)",
        volume.uuid
    );
    let said = format!("2 references belong to no mount and no running process: {why}");
    check(&world, &volume, 1, &said, &said);
    for counts in [vec![0, 1, 0], vec![]] {
        let uuid = volume.uuid.to_string();
        world.ok("ocfs2_hb_ctl", &["-K", "-u", &uuid, "x"]);
        assert_eq!(volume.counts(), counts);
    }
    world.calls();
    check(&world, &volume, 0, "", "");
}

#[test]
fn a_disk_that_is_gone() {
    let (world, volume) = world();
    // Another disk is there.
    world.volume("ubdb", "");
    hold(&world, 2);
    let number = read(&world.path("/sys/class/block/ubda/dev"));
    fs::remove_dir_all(world.path("/sys/class/block/ubda")).unwrap();
    let found = "its device ubda is gone, so that it cannot beat any more (2 references)";
    check_removed(&world, &volume, found);

    world.write("/sys/class/block/ubda/dev", &format!("{number}\n"));
    world.mount("/mnt");
    world.calls();
    fs::remove_dir_all(world.path("/sys/class/block/ubda")).unwrap();
    let said = "its device ubda is gone, and its volume is still mounted: left alone: the kernel \
        keeps the heartbeat of a mounted volume (unmount it, with umount -l if need be)";
    check(&world, &volume, 1, said, said);
    assert_eq!(world.regions().len(), 1);
    // Where no disk is to be seen at all, nothing is known of this one.
    world.write("/sys/class/block/ubda/dev", &format!("{number}\n"));
    vanish(&world);
    fs::remove_dir_all(world.path("/sys/class/block")).unwrap();
    let (_, text) = world.ended("ocfs2_hb_ctl", &["--repair", "--dry-run"]);
    says(&text, "which is gone: would be removed");
}

#[test]
fn semaphores_without_a_region() {
    for online in [true, false] {
        let world = if online {
            world().0
        } else {
            World::bare(Era::Now)
        };
        let volume = world.volume("ubda", "");
        world.write(&format!("/dev/disk/by-uuid/{}", volume.uuid), "");
        volume.semaphores.make_like_c(3);
        let found = "it has semaphores (3 references) and no region";
        check_removed(&world, &volume, found);
    }
}

/// What the kernel alone knows is heeded: a superblock that is not shown, or just comes.
#[test]
fn what_the_kernel_keeps_stays() {
    let (world, volume) = unreferenced();
    world.write(&format!("/.fake/pins/{}", volume.uuid), "");
    world.log.fail("remove webc/heartbeat", libc::EBUSY);
    let (code, text) = world.ended("ocfs2_hb_ctl", &["--repair"]);
    assert_eq!(code, 1, "{text}");
    says(
        &text,
        "nobody refers to it: left alone: the heartbeat region is in use",
    );
    assert_eq!(world.regions().len(), 1);
}

#[test]
fn with_global_heartbeat_the_regions_are_the_clusters() {
    let (world, volume) = unreferenced();
    let mode = world.clusters().join("webc/heartbeat/mode");
    fs::write(mode, "global\n").unwrap();
    check(&world, &volume, 0, "", "");
    assert_eq!(world.regions().len(), 1);
}

#[test]
fn each_region_by_itself() {
    let (world, _) = world();
    let bad = world.volume("ubdb", "");
    hold(&world, 1);
    half_start(&world, &bad, "77\n", "other");
    let path = format!("/sys/kernel/config/cluster/webc/heartbeat/{}/dev", bad.uuid);
    fs::remove_file(world.path(&path)).unwrap();
    world.directory(&path);
    let (code, text) = world.ended("ocfs2_hb_ctl", &["--repair"]);
    assert_eq!(code, 2, "{text}");
    says(&text, "1 reference belongs to no mount");
}
