//! umount.ocfs2: when it leaves the group, and when it must not.

use crate::world::{Era, Volume, World, says};

const NO_SET: [i32; 0] = [];

fn mounted(era: Era) -> (World, Volume) {
    let world = World::online(era);
    let volume = world.volume("ubda", "");
    world.mount("/mnt");
    world.log.forget();
    (world, volume)
}

fn stopped(world: &World, volume: &Volume) -> bool {
    volume.counts() == NO_SET && world.regions().is_empty()
}

/// The driver shows the stack on the disk also where the mount uses none: without its cluster, or
/// from a read-only device.
#[test]
fn a_mount_without_its_cluster_takes_no_reference() {
    for options in ["rw,nocluster,", "ro,"] {
        let world = World::online(Era::Now);
        let volume = world.volume("ubda", "--cluster-stack=o2cb --cluster-name=webc");
        world.run_in_child("ocfs2_hb_ctl", &["-S", "-d", "/dev/ubda", "me"]);
        assert_eq!(volume.counts(), [0, 1, 0]);
        let device = world.path("/dev/ubda");
        let table = world.read("/proc/self/mountinfo");
        let mount = format!(
            "{table}\n9 1 98:0 / /mnt rw - ocfs2 {} {options}heartbeat=none,cluster_stack=o2cb\n",
            device.display()
        );
        world.write("/proc/self/mountinfo", &mount);
        world.umount("/mnt");
        assert_eq!(volume.counts(), [0, 1, 0], "{options}");
    }
}

#[test]
fn the_last_one_stops_the_heartbeat() {
    let (world, volume) = mounted(Era::Now);
    world.umount("/mnt");
    let remove = format!("remove webc/heartbeat/{} [1 1 1]", volume.uuid);
    assert_eq!(world.log.all(), ["umount /mnt 0x8", &remove]);
    assert!(stopped(&world, &volume));
}

#[test]
fn by_device_it_takes_the_latest_mount() {
    let (world, volume) = mounted(Era::Now);
    world.mount("/mnt2");
    world.log.forget();
    world.umount("/dev/ubda");
    // Another mount is to be seen: nothing is even tried.
    assert_eq!(world.calls(), ["umount /mnt2 0x8"]);
    assert_eq!(volume.counts(), [0, 1, 1]);
    world.umount("/dev/ubda");
    assert!(stopped(&world, &volume));
}

/// A lazy unmount, or another mount namespace: the kernel alone knows.
#[test]
fn a_pinned_region_stays_with_its_reference() {
    let (world, volume) = mounted(Era::Now);
    world.write("/.fake/busy/ubda", "");
    let (code, said) = world.refused("umount.ocfs2", &["/mnt"]);
    assert_eq!((code, world.calls().len()), (32, 1));
    assert!(
        said.starts_with("unmounting /mnt: files on it are in use"),
        "{said}"
    );
    world.ok("umount.ocfs2", &["-l", "/mnt"]);
    let remove = format!("? remove webc/heartbeat/{} [1 1 1]: pinned", volume.uuid);
    assert_eq!(world.log.all()[..2], ["umount /mnt 0xa", &remove]);
    assert_eq!((volume.counts(), world.regions().len()), (vec![0, 1, 1], 1));
    // Mounted anew while it lives on: still one reference.
    world.mount("/mnt");
    assert_eq!(volume.counts(), [0, 1, 1]);
    std::fs::remove_file(world.path("/.fake/busy/ubda")).unwrap();
    world.ok("umount.ocfs2", &["-f", "/mnt"]);
    assert!(stopped(&world, &volume));
}

/// umount2(2) would end the other one.
#[test]
fn a_volume_that_another_mount_covers_stays() {
    let (world, volume) = mounted(Era::Now);
    let mut lines = world.kernel().mounts();
    let mut cover = lines.last().unwrap().clone();
    (cover.number, cover.kind) = ("0:99".into(), "tmpfs".into());
    lines.push(cover);
    world.kernel().set_mounts(&lines);
    let (code, said) = world.refused("umount.ocfs2", &["/dev/ubda"]);
    says(&said, "another mount covers it");
    assert_eq!(
        (code, world.calls().len(), volume.counts()),
        (32, 0, vec![0, 1, 1])
    );
}

#[test]
fn a_mount_below_a_busy_one_is_named() {
    let (world, _volume) = mounted(Era::Now);
    let mut lines = world.kernel().mounts();
    let mut below = lines.last().unwrap().clone();
    (below.number, below.point) = ("0:99".into(), "/mnt/below".into());
    lines.push(below);
    world.kernel().set_mounts(&lines);
    world.write("/.fake/busy/ubda", "");
    let (_, said) = world.refused("umount.ocfs2", &["/mnt"]);
    let why = "/mnt/below is mounted below it (umount -R /mnt unmounts both)";
    assert_eq!(said, format!("unmounting /mnt: {why}"));
}

/// Nobody was there to leave when the superblock ended: `o2cb offline` tidies up.
#[test]
fn detached_superblock_that_has_ended_is_tidied_up() {
    let (world, volume) = mounted(Era::Now);
    world.write("/.fake/busy/ubda", "");
    world.ok("umount.ocfs2", &["-l", "/mnt"]);
    let (code, said) = world.refused("o2cb", &["offline"]);
    assert_eq!(code, 1);
    says(
        &said,
        "by a volume that is mounted out of sight, or a lock domain",
    );
    assert_eq!(volume.counts(), [0, 1, 1]);
    world.kernel().end_superblock("ubda");
    world.ok("o2cb", &["offline"]);
    assert_eq!(volume.counts(), NO_SET);
    assert!(!world.clusters().join("webc").exists());
}

/// A program that comes and goes meanwhile is the last to have counted, but is not taken for
/// the owner of what is left.
#[test]
fn program_s_end_tidies_up_a_detached_superblock_that_has_ended() {
    let (world, volume) = mounted(Era::Now);
    let own = std::process::id();
    world.write(
        &format!("/proc/{own}/stat"),
        &format!("{own} (hb_ctl) R 1\n"),
    );
    world.write("/.fake/busy/ubda", "");
    world.ok("umount.ocfs2", &["-l", "/mnt"]);
    world.kernel().end_superblock("ubda");
    let program = |action| world.run("ocfs2_hb_ctl", &[action, "-d", "/dev/ubda", "program"]);
    program("-S").unwrap();
    assert_eq!(volume.counts(), [0, 2, 1]);
    program("-K").unwrap();
    world.assert_no_heartbeat(&volume);
}

/// The driver wants the mount's own options again, and its heartbeat's above all.
#[test]
fn busy_with_r_becomes_read_only_and_stays_a_member() {
    let (world, volume) = World::with_volume();
    let words = "noatime,nosuid,data=writeback,acl";
    world.ok("mount.ocfs2", &["-o", words, "/dev/ubda", "/mnt"]);
    world.write("/.fake/busy/ubda", "");
    world.log.forget();
    world.ok("umount.ocfs2", &["-r", "/mnt"]);
    let remount = "mount /dev/ubda /mnt ocfs2 0x423 data=writeback,acl,heartbeat=local [1 1]";
    assert_eq!(world.calls(), ["umount /mnt 0x8", remount]);
    assert_eq!((volume.counts(), world.regions().len()), (vec![0, 1, 1], 1));
}

#[test]
fn failed_unmount_changes_nothing() {
    let (world, volume) = mounted(Era::Now);
    for (errno, code) in [(libc::EPERM, 1), (libc::EINVAL, 32), (libc::ENOMEM, 2)] {
        world.log.fail_no_more();
        world.log.fail("umount", errno);
        let (got, said) = world.refused("umount.ocfs2", &["/mnt"]);
        assert!(said.starts_with("unmounting /mnt: "), "{said}");
        assert_eq!((got, world.calls().len()), (code, 1));
        assert_eq!(volume.counts(), [0, 1, 1]);
    }
}

#[test]
fn what_is_not_mounted_or_of_another_kind_is_refused() {
    let (world, _volume) = mounted(Era::Now);
    world.volume("ubdb", "");
    for (given, sentence) in [
        ("/dev/ubdb", "/dev/ubdb is not mounted"),
        ("/proc", "/proc is mounted as proc, not as ocfs2"),
        (
            "/no/such/place",
            "/no/such/place: No such file or directory",
        ),
    ] {
        assert_eq!(
            world.refused("umount.ocfs2", &[given]),
            (32, sentence.into())
        );
    }
    assert!(world.calls().is_empty());
}

/// Where hb_ctl_path names a program, the kernel's callout leaves, and it alone.
#[test]
fn the_callout_leaves_where_it_is_a_program() {
    for (program, exists, called) in [
        ("/sbin/ocfs2_hb_ctl", true, true),
        ("/sbin/ocfs2_hb_ctl", false, false),
        ("/bin/true", true, false),
        ("/usr/bin/true", true, false),
        ("", false, false),
    ] {
        let (world, volume) = mounted(Era::Now);
        world.write("/proc/sys/fs/ocfs2/nm/hb_ctl_path", &format!("{program}\n"));
        if exists {
            world.write(program, "");
        }
        world.umount("/mnt");
        let calls = world.log.all();
        assert_eq!(
            calls.iter().any(|call| call.starts_with("? callout")),
            called
        );
        assert_eq!(
            calls
                .iter()
                .filter(|call| call.starts_with("remove"))
                .count(),
            1
        );
        assert!(stopped(&world, &volume), "{program}");
    }
}

/// The C tools' callout counts a reference down and would leave a mark.
#[test]
fn the_mark_is_set_where_who_leaves_knows_it() {
    let callout = "/sbin/ocfs2_hb_ctl";
    for (program, own, mark) in [
        ("/bin/true", false, 1),
        (callout, true, 1),
        (callout, false, 0),
    ] {
        let (world, volume) = World::with_volume();
        world.write("/proc/sys/fs/ocfs2/nm/hb_ctl_path", &format!("{program}\n"));
        world.write(program, "");
        if own {
            std::fs::hard_link(world.path(program), world.path("/proc/self/exe")).unwrap();
        } else {
            world.write("/proc/self/exe", "");
        }
        // The second one's reference is not kept, whichever process gives the first one's back.
        for point in ["/mnt", "/mnt2"] {
            world.mount(point);
            assert_eq!(volume.counts(), [0, 1, mark]);
        }
        for point in ["/mnt", "/mnt2"] {
            assert_eq!(volume.counts(), [0, 1, mark]);
            world.umount(point);
        }
        assert!(stopped(&world, &volume));
    }
}

#[test]
fn the_callout_comes_with_the_last_mount_only() {
    let (world, volume) = mounted(Era::Now);
    world.write("/proc/sys/fs/ocfs2/nm/hb_ctl_path", "/sbin/ocfs2_hb_ctl\n");
    world.write("/sbin/ocfs2_hb_ctl", "");
    world.mount("/mnt2");
    world.umount("/mnt");
    assert_eq!(volume.counts(), [0, 1, 1]);
    world.umount("/mnt2");
    assert!(stopped(&world, &volume));
}

/// The volume is unmounted, and a heartbeat too many is no reason to say that it is not.
#[test]
fn a_leave_that_fails_is_only_a_warning() {
    let (world, volume) = mounted(Era::Now);
    world.log.fail("remove", libc::EIO);
    world.umount("/mnt");
    assert_eq!((volume.counts(), world.regions().len()), (vec![0, 1, 1], 1));
    world.log.fail_no_more();
    world.ok("o2cb", &["offline"]);
    assert_eq!(volume.counts(), NO_SET);
}
