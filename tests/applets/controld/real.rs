//! What the real daemon does beyond its protocol, and what becomes of a mount then.

use super::{ledger, notes, world};
use crate::peer::Peer;
use crate::world::{Volume, World, says};

/// What was heard and said of the volume since the last time; no bug of the daemon is set off.
#[track_caller]
fn sound(world: &World, peer: &Peer, volume: &Volume) -> Vec<String> {
    let said = notes(world, peer, volume);
    assert!(!said.iter().any(|note| note.starts_with('!')), "{said:?}");
    said.into_iter()
        .filter_map(|note| Some(note.split_once(' ')?.1.to_owned()))
        .filter(|note| note != ".")
        .collect()
}

#[test]
fn failed_registration_is_not_taken_for_a_joined_group() {
    let (world, peer, volume) = world();
    peer.register(&volume.uuid.to_string());
    let (code, said) = world.refused("mount.ocfs2", &["/dev/ubda", "/mnt"]);
    assert_eq!(code, 32);
    let text = format!(
        "ocfs2_controld refuses: Error registering mg {} with dlm_controld: Operation already in \
         progress (dlm_controld has an earlier registration of the volume: retry; ",
        volume.uuid
    );
    says(&said, &text);
    assert!(world.calls().iter().all(|call| !call.starts_with("mount ")));
    assert!(peer.groups().is_empty() && ledger(&world, &volume).is_empty());
    sound(&world, &peer, &volume);
}

#[test]
fn dlm_controld_without_its_option_is_named() {
    let (world, peer, volume) = world();
    peer.order("register fails 95");
    let (_, said) = world.refused("mount.ocfs2", &["/dev/ubda", "/mnt"]);
    let told = "with dlm_controld: Operation not supported (start dlm_controld with \
                --enable_fscontrol=1)";
    says(&said, told);
    assert!(peer.groups().is_empty() && ledger(&world, &volume).is_empty());
}

#[test]
fn mount_without_a_group_is_unmounted_at_once() {
    let (world, peer, volume) = world();
    for answer in [
        "22 Client is not attached to a mountgroup",
        "2 No mount in progress for filesystem U",
    ] {
        peer.order(&format!("MRESULT say STATUS {answer}"));
        world.calls();
        let (code, said) = world.refused("mount.ocfs2", &["/dev/ubda", "/mnt"]);
        assert_eq!(code, 32);
        let told = "mounting it on /mnt: ocfs2_controld has no group for it";
        says(&said, told);
        let calls = world.calls();
        let last = calls.last().expect("a call");
        assert!(last.starts_with("umount /mnt"), "{calls:?}");
        assert_eq!(ledger(&world, &volume), "");
        // The peer has taken it for mounted when the connection ended.
        peer.order("");
        world.mount("/mnt");
        world.umount("/mnt");
        assert!(peer.groups().is_empty());
    }
}

#[test]
fn failed_further_mount_leaves_the_daemon_sound() {
    let (world, peer, volume) = world();
    world.volume("ubdb", super::CMAN);
    world.directory("/mnt3");
    world.ok("mount.ocfs2", &["/dev/ubdb", "/mnt3"]);
    world.mount("/mnt");
    for _ in 0..2 {
        sound(&world, &peer, &volume);
        world.log.fail("mount /dev/ubda", libc::EBUSY);
        world.refused("mount.ocfs2", &["/dev/ubda", "/mnt2"]);
        world.log.fail_no_more();
        let said = sound(&world, &peer, &volume);
        assert_eq!(
            said[..6],
            [
                "< MOUNT ocfs2 U hacl /dev/ubda /mnt2",
                "> STATUS 114 Already mounted, go ahead",
                "< MRESULT ocfs2 U 0 /mnt2",
                "> STATUS 0 OK",
                "< UNMOUNT ocfs2 U /mnt2",
                "> STATUS 0 OK",
            ]
        );
        assert_eq!(ledger(&world, &volume), "98:0 /dev/ubda|+/mnt|");
        // Of the other volume nothing was said to the wrong group.
        world.log.fail("mount /dev/ubdb", libc::EBUSY);
        world.refused("mount.ocfs2", &["/dev/ubdb", "/mnt2"]);
        world.log.fail_no_more();
    }
    world.mount("/mnt2");
    world.umount("/mnt2");
    world.umount("/mnt");
    assert_eq!(peer.groups().len(), 1, "{:?}", peer.groups());
    world.umount("/mnt3");
    assert!(peer.groups().is_empty(), "{:?}", peer.groups());
    sound(&world, &peer, &volume);
}

/// The text is cut inside a character.
#[test]
fn names_in_any_bytes_are_refused_and_left() {
    let (world, peer, volume) = world();
    let uuid = volume.uuid.to_string();
    world.mount("/mnt");
    let long = format!("/mnt{}", "é".repeat(60));
    for service in [&b"caf\xe9 au lait"[..], b"cut \xc3", long.as_bytes()] {
        let run = |args: &[&str]| world.run_with("ocfs2_hb_ctl", args, service);
        run(&["-S", "-d", "/dev/ubda"]).unwrap();
        let refused = run(&["-S", "-d", "/dev/ubda"]).unwrap_err().to_string();
        let told = format!("Filesystem {uuid} is already mounted on ");
        says(&refused, &told);
        assert_eq!(ledger(&world, &volume), "98:0 /dev/ubda|+/mnt|");
        world.ok("ocfs2_hb_ctl", &["-I", "-u", &uuid]);
        run(&["-K", "-d", "/dev/ubda"]).unwrap();
        let unknown = run(&["-K", "-d", "/dev/ubda"]).unwrap_err().to_string();
        says(&unknown, "has no such service");
    }
    world.umount("/mnt");
    assert!(peer.groups().is_empty());
    sound(&world, &peer, &volume);
}

#[test]
fn ledger_entry_that_the_daemon_cannot_have_keeps_no_other() {
    let (world, peer, volume) = world();
    world.mount("/mnt");
    let path = format!("/run/ocfs2box/{}", volume.uuid);
    let device = world.path("/dev/ubda");
    let long = "x".repeat(300);
    let text = format!("98:0 {}\0+{long}\0+/never\0+/mnt\0", device.display());
    world.write(&path, &text);
    world.umount("/mnt");
    assert!(peer.groups().is_empty(), "{:?}", peer.groups());
    assert!(!world.path(&path).exists());
    sound(&world, &peer, &volume);
}

/// The guard counts the places where the volume is mounted.
#[test]
fn killing_services_never_leaves_the_group_of_a_mounted_volume() {
    let (world, peer, volume) = world();
    world.mount("/mnt");
    world.mount("/mnt2");
    world.umount("/mnt2");
    let kill = |service: &str| world.run("ocfs2_hb_ctl", &["-K", "-d", "/dev/ubda", service]);
    kill("/mnt2").unwrap();
    assert_eq!(ledger(&world, &volume), "98:0 /dev/ubda|+/mnt|");
    let refused = kill("/mnt").unwrap_err().to_string();
    says(&refused, "must not be left");
    // What is written down of a place that is not mounted is no other.
    world.mount("/mnt2");
    world.umount("/mnt2");
    let refused = kill("/mnt").unwrap_err().to_string();
    says(&refused, "must not be left");
    assert_eq!(peer.groups(), [format!("{} /mnt,/mnt2", volume.uuid)]);
    world.umount("/mnt");
    assert!(peer.groups().is_empty());
    sound(&world, &peer, &volume);
}

#[test]
fn interrupted_join_is_in_doubt_and_settled_by_a_retry() {
    let (world, peer, volume) = world();
    // Given up while corosync joins; then the group is left, and no MOUNT comes meanwhile.
    peer.order("MOUNT held\nleave held");
    let (code, said) = world.interrupted("mount.ocfs2", &["/dev/ubda", "/mnt"]);
    assert_eq!(code, 8, "{said}");
    let told = "ocfs2_controld has not joined the volume's group yet, and rolls that back by \
                itself; the next mount waits for it: interrupted";
    says(&said, told);
    assert_eq!(ledger(&world, &volume), "98:0 /dev/ubda|?/mnt|");
    peer.order("leave held");
    let (code, said) = world.interrupted("mount.ocfs2", &["/dev/ubda", "/mnt"]);
    assert_eq!(code, 8, "{said}");
    let told = "ocfs2_controld has not left the volume's group yet: interrupted";
    says(&said, told);
    peer.order("leave slow 300");
    world.mount("/mnt");
    peer.order("");
    world.umount("/mnt");
    assert!(peer.groups().is_empty() && ledger(&world, &volume).is_empty());
    let said = sound(&world, &peer, &volume);
    let own = said.iter().filter(|note| note.starts_with("< MOUNT"));
    assert_eq!(own.count(), 2, "{said:?}");
}

/// The answer to a further service is of no consequence to the daemon: it takes the one that was
/// given up for mounted.
#[test]
fn given_up_further_mount_is_settled_by_a_retry() {
    let (world, peer, volume) = world();
    world.mount("/mnt");
    peer.order("MOUNT then-end");
    world.write("/.fake/die", "before");
    world.run_in_child("mount.ocfs2", &["/dev/ubda", "/mnt2"]);
    world.write("/.fake/die", "");
    peer.order("");
    let text = world.read(&format!("/run/ocfs2box/{}", volume.uuid));
    world.write(
        &format!("/run/ocfs2box/{}", volume.uuid),
        &text
            .replace("+/mnt2", "?/mnt2")
            .replace(&format!("+{}", world.path("/mnt2").display()), "?/mnt2"),
    );
    assert_eq!(peer.groups(), [format!("{} /mnt,/mnt2", volume.uuid)]);
    world.mount("/mnt2");
    world.umount("/mnt2");
    world.umount("/mnt");
    assert!(peer.groups().is_empty() && ledger(&world, &volume).is_empty());
    sound(&world, &peer, &volume);
}

/// An unmount that ends before the daemon has left, and a program's.
#[test]
fn mount_waits_for_a_group_that_is_being_left() {
    let (world, peer, volume) = world();
    for program in [false, true] {
        if program {
            world.ok("ocfs2_hb_ctl", &["-S", "-d", "/dev/ubda", "backup"]);
            peer.order("leave held");
            let (_, said) = world.refused("ocfs2_hb_ctl", &["-K", "-d", "/dev/ubda", "backup"]);
            says(&said, "has not answered within 1 s");
        } else {
            world.mount("/mnt");
            peer.order("leave held");
            world.umount("/mnt");
        }
        assert!(ledger(&world, &volume).contains('?'));
        peer.order("leave slow 300");
        world.mount("/mnt");
        assert_eq!(ledger(&world, &volume), "98:0 /dev/ubda|+/mnt|");
        peer.order("");
        world.umount("/mnt");
        assert!(peer.groups().is_empty() && ledger(&world, &volume).is_empty());
        sound(&world, &peer, &volume);
    }
}

#[test]
fn full_dump_is_shown() {
    let (world, peer, volume) = world();
    world.mount("/mnt");
    peer.order("DUMP full");
    let uuid = volume.uuid.to_string();
    let shown = world.printed("ocfs2_hb_ctl", &["-I", "-u", &uuid]);
    assert!(shown.len() > 1 << 20 && shown.contains("\tÜberlang é\n"));
    assert!(shown.contains(&format!("\t{uuid} /mnt\n")));
    world.printed("ocfs2_hb_ctl", &["-I", "--json", "-u", &uuid]);
    peer.order("");
    world.umount("/mnt");
}
