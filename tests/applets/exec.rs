//! `o2cb exec`, where dlmfs is a directory: the order of what it does, and what stops it.

use crate::world::{Era, World, says};

/// Runs it in a process of its own, as it minds its children and their signals.
fn exec(world: &World, args: &[&str], script: &str) {
    let mut all = vec!["exec", "-d", "/dev/ubda"];
    all.extend(args);
    all.extend(["--", "sh", "-c", script]);
    world.run_in_child("o2cb", &all);
}

#[test]
fn joins_runs_and_leaves() {
    for era in [Era::Now, Era::Old] {
        let world = World::online(era);
        let volume = world.volume("ubda", "");
        let (domain, said) = (
            world.path(&format!("/dlm/{}", volume.uuid)),
            world.path("/said"),
        );
        for (args, locks) in [
            (&[][..], 1),
            // The superblock's as well; those of the journals were let go.
            (&["-x"], 2),
        ] {
            let script = format!("ls -A {} | wc -l > {}", domain.display(), said.display());
            exec(&world, args, &script);
            assert_eq!(world.read("/said").trim(), locks.to_string(), "{args:?}");
            let calls = world.calls();
            assert!(calls[0].starts_with("make webc/heartbeat/"), "{calls:?}");
            let last = format!("remove webc/heartbeat/{} [1 0 0]", volume.uuid);
            assert_eq!(calls.last(), Some(&last));
            assert!(!domain.exists());
            world.assert_no_heartbeat(&volume);
        }
    }
}

/// What a killed program left in dlmfs goes with the last user of its volume.
#[test]
fn an_abandoned_domain_goes_with_its_region() {
    let (world, volume) = World::with_volume();
    world.mount("/mnt");
    let domain = format!("/dlm/{}", volume.uuid);
    world.write(&format!("{domain}/.00000000000002d3"), "");
    world.write(&format!("{domain}/S000000000000000000000200000000"), "");
    world.umount("/mnt");
    assert!(!world.path(&domain).exists());
    world.assert_no_heartbeat(&volume);
}

#[test]
fn other_stacks_need_a_dlmfs_that_knows_them() {
    let world = World::online(Era::Now);
    world.volume("ubda", "--cluster-stack=pcmk --cluster-name=hacl");
    let run = |world: &World| world.refused("o2cb", &["exec", "-d", "/dev/ubda", "--", "true"]);
    let capabilities = "/sys/module/ocfs2_dlmfs/parameters/capabilities";
    for (known, supported) in [
        ("bast\n", false),
        ("bast nostackglue\n", false),
        ("bast stackglue", true),
    ] {
        world.write(capabilities, known);
        let (code, said) = run(&world);
        assert_eq!(code, 125);
        assert_eq!(
            !said.contains("are not supported here"),
            supported,
            "{said}"
        );
        // The volume's group is asked next.
        let calls = world.calls();
        match supported {
            true => assert_eq!(calls, ["load ocfs2_stack_user"]),
            false => assert!(calls.is_empty(), "{calls:?}"),
        }
    }
}

#[test]
fn a_join_that_fails_runs_nothing() {
    let (world, volume) = World::with_volume();
    // A file where the domain has to be.
    world.write(&format!("/dlm/{}", volume.uuid), "");
    let (code, said) = world.refused("o2cb", &["exec", "-d", "/dev/ubda", "--", "true"]);
    assert_eq!(code, 125, "{said}");
    says(&said, "lock domain");
    world.assert_no_heartbeat(&volume);
}
