//! The words of `-o`: which of them reach mount(2), and how.

use crate::world::{Era, World, says};

/// What mount(2) is given for an option string on a volume that is not clustered.
fn given(options: &[&str]) -> String {
    let world = World::online(Era::Now);
    world.volume("ubda", "-M local");
    let mut args = vec!["/dev/ubda"];
    args.extend(options);
    args.push("/mnt");
    world.ok("mount.ocfs2", &args);
    let calls = world.calls();
    let [call] = calls.as_slice() else {
        panic!("{calls:?}");
    };
    call.strip_prefix("mount /dev/ubda /mnt ocfs2 ")
        .unwrap()
        .to_owned()
}

/// Arguments, and what mount(2) is given for them.
const CASES: &[(&[&str], &str)] = &[
    (&["-o", "rw"], "0x0 heartbeat=none"),
    (
        &[
            "-o",
            "ro,nofail,_netdev,x-systemd.automount,acl,comment=x,data=writeback",
        ],
        "0x1 acl,data=writeback,heartbeat=none",
    ),
    (
        &[
            "-o",
            "noatime,nodiratime,nosuid,nodev,noexec,sync,dirsync,silent",
        ],
        "0x8c9e heartbeat=none",
    ),
    (&["-o", "user,exec", "-o", "suid"], "0x4 heartbeat=none"),
    (
        &["-o", "acl", "-o", "errors=panic"],
        "0x0 acl,errors=panic,heartbeat=none",
    ),
    (&["-o", "rw,ro"], "0x1 heartbeat=none"),
    (&["-r"], "0x1 heartbeat=none"),
    (&["-w", "-o", "ro"], "0x0 heartbeat=none"),
    (
        &["-s", "-o", "unheard,of=it,inode64"],
        "0x0 inode64,heartbeat=none",
    ),
    (&["-o", "unheard"], "0x0 unheard,heartbeat=none"),
    // Whatever the caller thinks of the heartbeat, the volume knows.
    (
        &[
            "-o",
            "heartbeat=local,cluster_stack=pcmk,intr,heartbeat=global",
        ],
        "0x0 intr,heartbeat=none",
    ),
    (
        &["-o", "context=\"system_u:object_r:a:s0:c1,c2\",intr"],
        "0x0 context=\"system_u:object_r:a:s0:c1,c2\",intr,heartbeat=none",
    ),
];

#[test]
fn the_driver_gets_its_own_words_and_no_others() {
    for (options, flags_and_data) in CASES {
        assert_eq!(given(options), *flags_and_data, "{options:?}");
    }
}

#[test]
fn what_no_driver_takes_joins_nothing() {
    let (world, volume) = World::with_volume();
    for options in [
        "commit",
        "commit=x",
        "errors=maybe",
        "acl=1",
        "context=\"a",
        "preferred_slot=",
    ] {
        let (code, said) = world.refused("mount.ocfs2", &["-o", options, "/dev/ubda", "/mnt"]);
        assert_eq!(code, 1, "{said}");
    }
    let long = format!("cluster_stack=x,context={}", "c".repeat(5000));
    assert_eq!(
        world
            .refused("mount.ocfs2", &["-o", &long, "/dev/ubda", "/mnt"])
            .0,
        1
    );
    assert!(world.calls().is_empty());
    assert!(volume.counts().is_empty());
}

/// mount(8) hands all current options to the helper.
#[test]
fn a_remount_joins_nothing_and_appends_its_own_word() {
    for (args, own) in [
        ("", "local"),
        ("--cluster-stack=o2cb --cluster-name=webc", "local"),
        ("-M local", "none"),
    ] {
        let world = World::online(Era::Now);
        let volume = world.volume("ubda", args);
        world.mount("/mnt");
        let before = volume.counts();
        world.log.forget();
        let current = format!("ro,relatime,remount,heartbeat={own},nointr,data=ordered,_netdev");
        world.ok("mount.ocfs2", &["-o", &current, "/dev/ubda", "/mnt"]);
        let calls = world.calls();
        let start =
            format!("mount /dev/ubda /mnt ocfs2 0x200021 nointr,data=ordered,heartbeat={own}");
        assert!(
            calls.len() == 1 && calls[0].starts_with(&start),
            "{calls:?}"
        );
        assert_eq!(volume.counts(), before);
    }
}

#[test]
fn a_bind_mount_reads_no_volume() {
    let world = World::online(Era::Now);
    world.ok("mount.ocfs2", &["-o", "bind,ro", "/mnt", "/mnt2"]);
    assert_eq!(world.calls(), ["mount /mnt /mnt2 ocfs2 0x1001 "]);
}

#[test]
fn nocluster_wants_to_be_sure() {
    let (world, volume) = World::with_volume();
    let (code, said) = world.refused("mount.ocfs2", &["-o", "nocluster", "/dev/ubda", "/mnt"]);
    assert_eq!(code, 32);
    says(&said, "if you are certain that none has: -o nocluster=yes");
    assert!(world.calls().is_empty());
    world.log.fail("mount", libc::EINVAL);
    let (_, said) = world.refused("mount.ocfs2", &["-o", "nocluster=yes", "/dev/ubda", "/mnt"]);
    says(&said, "this kernel has no nocluster option");
    let mount = "mount /dev/ubda /mnt ocfs2 0x0 nocluster,heartbeat=none";
    assert_eq!(world.calls(), [mount]);
    assert!(volume.counts().is_empty());
}
