//! o2cb: when a cluster goes, and what keeps it.

use crate::world::{Era, World, says};
use std::os::unix::fs::symlink;

#[test]
fn a_cluster_goes_when_nothing_beats() {
    let (world, volume) = World::with_volume();
    world.mount("/mnt");
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
    assert_eq!(said, "/mnt is still mounted (unmount it first)");
    world.umount("/mnt");
    world.log.forget();
    world.ok("o2cb", &["offline", "other"]);
    assert!(world.calls().is_empty());
    world.ok("o2cb", &["offline"]);
    assert_eq!(
        world.calls(),
        ["remove webc/node/n1", "remove webc/node/n2", "remove webc"]
    );
    world.ok("o2cb", &["offline"]);
    world.ok("o2cb", &["unload"]);
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

/// The script of the C tools takes it offline too.
#[test]
fn unload_takes_the_cluster_offline_or_changes_nothing() {
    let world = World::online(Era::Now);
    world.write("/sys/module/ocfs2/refcnt", "1\n");
    let (code, said) = world.refused("o2cb", &["unload"]);
    assert_eq!((code, world.calls().len()), (1, 0));
    assert!(
        said.starts_with("a volume is still mounted, detached"),
        "{said}"
    );
    world.write("/sys/module/ocfs2/refcnt", "0\n");
    let volume = world.volume("ubda", "");
    let program = |action| world.run("ocfs2_hb_ctl", &[action, "-d", "/dev/ubda", "program"]);
    program("-S").unwrap();
    world.log.forget();
    let (code, said) = world.refused("o2cb", &["unload"]);
    assert_eq!(
        (code, world.calls().len(), volume.counts()),
        (1, 0, vec![0, 1, 0])
    );
    assert!(said.starts_with("cluster \"webc\" is in use"), "{said}");
    program("-K").unwrap();
    world.log.forget();
    world.ok("o2cb", &["unload"]);
    let calls = world.calls();
    assert_eq!(calls.first().unwrap(), "remove webc/node/n1");
    assert_eq!(calls.last().unwrap(), "unload ocfs2_stack_o2cb");
}

#[test]
fn a_program_s_heartbeat_keeps_the_cluster() {
    let (world, volume) = World::with_volume();
    world.ok("ocfs2_hb_ctl", &["-S", "-d", "/dev/ubda", "backup"]);
    world.ok("ocfs2_hb_ctl", &["-S", "-d", "/dev/ubda", "copy"]);
    let (_, said) = world.refused("o2cb", &["offline"]);
    says(&said, "by 2 programs or mounts");
    assert_eq!(volume.counts(), [0, 2, 0]);
}

#[test]
fn who_holds_a_lock_domain_is_named() {
    let (world, volume) = World::with_volume();
    world.ok("ocfs2_hb_ctl", &["-S", "-d", "/dev/ubda", "fsck"]);
    let domain = format!("/dlm/{}", volume.uuid);
    world.write(&format!("{domain}/lock"), "");
    world.write("/proc/4711/stat", "4711 (fsck.ocfs2) S 1\n");
    world.directory("/proc/4711/fd");
    symlink(format!("{domain}/lock"), world.path("/proc/4711/fd/3")).unwrap();
    // Of another domain.
    world.directory("/proc/4712/fd");
    symlink("/dlm/other/lock", world.path("/proc/4712/fd/3")).unwrap();
    let said = |users: &str| {
        let (_, said) = world.refused("o2cb", &["offline"]);
        let own = format!("region {} by {users} (unmount", volume.uuid);
        says(&said, &own);
    };
    let held = "locks that process 4711 (fsck.ocfs2) holds";
    said(&format!("one program or mount, {held}"));
    // One that has taken no reference.
    volume.semaphores.remove();
    said(held);
    std::fs::remove_file(world.path("/proc/4711/fd/3")).unwrap();
    world.ok("o2cb", &["offline"]);
    assert!(!world.path(&domain).exists());
}
