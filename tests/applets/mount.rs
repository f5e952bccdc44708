//! mount.ocfs2: the order of its calls, and what is left after any of them has failed.

use crate::world::{Era, World};

const NO_SET: [i32; 0] = [];

/// The calls of a first mount; what counts the references is as in `Semaphores::values`.
fn first_mount(uuid: impl std::fmt::Display) -> Vec<String> {
    let region = format!("webc/heartbeat/{uuid}");
    vec![
        format!("make {region} [1 0 0]"),
        format!("write {region}/block_bytes 512"),
        format!("write {region}/start_block 296"),
        format!("write {region}/blocks 255"),
        format!("write {region}/dev FD"),
        "mount /dev/ubda /mnt ocfs2 0x0 heartbeat=local [1 3]".into(),
        "prefer the heartbeat's I/O".into(),
    ]
}

#[test]
fn joins_then_mounts_then_completes() {
    let world = World::online(Era::Now);
    let volume = world.volume("ubda", "");
    world.run("mount.ocfs2", &["/dev/ubda", "/mnt"]).unwrap();
    assert_eq!(world.log.calls(), first_mount(volume.uuid));
    // The superblock had none during the mount, and has that of the process now.
    assert_eq!(volume.counts(), [0, 1, 1]);
}

/// The write to `dev` asks for a device of this very volume: see the fake's harm.
#[test]
fn a_device_is_meant_by_any_of_its_names() {
    let world = World::online(Era::Now);
    let volume = world.volume("ubda", "");
    std::os::unix::fs::symlink("ubda", world.path("/dev/link")).unwrap();
    world.run("mount.ocfs2", &["/dev/link", "/mnt"]).unwrap();
    assert_eq!(world.log.calls(), first_mount(volume.uuid));
}

#[test]
fn nothing_follows_a_failed_mount_but_its_undoing() {
    for (errno, code, sentence) in [
        (
            libc::EINVAL,
            32,
            "the driver refuses the volume or the options",
        ),
        (libc::EBUSY, 32, "the device is in use: by another device"),
        (libc::ENOMEM, 2, "not enough memory"),
        (libc::EROFS, 32, "the device is write-protected"),
        (libc::EACCES, 32, "the device is write-protected"),
        (
            libc::ENOTCONN,
            32,
            "another node of the cluster could not be reached",
        ),
        (libc::EPERM, 1, "only root may mount"),
        (libc::ENODEV, 32, "this kernel does not know ocfs2"),
        (libc::EIO, 32, "reading or writing the volume failed"),
        (libc::EBADR, 32, "the kernel's DLM runs another cluster"),
        (libc::EUNATCH, 32, "the kernel's DLM has lost its daemon"),
        (libc::EXDEV, 32, "Invalid cross-device link"),
    ] {
        let world = World::online(Era::Now);
        let volume = world.volume("ubda", "");
        world.log.fail("mount /dev/ubda", errno);
        let (got, said) = world.refused("mount.ocfs2", &["/dev/ubda", "/mnt"]);
        assert_eq!(got, code, "{said}");
        let start = format!("/dev/ubda: mounting it on /mnt: {sentence}");
        assert!(said.starts_with(&start), "{said}");
        let mut calls = first_mount(volume.uuid);
        calls.pop();
        calls.push(format!("remove webc/heartbeat/{} [1 0 0]", volume.uuid));
        assert_eq!(world.log.calls(), calls);
        assert_eq!(volume.counts(), NO_SET);
    }
}

#[test]
fn the_kernel_s_own_words_follow_a_failed_mount() {
    let world = World::online(Era::Now);
    world.volume("ubda", "");
    let said = "ocfs2_parse_options:1455 ERROR: Unrecognized mount option \"x\" or missing value";
    let record = format!("3,1,9,-;(mount.ocfs2,{},0):{said}\n", std::process::id());
    // Not there when the mount begins, and there when it has failed.
    world.write("/dev/kmsg", "");
    world.write("/.fake/said", &record);
    world.log.fail("mount /dev/ubda", libc::EINVAL);
    let failed = world
        .run("mount.ocfs2", &["/dev/ubda", "/mnt"])
        .unwrap_err();
    assert!(
        failed
            .to_string()
            .contains("refuses a mount option, see below"),
        "{failed}"
    );
    let shown = format!("{failed:?}");
    assert!(
        shown.contains("kernel: Unrecognized mount option"),
        "{shown}"
    );
}

#[test]
fn a_region_that_cannot_be_made_leaves_nothing() {
    for (errno, code) in [
        (libc::ENOSPC, 32),
        (libc::ENOENT, 32),
        (libc::EACCES, 1),
        (libc::EPERM, 1),
        (libc::ENOMEM, 2),
    ] {
        let world = World::online(Era::Now);
        let volume = world.volume("ubda", "");
        world.log.fail("make", errno);
        let refused = world.refused("mount.ocfs2", &["/dev/ubda", "/mnt"]);
        let reason = std::io::Error::from_raw_os_error(errno).to_string();
        let reason = match errno {
            libc::ENOENT => "the cluster is not online any more (run: o2cb online)",
            _ => reason.split(" (os").next().unwrap(),
        };
        let sentence = format!(
            "/dev/ubda: making the heartbeat region {}: {reason}",
            volume.uuid
        );
        assert_eq!(refused, (code, sentence));
        assert_eq!(world.calls().len(), 1);
        assert_eq!((volume.counts(), world.regions().len()), (NO_SET.into(), 0));
    }
}

/// An attribute of the region, the kernel's answer to it, and what is told.
const REFUSED: [(&str, i32, &str); 5] = [
    (
        "block_bytes",
        libc::EINVAL,
        "setting block_bytes of the heartbeat region: Invalid",
    ),
    (
        "start_block",
        libc::EIO,
        "setting start_block of the heartbeat region: Input",
    ),
    (
        "blocks",
        libc::ERANGE,
        "setting blocks of the heartbeat region: Numerical",
    ),
    (
        "dev",
        libc::EINVAL,
        "starting the heartbeat: Invalid argument",
    ),
    ("dev", libc::EIO, "the heartbeat did not become steady"),
];

#[test]
fn each_attribute_that_cannot_be_written_leaves_nothing() {
    for (attribute, errno, reason) in REFUSED {
        let world = World::online(Era::Now);
        let volume = world.volume("ubda", "");
        world.log.fail(&format!("/{attribute} "), errno);
        let (code, said) = world.refused("mount.ocfs2", &["/dev/ubda", "/mnt"]);
        assert_eq!(code, 32);
        assert!(said.starts_with(&format!("/dev/ubda: {reason}")), "{said}");
        let calls = world.calls();
        assert!(
            calls.last().unwrap().starts_with("remove webc/heartbeat/"),
            "{calls:?}"
        );
        assert_eq!(
            calls
                .iter()
                .filter(|call| call.starts_with("mount"))
                .count(),
            0
        );
        assert_eq!((volume.counts(), world.regions().len()), (NO_SET.into(), 0));
        // And nothing is in the way of the next try.
        world.log.fail_no_more();
        world.run("mount.ocfs2", &["/dev/ubda", "/mnt"]).unwrap();
        assert_eq!(volume.counts(), [0, 1, 1]);
    }
}

#[test]
fn the_mount_point_and_the_device_are_looked_at_before_anything() {
    let world = World::online(Era::Now);
    world.volume("ubda", "");
    world.write("/file", "");
    std::os::unix::fs::symlink("nowhere", world.path("/broken")).unwrap();
    for (device, point, sentence) in [
        ("/dev/ubda", "/none", "mount point /none does not exist"),
        ("/dev/ubda", "/file", "mount point /file is not a directory"),
        (
            "/dev/ubda",
            "/broken",
            "mount point /broken is a broken symbolic link",
        ),
        ("/dev/ubdb", "/mnt", "/dev/ubdb: no such device"),
    ] {
        let refused = world.refused("mount.ocfs2", &[device, point]);
        assert_eq!(refused, (32, sentence.to_owned()));
    }
    assert!(world.log.all().is_empty());
}

/// The name leads to another device from the start of the heartbeat on.
#[test]
fn a_device_renamed_before_mount_2_is_not_mounted() {
    let world = World::online(Era::Now);
    let volume = world.volume("ubda", "");
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
    let world = World::online(Era::Now);
    let volume = world.volume("ubda", "");
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
    let world = World::online(Era::Now);
    world.volume("ubda", "");
    world.volume("ubdb", "");
    world.run("mount.ocfs2", &["/dev/ubda", "/mnt"]).unwrap();
    world.log.forget();
    let args = ["-o", "remount,ro", "/dev/ubdb", "/mnt"];
    let (code, said) = world.refused("mount.ocfs2", &args);
    let says = "read from device 98:16, but device 98:0 is in its place";
    assert!(code == 32 && said.contains(says), "{said}");
    assert_eq!(world.calls(), [""; 0]);
    let args = ["-o", "remount,ro", "/dev/ubda", "/mnt"];
    world.run("mount.ocfs2", &args).unwrap();
    assert_eq!(world.calls().len(), 1);
}

/// The raising of the priority is not worth a failure.
#[test]
fn what_only_helps_may_fail() {
    let world = World::online(Era::Now);
    let volume = world.volume("ubda", "");
    world.log.fail("prefer", libc::EPERM);
    world.run("mount.ocfs2", &["/dev/ubda", "/mnt"]).unwrap();
    assert_eq!(volume.counts(), [0, 1, 1]);
}

/// Where the region is pinned by the mount, the joining reference ends with its process, and
/// the heartbeat's starter takes away what nobody needs: a mount that was made needs it.
#[test]
fn a_process_that_dies_in_mount_leaves_no_reference() {
    let kept = &[0, 1, 0][..];
    for (era, when, left, regions) in [
        (Era::Now, "before", &NO_SET[..], 0),
        (Era::Now, "after", &[0, 0, 3], 1),
        (Era::Old, "before", kept, 1),
        (Era::Old, "after", kept, 1),
    ] {
        let world = World::online(era);
        let volume = world.volume("ubda", "");
        world.write("/.fake/die", when);
        world.run_in_child("mount.ocfs2", &["/dev/ubda", "/mnt"]);
        // Nor is the kernel asked to remove what it shows as mounted.
        let calls = world.log.all();
        let at = calls.iter().position(|call| call.starts_with("mount "));
        let remove = format!("remove webc/heartbeat/{} [1 0 0]", volume.uuid);
        let tidied: &[String] = if regions == 0 { &[remove] } else { &[] };
        assert_eq!(calls[at.unwrap() + 1..], *tidied);
        assert_eq!(
            (volume.counts().as_slice(), world.regions().len()),
            (left, regions)
        );
        if when == "after" {
            world.run("umount.ocfs2", &["/mnt"]).unwrap();
            assert_eq!((volume.counts(), world.regions().len()), (NO_SET.into(), 0));
        }
    }
}

/// The starter tidies for its own applet alone.
#[test]
fn a_process_that_dies_in_mount_leaves_a_program_s_heartbeat() {
    let world = World::online(Era::Now);
    let volume = world.volume("ubda", "");
    world
        .run("ocfs2_hb_ctl", &["-S", "-d", "/dev/ubda", "backup"])
        .unwrap();
    world.write("/.fake/die", "before");
    world.run_in_child("mount.ocfs2", &["/dev/ubda", "/mnt"]);
    assert!(world.calls().last().unwrap().starts_with("mount "));
    assert_eq!((volume.counts(), world.regions().len()), (vec![0, 1, 3], 1));
    world
        .run("ocfs2_hb_ctl", &["-K", "-d", "/dev/ubda", "backup"])
        .unwrap();
    assert_eq!((volume.counts(), world.regions().len()), (NO_SET.into(), 0));
}
