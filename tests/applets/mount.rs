//! mount.ocfs2: the order of its calls, and what is left after any of them has failed.

mod device;

use crate::world::{Era, World, says};

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
    let (world, volume) = World::with_volume();
    world.mount("/mnt");
    assert_eq!(world.log.calls(), first_mount(volume.uuid));
    // The superblock had none during the mount, and has that of the process now.
    assert_eq!(volume.counts(), [0, 1, 1]);
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
        let (world, volume) = World::with_volume();
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
    let (world, _) = World::with_volume();
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
    says(&shown, "kernel: Unrecognized mount option");
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
        let (world, volume) = World::with_volume();
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
        world.assert_no_heartbeat(&volume);
    }
}

/// An attribute of the region, the kernel's answer to it, and what the error says.
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
        let (world, volume) = World::with_volume();
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
        world.assert_no_heartbeat(&volume);
        // And nothing is in the way of the next try.
        world.log.fail_no_more();
        world.mount("/mnt");
        assert_eq!(volume.counts(), [0, 1, 1]);
    }
}

#[test]
fn the_mount_point_and_the_device_are_looked_at_before_anything() {
    let (world, _) = World::with_volume();
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

/// The raising of the priority is not worth a failure.
#[test]
fn what_only_helps_may_fail() {
    let (world, volume) = World::with_volume();
    world.log.fail("prefer", libc::EPERM);
    world.mount("/mnt");
    assert_eq!(volume.counts(), [0, 1, 1]);
}

/// Where the region is pinned by the mount, the joining reference ends with its process, and
/// the heartbeat's starter removes what nothing needs: a mount that was made needs it.
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
            world.umount("/mnt");
            world.assert_no_heartbeat(&volume);
        }
    }
}

/// The starter tidies for its own applet alone.
#[test]
fn a_process_that_dies_in_mount_leaves_a_program_s_heartbeat() {
    let (world, volume) = World::with_volume();
    world.ok("ocfs2_hb_ctl", &["-S", "-d", "/dev/ubda", "backup"]);
    world.write("/.fake/die", "before");
    world.run_in_child("mount.ocfs2", &["/dev/ubda", "/mnt"]);
    assert!(world.calls().last().unwrap().starts_with("mount "));
    assert_eq!((volume.counts(), world.regions().len()), (vec![0, 1, 3], 1));
    world.ok("ocfs2_hb_ctl", &["-K", "-d", "/dev/ubda", "backup"]);
    world.assert_no_heartbeat(&volume);
}
