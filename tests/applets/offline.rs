//! o2cb: when a cluster goes, and what keeps it.

use crate::world::{Era, World};

#[test]
fn a_cluster_goes_when_nothing_beats() {
    let world = World::online(Era::Now);
    let volume = world.volume("ubda", "");
    world.run("mount.ocfs2", &["/dev/ubda", "/mnt"]).unwrap();
    world.log.forget();
    for args in [
        &["offline"][..],
        &["offline", "webc"],
        &["unregister-cluster", "webc"],
    ] {
        assert_eq!(world.refused("o2cb", args).0, 1);
        assert!(world.clusters().join("webc/node/n1").exists());
    }
    assert_eq!(volume.counts(), [0, 1, 1]);
    let (_, said) = world.refused("o2cb", &["unload"]);
    assert!(
        said.contains("cluster \"webc\" is still online (run: o2cb offline webc)"),
        "{said}"
    );
    world.run("umount.ocfs2", &["/mnt"]).unwrap();
    world.log.forget();
    world.run("o2cb", &["offline", "other"]).unwrap();
    assert!(world.calls().is_empty());
    world.run("o2cb", &["offline"]).unwrap();
    assert_eq!(
        world.calls(),
        ["remove webc/node/n1", "remove webc/node/n2", "remove webc"]
    );
    world.run("o2cb", &["offline"]).unwrap();
    world.run("o2cb", &["unload"]).unwrap();
    assert_eq!(
        world.calls(),
        [
            "umount /dlm 0x0",
            "unload ocfs2_dlmfs",
            "unload ocfs2",
            "unload ocfs2_stack_o2cb"
        ]
    );
}

#[test]
fn a_program_s_heartbeat_keeps_the_cluster() {
    let world = World::online(Era::Now);
    let volume = world.volume("ubda", "");
    world
        .run("ocfs2_hb_ctl", &["-S", "-d", "/dev/ubda", "backup"])
        .unwrap();
    world
        .run("ocfs2_hb_ctl", &["-S", "-d", "/dev/ubda", "copy"])
        .unwrap();
    let (_, said) = world.refused("o2cb", &["offline"]);
    assert!(said.contains("by 2 programs or mounts"), "{said}");
    assert_eq!(volume.counts(), [0, 2, 0]);
}
