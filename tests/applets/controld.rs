//! Volumes whose group a daemon keeps: what is said to it, in which order and on which
//! connection, and what comes of a daemon that does not keep its rules.

mod losses;
mod mischief;
mod online;
mod real;

use crate::peer::Peer;
use crate::world::{Era, Volume, World, says};
use std::fs;

const CMAN: &str = "--cluster-stack=cman --cluster-name=hacl";

/// A machine whose daemon runs, and a volume of its cluster.
fn world() -> (World, Peer, Volume) {
    let world = World::bare(Era::Now);
    let peer = world.peer();
    let volume = world.volume("ubda", CMAN);
    (world, peer, volume)
}

/// The notes, with this machine's directory and the volume's UUID taken out.
fn notes(world: &World, peer: &Peer, volume: &Volume) -> Vec<String> {
    let plain = |note: String| {
        note.replace(world.root.to_str().unwrap(), "")
            .replace(&volume.uuid.to_string(), "U")
    };
    peer.notes().into_iter().map(plain).collect()
}

fn ledger(world: &World, volume: &Volume) -> String {
    let text = world.read(&format!("/run/ocfs2box/{}", volume.uuid));
    text.replace(world.root.to_str().unwrap(), "")
        .replace('\0', "|")
}

#[test]
fn a_mount_and_its_unmount() {
    let (world, peer, volume) = world();
    world.mount("/mnt");
    assert_eq!(
        world.calls(),
        [
            "load ocfs2",
            "load ocfs2_stack_user",
            "write /sys/fs/ocfs2/cluster_stack cman",
            "mount /dev/ubda /mnt ocfs2 0x0 cluster_stack=cman"
        ]
    );
    let said = notes(&world, &peer, &volume);
    assert_eq!(
        said[..4],
        [
            "1 < MOUNT ocfs2 U hacl /dev/ubda /mnt",
            "1 > STATUS 0 OK",
            "1 < MRESULT ocfs2 U 0 /mnt",
            "1 > STATUS 0 OK",
        ]
    );
    assert_eq!(ledger(&world, &volume), "98:0 /dev/ubda|+/mnt|");
    world.umount("/mnt");
    let said = notes(&world, &peer, &volume);
    assert!(
        said.contains(&"2 < UNMOUNT ocfs2 U /mnt".into()),
        "{said:?}"
    );
    assert!(peer.groups().is_empty());
    assert!(
        !world
            .path(&format!("/run/ocfs2box/{}", volume.uuid))
            .exists()
    );
    let questions = world.log.all();
    let asked = questions
        .iter()
        .position(|line| line == "? claimed /dev/ubda");
    assert!(
        asked > Some(0),
        "first the unmount, then the claim: {questions:?}"
    );
}

/// While the driver may have the device, nothing of the daemon's is left.
#[test]
fn every_service_goes_with_the_superblock_and_none_before() {
    let (world, peer, volume) = world();
    let of = |services: &str| vec![format!("{} {services}", volume.uuid)];
    world.mount("/mnt");
    // A bind mount is no service, a mount elsewhere is one more.
    world.ok("mount.ocfs2", &["-o", "bind", "/mnt", "/mnt2"]);
    world.umount("/mnt2");
    assert_eq!(peer.groups(), of("/mnt"));
    world.mount("/mnt2");
    assert_eq!(peer.groups(), of("/mnt,/mnt2"));
    world.umount("/mnt");
    assert_eq!(peer.groups(), of("/mnt,/mnt2"), "it is mounted yet");
    // Its service is there: the daemon would refuse a second one.
    peer.notes();
    world.mount("/mnt");
    assert_eq!(peer.heard(), [""; 0]);
    // Moved, it is another place's to be unmounted.
    let table = world
        .read("/proc/self/mountinfo")
        .replace("/mnt2 ", "/elsewhere ");
    world.directory("/elsewhere");
    world.write("/proc/self/mountinfo", &table);
    world.umount("/mnt");
    world.umount("/elsewhere");
    assert!(peer.groups().is_empty(), "{:?}", peer.groups());
    // The last is left last.
    let said = notes(&world, &peer, &volume);
    let left: Vec<_> = said
        .iter()
        .filter(|note| note.contains("UNMOUNT"))
        .collect();
    assert!(
        left[0].ends_with(" /mnt") && left[1].ends_with(" /mnt2"),
        "{left:?}"
    );
}

#[test]
fn detached_superblock_keeps_its_services() {
    let (world, peer, volume) = world();
    world.mount("/mnt");
    world.write("/.fake/busy/ubda", "");
    world.ok("umount.ocfs2", &["-l", "/mnt"]);
    assert_eq!(peer.groups(), [format!("{} /mnt", volume.uuid)]);
    let (_, said) = world.refused("ocfs2_hb_ctl", &["-K", "-d", "/dev/ubda", "/mnt"]);
    says(
        &said,
        "the volume is mounted, and its group must not be left",
    );
    let (_, said) = world.refused("ocfs2_hb_ctl", &["-K", "-u", &volume.uuid.to_string()]);
    says(&said, "its group must not be left");
    // The process that waits is not the only one to see the end.
    fs::remove_file(world.path("/.fake/busy/ubda")).unwrap();
    world.kernel().end_superblock("ubda");
    let (_, said) = world.refused("ocfs2_hb_ctl", &["-K", "-d", "/dev/ubda", "x"]);
    says(&said, "has no such service with ocfs2_controld");
    assert!(peer.groups().is_empty());
}

#[test]
fn the_kernels_callout_leaves() {
    let (world, peer, volume) = world();
    world.mount("/mnt");
    world.write(
        "/proc/sys/fs/ocfs2/nm/hb_ctl_path",
        "/proc/self/ocfs2_hb_ctl\n",
    );
    std::os::unix::fs::symlink("/proc/self/exe", world.path("/proc/self/ocfs2_hb_ctl")).unwrap();
    std::os::unix::fs::symlink("/proc/self/exe", world.path("/proc/self/exe")).unwrap();
    peer.notes();
    world.umount("/mnt");
    assert!(
        world
            .log
            .all()
            .iter()
            .any(|line| line.starts_with("? callout -K"))
    );
    assert!(peer.groups().is_empty());
    let said = notes(&world, &peer, &volume);
    let left = said.iter().filter(|note| note.contains("UNMOUNT"));
    assert_eq!(left.count(), 1, "one of the two leaves: {said:?}");
}

#[test]
fn a_failed_mount_sends_its_errno() {
    let (world, peer, volume) = world();
    world.log.fail("mount /dev/ubda", libc::EROFS);
    let (code, said) = world.refused("mount.ocfs2", &["/dev/ubda", "/mnt"]);
    assert_eq!(code, 32);
    says(&said, "the device is write-protected");
    let said = notes(&world, &peer, &volume);
    let result = format!("1 < MRESULT ocfs2 U {} /mnt", libc::EROFS);
    assert_eq!(said[2..4], [result, "1 > STATUS 0 OK".into()]);
    assert!(peer.groups().is_empty());
    assert_eq!(ledger(&world, &volume), "");
}

/// Spaces and any UTF-8 go through; a place that is too long is refused before anything is.
#[test]
fn services_are_mount_points_as_they_were_given() {
    let (world, peer, volume) = world();
    world.directory("/mnt/ein Übel  x");
    world.mount("/mnt/../mnt/ein Übel  x");
    let services = format!("{} /mnt/../mnt/ein Übel  x", volume.uuid);
    assert_eq!(peer.groups(), [services]);
    world.umount("/dev/ubda");
    assert!(peer.groups().is_empty());

    let long = format!("/mnt/{}", "x".repeat(220));
    world.directory(&long);
    peer.notes();
    let (code, said) = world.refused("mount.ocfs2", &["/dev/ubda", &long]);
    assert_eq!(code, 32);
    says(&said, "too long for a message to ocfs2_controld, by ");
    assert_eq!(peer.heard(), [""; 0]);
    assert_eq!(ledger(&world, &volume), "");
}

#[test]
fn a_copy_of_a_mounted_volume_is_refused() {
    let (world, peer, volume) = world();
    world.mount("/mnt");
    world.volume("ubdb", "");
    fs::copy(world.path("/dev/ubda"), world.path("/dev/ubdb")).unwrap();
    let (_, said) = world.refused("mount.ocfs2", &["/dev/ubdb", "/mnt2"]);
    says(&said, "is mounted from /dev/ubda, which is another device");
    assert_eq!(peer.groups(), [format!("{} /mnt", volume.uuid)]);
}

#[test]
fn programs_are_services_by_their_names() {
    let (world, peer, volume) = world();
    let of = |services: &str| vec![format!("{} {services}", volume.uuid)];
    let hb_ctl = |args: &[&str]| world.run("ocfs2_hb_ctl", args);
    hb_ctl(&["-S", "-d", "/dev/ubda", "backup"]).unwrap();
    assert_eq!(peer.groups(), of("backup"));
    let (_, said) = world.refused("ocfs2_hb_ctl", &["-S", "-d", "/dev/ubda", "backup"]);
    says(
        &said,
        "is already mounted on backup (Device or resource busy)",
    );
    assert_eq!(peer.groups(), of("backup"));
    world.mount("/mnt");
    hb_ctl(&["-K", "-d", "/dev/ubda", "backup"]).unwrap();
    assert_eq!(peer.groups(), of("/mnt"));
    assert!(hb_ctl(&["-P", "-d", "/dev/ubda"]).is_ok());
    world.umount("/mnt");
    assert!(peer.groups().is_empty());
    let (_, said) = world.refused("ocfs2_hb_ctl", &["-K", "-d", "/dev/ubda", "backup"]);
    says(&said, "has no such service with ocfs2_controld");
}

#[test]
fn pcmk_on_kernels_that_need_the_daemon() {
    let (world, peer, _) = world();
    let volume = world.volume("ubdb", "--cluster-stack=pcmk --cluster-name=hacl");
    world
        .run(
            "mount.ocfs2",
            &["-f", "-o", "nocluster=yes", "/dev/ubdb", "/mnt"],
        )
        .unwrap();
    world.kernel().bring("ocfs2");
    fs::remove_file(world.path("/sys/fs/ocfs2/dlm_recover_callback_support")).unwrap();
    world.ok("mount.ocfs2", &["/dev/ubdb", "/mnt"]);
    assert_eq!(peer.groups(), [format!("{} /mnt", volume.uuid)]);
    // Another stack is in use now.
    let (_, said) = world.refused("mount.ocfs2", &["/dev/ubda", "/mnt2"]);
    let both = "belongs to cluster \"hacl\" (stack cman); this node runs the stack pcmk";
    says(&said, both);
    world.umount("/mnt");
    assert!(peer.groups().is_empty());
}

#[test]
fn an_image_in_a_file_joins_nothing() {
    let (world, peer, _) = world();
    world.refuse_image();
    assert_eq!(peer.heard(), [""; 0]);
}
