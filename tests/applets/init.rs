//! o2cb: what init scripts and units call.

mod configure;

use crate::world::{Era, World, says};

const PLACE: &str = "/etc/default/o2cb";

/// Nothing is loaded; the settings say to bring the cluster up.
fn enabled() -> World {
    let world = World::bare(Era::Now);
    world.write(PLACE, "O2CB_ENABLED=true\n");
    world
}

#[track_caller]
fn code(world: &World, args: &[&str]) -> u8 {
    world.run("o2cb", args).err().map_or(0, |end| end.code())
}

#[test]
fn start_and_stop_leave_nothing_and_can_be_given_again() {
    let world = enabled();
    for _ in 0..2 {
        assert_eq!(code(&world, &["start"]), 0);
        assert_eq!(code(&world, &["online-status"]), 0);
        assert_eq!(code(&world, &["status"]), 0);
    }
    assert!(world.clusters().join("webc/node/n1").exists());
    world.log.forget();
    assert_eq!(code(&world, &["force-reload"]), 0);
    let calls = world.calls();
    assert!(
        calls.iter().all(|call| !call.starts_with("remove")),
        "{calls:?}"
    );
    assert_eq!(code(&world, &["restart"]), 0);
    let calls = world.calls();
    for call in ["remove webc", "unload ocfs2", "load ocfs2", "make webc"] {
        assert!(calls.iter().any(|made| made == call), "{call}: {calls:?}");
    }
    for _ in 0..2 {
        assert_eq!(code(&world, &["stop"]), 0);
        assert_eq!(code(&world, &["online-status"]), 1);
        assert_eq!(code(&world, &["status"]), 3);
    }
    assert!(!world.path("/sys/module/ocfs2").exists());
    // Neither edits a file.
    assert_eq!(world.read(PLACE), "O2CB_ENABLED=true");
}

#[test]
fn what_is_not_enabled_is_not_started_nor_restarted() {
    let world = World::bare(Era::Now);
    for args in [&["start"][..], &["restart"], &["force-reload", "webc"]] {
        let (code, said) = world.refused("o2cb", args);
        assert_eq!(code, 6);
        says(&said, "O2CB_ENABLED is not true in /etc/");
    }
    assert!(world.calls().is_empty());
    // One that was brought up by hand stays up.
    world.ok("o2cb", &["online"]);
    assert_eq!(code(&world, &["restart"]), 6);
    assert_eq!(code(&world, &["online-status"]), 0);
    assert_eq!(code(&world, &["stop"]), 0);
    assert_eq!(code(&world, &["online-status"]), 1);
}

/// The kernel takes any four characters for a stack of user space.
#[test]
fn a_stack_that_is_none_is_not_set() {
    let world = enabled();
    world.write(PLACE, "O2CB_ENABLED=true\nO2CB_STACK=abcd\n");
    let (_, said) = world.refused("o2cb", &["start"]);
    let why = "line 2: O2CB_STACK must be o2cb, pcmk or cman, not \"abcd\"";
    says(&said, why);
    assert!(world.calls().is_empty());
}

/// Debian's default is `ocfs2`.
#[test]
fn a_boot_cluster_that_is_not_there_is_named_with_its_file() {
    let world = enabled();
    world.write(PLACE, "O2CB_ENABLED=true\nO2CB_BOOTCLUSTER=ocfs2\n");
    for verb in ["start", "online"] {
        let (_, said) = world.refused("o2cb", &[verb]);
        let why = "/etc/default/o2cb: O2CB_BOOTCLUSTER names cluster \"ocfs2\", which \
                   /etc/ocfs2/cluster.conf does not have (run: o2cb configure \
                   O2CB_BOOTCLUSTER=webc)";
        assert!(said.ends_with(why), "{said}");
    }
    world.ok("o2cb", &["online", "webc"]);
}

#[test]
fn a_restart_looks_at_the_files_before_it_stops_anything() {
    let world = enabled();
    world.ok("o2cb", &["start"]);
    world.log.forget();
    world.write("/etc/ocfs2/cluster.conf", "what is this");
    assert_eq!(code(&world, &["restart"]), 1);
    assert!(world.calls().is_empty());
    assert_eq!(code(&world, &["online-status", "webc"]), 0);
    assert_eq!(code(&world, &["online-status", "other"]), 1);
}

#[test]
fn a_stop_while_a_volume_is_mounted_fails_and_takes_nothing_away() {
    let world = enabled();
    world.ok("o2cb", &["start"]);
    let volume = world.volume("ubda", "");
    world.mount("/mnt");
    for verb in ["stop", "restart", "disable", "force-offline"] {
        let (code, said) = world.refused("o2cb", &[verb]);
        assert_eq!(code, 1);
        assert!(
            said.contains("is in use: region") && said.contains("/mnt"),
            "{said}"
        );
        assert_eq!(volume.counts(), [0, 1, 1]);
        assert_eq!(code_of_status(&world), 0);
        world.write(PLACE, "O2CB_ENABLED=true\n");
    }
    world.umount("/mnt");
    assert_eq!(code(&world, &["stop"]), 0);
}

fn code_of_status(world: &World) -> u8 {
    code(world, &["status"])
}

/// A local volume needs no cluster, but its driver.
#[test]
fn a_stop_leaves_the_drivers_to_who_needs_them() {
    let world = enabled();
    world.ok("o2cb", &["start"]);
    world.volume("ubda", "-M local");
    world.mount("/mnt");
    world.log.forget();
    assert_eq!(code(&world, &["stop"]), 0);
    let calls = world.calls();
    assert!(
        calls.iter().all(|call| !call.contains("unload")),
        "{calls:?}"
    );
    assert_eq!(code(&world, &["online-status"]), 1);
    // One of another name is not what was asked for.
    world.ok("o2cb", &["start"]);
    assert_eq!(code(&world, &["stop", "other"]), 0);
    assert_eq!(code(&world, &["online-status"]), 0);
}

#[test]
fn a_stack_of_user_space_is_set_and_no_cluster_is_registered() {
    let world = World::bare(Era::Now);
    world.write(PLACE, "O2CB_ENABLED=true\nO2CB_STACK=pcmk\n");
    assert_eq!(code(&world, &["start"]), 0);
    let calls = world.calls();
    assert!(
        calls.iter().any(|call| call == "load ocfs2_stack_user"),
        "{calls:?}"
    );
    assert_eq!(world.read("/sys/fs/ocfs2/cluster_stack"), "pcmk");
    assert_eq!(code(&world, &["online-status"]), 1);
    assert_eq!(code(&world, &["stop"]), 0);
    assert!(!world.path("/sys/module/ocfs2_stack_user").exists());
}

#[test]
fn codes_of_wrong_usage_are_the_lsb_s_for_actions_only() {
    let world = World::bare(Era::Now);
    for (args, wanted) in [
        (&["start", "a", "b"][..], 2),
        (&["stop", "--oneline"], 2),
        (&["configure", "x"], 2),
        (&["online", "a", "b"], 1),
        (&["hb-ctl-path"], 1),
    ] {
        assert_eq!(code(&world, args), wanted, "{args:?}");
    }
    assert!(world.calls().is_empty());
}

/// A driver that this program cannot know.
#[test]
fn unknown_state_is_not_offline() {
    let world = World::online(Era::Now);
    world.write("/sys/fs/o2cb/interface_revision", "6\n");
    let (code, said) = world.refused("o2cb", &["online-status"]);
    assert_eq!(code, 2);
    says(&said, "interface revision");
}

#[test]
fn hb_ctl_path_is_shown_and_set() {
    let world = World::bare(Era::Now);
    world.ok("o2cb", &["load"]);
    world.log.forget();
    assert_eq!(code(&world, &["hb-ctl-path"]), 0);
    assert_eq!(code(&world, &["hb-ctl-path", "/sbin/ocfs2_hb_ctl"]), 0);
    assert_eq!(
        world.calls(),
        ["write /proc/sys/fs/ocfs2/nm/hb_ctl_path /sbin/ocfs2_hb_ctl"]
    );
    let long = format!("/{}", "x".repeat(255));
    for path in ["sbin/ocfs2_hb_ctl", "", &long] {
        let (code, said) = world.refused("o2cb", &["hb-ctl-path", path]);
        assert!(
            code == 1 && said.contains("must be a path from / on"),
            "{said}"
        );
    }
    assert!(world.calls().is_empty());
}
