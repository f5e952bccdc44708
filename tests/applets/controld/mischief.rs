//! A daemon that does not keep its rules, and what the user reads of each.

use super::{CMAN, ledger, notes, world};
use crate::peer;
use crate::world::{Era, World, says};

/// What it says instead of an answer to MOUNT, and what the user reads.
#[test]
fn a_daemon_that_does_not_keep_its_rules() {
    let (world, peer, volume) = world();
    for (orders, told) in [
        (
            "MOUNT stall",
            "waiting for the rest of an answer: ocfs2_controld has not answered within 1 s",
        ),
        (
            "MOUNT drip",
            "waiting for the rest of an answer: ocfs2_controld has not answered within 1 s",
        ),
        (
            "MOUNT end",
            "has closed the connection without an answer (see its log)",
        ),
        (
            "MOUNT half",
            "has closed the connection in the middle of its answer",
        ),
        ("MOUNT raw 255", "ocfs2_controld answers with rubbish"),
        ("MOUNT raw 65", "ocfs2_controld answers with rubbish"),
        ("MOUNT raw 0", "ocfs2_controld answers with rubbish"),
        (
            "MOUNT say STATUS x OK",
            "ocfs2_controld answers with rubbish",
        ),
        (
            "MOUNT say STATUS -5 OK",
            "ocfs2_controld answers with rubbish",
        ),
        ("MOUNT say STATUS 5", "ocfs2_controld answers with rubbish"),
        (
            "MOUNT say MOUNT ocfs2",
            "ocfs2_controld answers with rubbish",
        ),
        ("MOUNT say ITEM x", "answers with ITEM where STATUS is due"),
        (
            "MOUNT say ITEMCOUNT 3",
            "answers with ITEMCOUNT where STATUS is due",
        ),
        (
            "MOUNT say STATUS 0 OK|STATUS 0 OK",
            "sends what nobody has asked for",
        ),
        (
            "MOUNT say STATUS 22 Invalid cluster name",
            "ocfs2_controld refuses: Invalid cluster name (Invalid argument)",
        ),
        (
            "MOUNT say STATUS 13 No\u{1b}[2J",
            "refuses: No\\u{1b}[2J (Permission denied)",
        ),
        (
            "MOUNT say STATUS 5 ",
            "ocfs2_controld refuses: Input/output error",
        ),
    ] {
        peer.order(orders);
        let (_, said) = world.refused("mount.ocfs2", &["/dev/ubda", "/mnt"]);
        assert!(said.contains(told), "{orders}: {said}");
        assert!(world.calls().iter().all(|call| !call.starts_with("mount")));
        // Undone, as far as the daemon knew of it.
        assert_eq!(ledger(&world, &volume), "", "{orders}");
        assert!(peer.groups().is_empty(), "{orders}");
        peer.order("");
        world.mount("/mnt");
        world.umount("/mnt");
        assert!(peer.groups().is_empty(), "{orders}");
        world.calls();
    }
}

#[test]
fn another_clusters_volume() {
    let (world, peer, _) = world();
    world.volume("ubdb", "--cluster-stack=cman --cluster-name=other");
    let (_, said) = world.refused("mount.ocfs2", &["/dev/ubdb", "/mnt"]);
    let both = "the volume belongs to cluster \"other\"; this node runs \"hacl\": \
                ocfs2_controld refuses: Invalid cluster name";
    says(&said, both);
    assert!(peer.groups().is_empty());
    assert_eq!(world.read("/sys/fs/ocfs2/cluster_stack"), "o2cb");
}

#[test]
fn a_daemon_that_is_not_there_or_deaf() {
    let world = World::bare(Era::Now);
    let volume = world.volume("ubda", CMAN);
    let (code, said) = world.refused("mount.ocfs2", &["/dev/ubda", "/mnt"]);
    assert_eq!(code, 32);
    says(
        &said,
        "the control daemon ocfs2_controld does not run on this node",
    );
    assert_eq!(ledger(&world, &volume), "", "it has not been asked");
    // Its queue is full, and it takes no client from it.
    let name = world.system().abstract_socket(peer::SOCKET);
    let deaf = peer::listen(&name, 0);
    world.write("/.fake/peer/orders", "connect silence");
    let socket = || {
        use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
        let kind = SocketType::STREAM;
        let flags = SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(AddressFamily::UNIX, kind, flags, None).unwrap();
        let address = SocketAddrUnix::new_abstract_name(&name).unwrap();
        rustix::net::connect(&socket, &address).map(|()| socket)
    };
    let queue: Vec<_> = std::iter::from_fn(|| socket().ok()).collect();
    let (_, said) = world.refused("mount.ocfs2", &["/dev/ubda", "/mnt"]);
    says(&said, "ocfs2_controld has not answered within 1 s");
    drop((queue, deaf));
    world.write("/.fake/peer/orders", "");
    let peer = world.peer();
    world.mount("/mnt");
    assert_eq!(ledger(&world, &volume), "98:0 /dev/ubda|+/mnt|");
    world.umount("/mnt");
    assert!(peer.groups().is_empty());
}

/// Between the join and the result: the mount stays, and the unmount leaves as ever.
#[test]
fn unknown_result_keeps_the_mount() {
    let (world, peer, volume) = world();
    for orders in [
        "MOUNT then-end",
        "MRESULT silence",
        "MRESULT end",
        "MRESULT half",
        "MRESULT raw 7",
        "MRESULT say ITEM x",
        "MRESULT say STATUS 22 UUID B does not match mountgroup A",
    ] {
        peer.order(orders);
        world.mount("/mnt");
        assert_eq!(ledger(&world, &volume), "98:0 /dev/ubda|+/mnt|", "{orders}");
        peer.order("");
        world.umount("/mnt");
        assert!(peer.groups().is_empty(), "{orders}");
        // A mount that has failed is rolled back by other means.
        peer.order(orders);
        world.log.fail("mount /dev/ubda", libc::EIO);
        let (_, said) = world.refused("mount.ocfs2", &["/dev/ubda", "/mnt"]);
        says(&said, "reading or writing the volume failed");
        world.log.fail_no_more();
        assert!(peer.groups().is_empty(), "{orders}: {:?}", peer.groups());
        assert_eq!(ledger(&world, &volume), "", "{orders}");
    }
}

#[test]
fn unreported_unmount_is_made_up_for() {
    let (world, peer, volume) = world();
    for (orders, mark) in [
        ("UNMOUNT silence", '?'),
        ("UNMOUNT end", '?'),
        ("UNMOUNT say STATUS 5 later", '+'),
    ] {
        world.mount("/mnt");
        peer.order(orders);
        world.umount("/mnt");
        assert_eq!(peer.groups().len(), 1, "{orders}");
        assert_eq!(
            ledger(&world, &volume),
            format!("98:0 /dev/ubda|{mark}/mnt|")
        );
        peer.order("");
        // Any call that leaves something.
        let (_, said) = world.refused("ocfs2_hb_ctl", &["-K", "-d", "/dev/ubda", "x"]);
        says(&said, "has no such service");
        assert!(peer.groups().is_empty(), "{orders}");
        assert_eq!(ledger(&world, &volume), "");
    }
}

/// Each question takes a bounded time, whatever is answered.
#[test]
fn what_the_daemon_knows_is_shown() {
    let (world, peer, volume) = world();
    world.mount("/mnt");
    let uuid = volume.uuid.to_string();
    for target in [["-d", "/dev/ubda"], ["-u", &uuid]] {
        world
            .run("ocfs2_hb_ctl", &["-I", target[0], target[1]])
            .unwrap();
    }
    let said = notes(&world, &peer, &volume);
    for question in ["LISTCLUSTERS", "LISTFS ocfs2 hacl", "DUMP"] {
        let asked = said
            .iter()
            .filter(|note| note.ends_with(&format!("< {question}")));
        assert_eq!(asked.count(), 2, "{said:?}");
    }
    for (orders, told) in [
        (
            "LISTCLUSTERS silence",
            "asking for the cluster's name: ocfs2_controld has not answered",
        ),
        (
            "LISTFS silence",
            "asking for the cluster's volumes: ocfs2_controld has not answered",
        ),
        (
            "DUMP silence",
            "asking what ocfs2_controld remembers: ocfs2_controld has not answered",
        ),
        ("LISTFS say ITEMCOUNT 5000", "announces a list of 5000"),
        ("LISTFS say ITEMCOUNT -1", "answers with rubbish"),
        (
            "LISTFS say STATUS 0 OK",
            "answers with STATUS where ITEMCOUNT is due",
        ),
        (
            "LISTFS say ITEMCOUNT 2|ITEM a|STATUS 0 OK",
            "answers with STATUS where ITEM is due",
        ),
        (
            "LISTFS say ITEMCOUNT 1|ITEM a|ITEM b",
            "answers with ITEM where STATUS is due",
        ),
        (
            "LISTFS say ITEMCOUNT 1|ITEMCOUNT 1",
            "answers with ITEMCOUNT where ITEM is due",
        ),
        ("LISTFS say ITEMCOUNT 1|ITEM ", "answers with rubbish"),
        (
            "LISTFS say ITEMCOUNT 9|STATUS 12 No memory",
            "refuses: No memory (Cannot allocate memory)",
        ),
        ("LISTFS say ITEMCOUNT 2|ITEM a", "waiting"),
    ] {
        peer.order(orders);
        let (code, said) = world.refused("ocfs2_hb_ctl", &["-I", "-u", &uuid]);
        assert_eq!(code, 1);
        assert!(
            said.contains(told)
                || (told == "waiting" && said.contains("has not answered within 1 s")),
            "{orders}: {said}"
        );
    }
}
