//! Stops of regions that the node uses, and of those that it does not.

use super::{beating, configure, three};
use crate::world::says;
use std::fs;

/// While the regions are removed no volume can be mounted; a process that was killed in it keeps
/// none from it.
#[test]
fn closed_stack_keeps_mounts_out_until_its_process_ends() {
    let (world, volumes) = three();
    world.ok("o2cb", &["online"]);
    world.write(STACK, "none\n");
    world.write("/run/ocfs2box/stack", "");
    let closing = fs::File::open(world.path("/run/ocfs2box/stack")).unwrap();
    closing.lock().unwrap();
    let (code, said) = world.refused("mount.ocfs2", &["/dev/ubda", "/mnt"]);
    assert_eq!(code, 32);
    says(&said, "is being stopped by another");
    let (_, said) = world.refused("o2cb", &["stop-heartbeat", "webc"]);
    says(&said, "fuser -v");
    assert_eq!(world.read(STACK), "none");
    // To look needs no open stack, nor does a process that was killed leave it unknown.
    let status = world.printed("o2cb", &["status"]);
    says(&status, "Cluster stack: o2cb\n");
    world.ok("o2cb", &["online-status"]);
    drop(closing);
    world.mount("/mnt");
    assert_eq!(world.read(STACK), "o2cb");
    world.umount("/mnt");
    // A stop of the regions goes on where another was killed.
    world.write(STACK, "none\n");
    world.ok("o2cb", &["stop-heartbeat", "webc"]);
    assert_eq!(beating(&world, &volumes), [false; 3]);
    assert_eq!(world.read(STACK), "o2cb");
}

/// Of those that have to go, none goes where the kernel would refuse the last.
#[test]
fn regions_that_are_not_configured_stay_together_under_a_volume() {
    let (world, volumes) = three();
    world.ok("o2cb", &["online"]);
    world.write(ACTIVE, "o2cb\n");
    configure(&world, &[volumes[0].uuid]);
    let (_, said) = world.refused("o2cb", &["start-heartbeat", "webc"]);
    says(&said, "is not in the configuration");
    assert_eq!(beating(&world, &volumes), [true; 3]);
    world.write(ACTIVE, "");
    world.ok("o2cb", &["start-heartbeat", "webc"]);
    assert_eq!(beating(&world, &volumes), [true, false, false]);
}

#[test]
fn what_is_in_use_is_not_stopped() {
    let (world, volumes) = three();
    world.ok("o2cb", &["online"]);
    world.mount("/mnt");
    for args in [&["stop-heartbeat", "webc"][..], &["offline"], &["stop"]] {
        let (code, said) = world.refused("o2cb", args);
        assert_eq!(code, 1);
        says(&said, "in use: mounted on /mnt (");
        assert_eq!(beating(&world, &volumes), [true; 3]);
    }
    world.umount("/mnt");
    // A domain of another program, and one that a killed program has left.
    world.directory("/dlm/D1");
    world.directory(&format!("/dlm/{}", volumes[2].uuid));
    let (_, said) = world.refused("o2cb", &["stop-heartbeat", "webc"]);
    says(&said, "in use: lock domain /dlm/D1 (");
    fs::remove_dir(world.path("/dlm/D1")).unwrap();
    assert!(!world.path(&format!("/dlm/{}", volumes[2].uuid)).exists());
    // No mount table shows what is connected.
    world.write(ACTIVE, "o2cb\n");
    let (_, said) = world.refused("o2cb", &["stop-heartbeat", "webc"]);
    says(&said, "in use: a volume is detached");
    assert_eq!(beating(&world, &volumes), [true; 3]);
    world.write(ACTIVE, "");
    for _ in 0..2 {
        world.ok("o2cb", &["stop-heartbeat", "webc"]);
        assert_eq!(beating(&world, &volumes), [false; 3]);
    }
    // The cluster is there, but no volume can be mounted.
    let (code, said) = world.refused("mount.ocfs2", &["/dev/ubda", "/mnt"]);
    assert_eq!(code, 32);
    says(
        &said,
        "none of its regions beats (run: o2cb start-heartbeat webc)",
    );
    assert_eq!(world.refused("o2cb", &["online-status"]).0, 1);
}

/// A C tool that failed to stop a region has counted it down to nothing.
#[test]
fn region_without_references_is_stopped_as_well() {
    let (world, volumes) = three();
    world.ok("o2cb", &["online"]);
    volumes[0].semaphores.remove();
    volumes[1].semaphores.remove();
    volumes[1].semaphores.make_like_c(1);
    world.ok("o2cb", &["start-heartbeat", "webc"]);
    world.ok("o2cb", &["offline"]);
    assert_eq!(beating(&world, &volumes), [false; 3]);
}

const ACTIVE: &str = "/sys/fs/ocfs2/active_cluster_plugin";

const STACK: &str = "/sys/fs/ocfs2/cluster_stack";
