//! A mount without the cluster: who uses the volume is read from its disk, before anything else.

use crate::world::{Disk, Era, World, says};

const WEBC: &str = "--cluster-stack=o2cb --cluster-name=webc";
const CERTAIN: [&str; 4] = ["-o", "nocluster=yes", "/dev/ubda", "/mnt"];
const MOUNT: &str = "mount /dev/ubda /mnt ocfs2 0x0 nocluster,heartbeat=none";

/// A machine without a cluster, and the disk of a volume that was made with `args`.
fn volume(args: &str) -> (World, Disk) {
    let world = World::bare(Era::Now);
    world.volume("ubda", args);
    let disk = Disk::open(&world, "ubda");
    (world, disk)
}

/// The refusal, which has mounted nothing.
fn refused(world: &World, args: &[&str]) -> String {
    let (code, said) = world.refused("mount.ocfs2", args);
    assert_eq!(code, 32, "{said}");
    let calls = world.calls();
    assert!(
        !calls.iter().any(|call| call.starts_with("mount")),
        "{calls:?}"
    );
    said
}

#[test]
fn a_node_that_beats_is_named_and_nothing_outweighs_it() {
    let (world, disk) = volume(WEBC);
    disk.beaten_while(&[2], || {
        for word in ["nocluster", "nocluster=yes"] {
            let said = refused(&world, &["-o", word, "/dev/ubda", "/mnt"]);
            says(
                &said,
                "/dev/ubda: the heartbeat of node 2 (\"n2\") is being written",
            );
        }
        let said = refused(&world, &["-f", "-o", "nocluster=yes", "/dev/ubda", "/mnt"]);
        says(&said, "is being written");
    });
    // It leaves.
    disk.write(2, &disk.block(2, 99, 0));
    world.ok("mount.ocfs2", &CERTAIN);
    assert_eq!(world.calls().last().unwrap(), MOUNT);
}

/// An unknown number has no name, and a cluster.conf of another cluster gives none.
#[test]
fn a_node_that_is_not_known_is_named_by_number() {
    let (world, disk) = volume("--cluster-stack=o2cb --cluster-name=other");
    let said = disk.beaten_while(&[2], || refused(&world, &CERTAIN));
    says(&said, "/dev/ubda: the heartbeat of node 2 is being written");
}

#[test]
fn any_other_writer_is_refused_as_well() {
    let (world, disk) = volume(WEBC);
    let bad = |second| {
        let mut block = disk.block(9, second, 7);
        block[0x0C] ^= 1;
        block
    };
    let misplaced = |second| disk.block(9, second, 7);
    for block in [&bad as &(dyn Fn(u64) -> Vec<u8> + Sync), &misplaced] {
        let slot = |second| vec![(5, block(second))];
        let said = disk.written_while(slot, || refused(&world, &CERTAIN));
        says(&said, "somebody is writing heartbeat slot 5");
    }
}

#[test]
fn damage_that_does_not_change_is_no_node() {
    let (world, disk) = volume(WEBC);
    disk.write(0, &[0xFF; 512]);
    disk.write(254, &[0x5A; 512]);
    disk.write(3, &disk.block(4, 1, 7));
    world.ok("mount.ocfs2", &CERTAIN);
    assert_eq!(world.calls().last().unwrap(), MOUNT);
}

#[test]
fn node_that_may_have_died_is_named_and_the_user_decides() {
    let (world, disk) = volume(WEBC);
    disk.mounted_by(&[2]);
    disk.write(2, &disk.block(2, 1, 7));
    disk.write(9, &disk.block(9, 1, 7));
    let said = refused(&world, &["-o", "nocluster", "/dev/ubda", "/mnt"]);
    for part in [
        "; node 2 (\"n2\") is in the volume's slot map: it has the volume mounted, or died with it; ",
        "; node 9 has fallen silent on the volume without leaving it",
        "(if you are certain that none has: -o nocluster=yes)",
    ] {
        says(&said, part);
    }
}

#[test]
fn a_stack_of_user_space_is_known_by_the_slot_map_alone() {
    let (world, disk) = volume("--cluster-stack=pcmk --cluster-name=webc");
    disk.mounted_by(&[2]);
    let said = refused(&world, &["-o", "nocluster", "/dev/ubda", "/mnt"]);
    says(&said, "; node 2 is in the volume's slot map");
    says(
        &said,
        "; which of them live cannot be told: nodes of its stack beat on no disk",
    );
}

#[test]
fn with_global_heartbeat_the_clusters_regions_tell() {
    let world = World::bare(Era::Now);
    world.volume("ubda", &format!("{WEBC} --global-heartbeat"));
    let region = world.volume("ubdb", &format!("{WEBC} --global-heartbeat"));
    let ask = ["-o", "nocluster", "/dev/ubda", "/mnt"];
    Disk::open(&world, "ubda").mounted_by(&[2]);
    let said = refused(&world, &ask);
    says(&said, "cannot be told: its cluster has global heartbeat");
    world.ok("o2cb", &["heartbeat-mode", "webc", "global"]);
    world.ok("o2cb", &["add-heartbeat", "webc", &region.uuid.to_string()]);
    world.write("/proc/partitions", "major minor  #blocks  name\n\n");
    let disk = Disk::open(&world, "ubdb");
    disk.beaten_while(&[2], || {
        let said = refused(&world, &CERTAIN);
        says(
            &said,
            "node 2 (\"n2\") is in the volume's slot map and beats in its cluster",
        );
    });
    let said = refused(&world, &ask);
    assert!(
        said.contains("; node 2 (\"n2\") is in the volume's slot map: it has")
            && !said.contains("told"),
        "{said}"
    );
    // One that lives, but has it not mounted.
    disk.beaten_while(&[1], || {
        world.ok("mount.ocfs2", &CERTAIN);
    });
}

#[test]
fn a_volume_that_is_mounted_in_its_cluster_here_is_not_mounted_without_it() {
    let (world, _) = World::with_volume();
    world.mount("/mnt");
    world.calls();
    let said = refused(&world, &["-o", "nocluster=yes", "/dev/ubda", "/mnt2"]);
    says(&said, "is mounted in its cluster on this node, on /mnt");
    // A remount, whose options may come from fstab, looks at nothing: the kernel refuses it.
    let remount = ["-o", "remount,ro,nocluster", "/dev/ubda", "/mnt"];
    world.refused("mount.ocfs2", &remount);
    assert_eq!(world.calls().len(), 1);
}
