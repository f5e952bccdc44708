//! The pcmk stack where the kernel's DLM alone keeps the group.

use crate::peer;
use crate::world::{Era, World, says};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;

const PCMK: &str = "--cluster-stack=pcmk --cluster-name=hacl";
const NAME: &str = "/sys/kernel/config/dlm/cluster/cluster_name";

/// A machine whose DLM runs for the cluster `name`.
fn world(name: &str) -> World {
    let world = World::bare(Era::Now);
    let line = "0 1 0:20 / /proc rw - proc proc rw\n0 1 0:21 / /sys/kernel/config rw - configfs configfs rw\n";
    world.write("/proc/self/mountinfo", line);
    world.write(NAME, name);
    world.directory("/sys/kernel/config/dlm/cluster/comms/1");
    world.volume("ubda", PCMK);
    world
}

fn refused(world: &World) -> String {
    let (code, said) = world.refused("mount.ocfs2", &["/dev/ubda", "/mnt"]);
    assert_eq!(code, 32);
    let calls = world.calls();
    assert!(
        calls.iter().all(|call| call.starts_with("load")),
        "{calls:?}"
    );
    said
}

#[test]
fn a_mount_joins_by_itself() {
    let world = world("hacl\n");
    let peer = world.peer();
    world.ok("mount.ocfs2", &["-f", "/dev/ubda", "/mnt"]);
    assert!(world.calls().is_empty());
    world.mount("/mnt");
    assert_eq!(
        world.calls(),
        [
            "load ocfs2",
            "load ocfs2_stack_user",
            "write /sys/fs/ocfs2/cluster_stack pcmk",
            "mount /dev/ubda /mnt ocfs2 0x0 cluster_stack=pcmk"
        ]
    );
    let volume = world.read("/.fake/uuids/ubda");
    for args in [
        &["-I", "-d", "/dev/ubda"][..],
        &["-I", "-u", &volume],
        &["-S", "-d", "/dev/ubda", "x"],
        &["-K", "-d", "/dev/ubda", "x"],
        &["-K", "-u", &volume],
        &["-P", "-d", "/dev/ubda"],
    ] {
        world.ok("ocfs2_hb_ctl", args);
    }
    let long = world.printed("ocfs2_hb_ctl", &["-I", "--long", "-d", "/dev/ubda"]);
    for line in [
        "  state: absent: ",
        "  mounted on: /mnt\n",
        "  stack: cluster hacl\n",
    ] {
        assert!(long.contains(line), "{line}: {long}");
    }
    let (code, said) = world.refused("ocfs2_hb_ctl", &["-I", "--quiet", "-u", &volume]);
    assert_eq!((code, &*said), (2, "the stack pcmk has no such heartbeat"));
    world.umount("/mnt");
    assert_eq!(world.calls(), ["umount /mnt 0x8"]);
    assert!(
        peer.notes().is_empty(),
        "there is nothing to say to a daemon"
    );
}

#[test]
fn the_dlm_has_to_be_up_and_the_volumes() {
    let down = "the kernel's DLM is not up on this node (start corosync and dlm_controld;";
    for name in ["", "\n"] {
        let machine = world(name);
        let said = refused(&machine);
        says(&said, down);
        assert_eq!(machine.read("/sys/fs/ocfs2/cluster_stack"), "o2cb");
    }
    let machine = world("hacl\n");
    std::fs::remove_dir(machine.path("/sys/kernel/config/dlm/cluster/comms/1")).unwrap();
    assert!(refused(&machine).contains(down));
    std::fs::remove_dir_all(machine.path("/sys/kernel/config/dlm")).unwrap();
    assert!(refused(&machine).contains(down));
    machine.write("/proc/self/mountinfo", "");
    assert!(refused(&machine).contains(down));

    let said = refused(&world("other\n"));
    let both = "belongs to cluster \"hacl\" (stack pcmk); this node's DLM runs \"other\"";
    says(&said, both);
}

#[test]
fn rubbish_in_the_dlm_is_no_cluster() {
    let machine = world("a\u{1b}[2Jb\n");
    assert!(refused(&machine).contains("DLM runs \"a\\u{1b}[2Jb\""));
    let name = machine.path(NAME);
    std::fs::write(&name, b"\xff\xfe").unwrap();
    assert!(refused(&machine).contains("reading the DLM's cluster name: "));
    std::fs::remove_file(&name).unwrap();
    std::fs::create_dir(&name).unwrap();
    assert!(refused(&machine).contains("reading the DLM's cluster name: "));
}

#[test]
fn the_stack_is_set_only_when_none_is_active() {
    let world = world("hacl\n");
    world.kernel().bring("ocfs2");
    world.write("/sys/fs/ocfs2/active_cluster_plugin", "o2cb\n");
    let said = refused(&world);
    let both = "belongs to cluster \"hacl\" (stack pcmk); this node runs the stack o2cb";
    says(&said, both);
    assert_eq!(world.read("/sys/fs/ocfs2/cluster_stack"), "o2cb");
}

/// dlm_controld answers with `status`, then with `config`.
fn dlm_controld(world: &World, answers: [&'static [u8]; 2]) {
    let listener = peer::listen(&world.system().abstract_socket("dlmc_query_sock"), 4);
    std::thread::spawn(move || {
        for answer in answers {
            let mut stream = UnixStream::from(rustix::net::accept(&listener).unwrap());
            let mut question = [0; 96];
            stream.read_exact(&mut question).unwrap();
            stream.write_all(answer).unwrap();
        }
    });
}

#[test]
fn without_quorum_a_mount_would_wait() {
    let none = b"\x01\0\0\0member_count=1 quorate=0 fence_pid=0 \0";
    for (answers, waits) in [
        ([&none[..], b"enable_quorum_lockspace=1\n"], true),
        (
            [none, b"enable_fencing=1\nenable_quorum_lockspace=0\n"],
            false,
        ),
        ([b"quorate=1 x=0\0", b""], false),
        ([b"", b""], false),
        ([b"\xff\xff\xff", b""], false),
    ] {
        let world = world("hacl\n");
        dlm_controld(&world, answers);
        let faked = world.run("mount.ocfs2", &["-f", "/dev/ubda", "/mnt"]);
        assert_eq!(faked.is_err(), waits, "{answers:?}");
        if let Err(failure) = faked {
            let said = failure.to_string();
            says(&said, "cluster \"hacl\" has no quorum on this node");
        }
    }
}

fn online_status(world: &World, cluster: &[&str]) -> u8 {
    let ends = ["online-status", "status"].map(|verb| {
        let args = [&[verb], cluster].concat();
        world.run("o2cb", &args).err().map_or(0, |end| end.code())
    });
    match ends {
        [0, 0] => 0,
        [1, 3] => 1,
        [2, 4] => 2,
        other => panic!("they do not agree: {other:?}"),
    }
}

#[test]
fn online_is_a_node_with_quorum() {
    let machine = world("hacl\n");
    assert_eq!(online_status(&machine, &[]), 1, "the stack is not set");
    machine.mount("/mnt");
    assert_eq!(online_status(&machine, &[]), 0);
    let text = machine.printed("o2cb", &["status"]);
    assert!(text.ends_with("Cluster: online\n"), "{text}");
    assert_eq!(online_status(&machine, &["hacl"]), 0);
    assert_eq!(online_status(&machine, &["other"]), 1);
    let none = &b"quorate=0\0"[..];
    for (answers, code) in [
        ([none, b"enable_quorum_lockspace=1\n"], 1),
        ([none, b"enable_quorum_lockspace=0\n"], 0),
    ] {
        let machine = world("hacl\n");
        machine.kernel().bring("ocfs2");
        machine.write("/sys/fs/ocfs2/cluster_stack", "pcmk\n");
        dlm_controld(&machine, answers);
        let found = machine.run("o2cb", &["online-status"]);
        assert_eq!(found.err().map_or(0, |end| end.code()), code);
    }
    machine.write(NAME, "\n");
    assert_eq!(online_status(&machine, &[]), 1);
    // It is unknown.
    std::fs::write(machine.path(NAME), b"\xff").unwrap();
    assert_eq!(online_status(&machine, &[]), 2);
}

/// A program that cannot lock does not join first.
#[test]
fn locks_need_a_dlm_that_does_not_ask_for_the_cluster() {
    let callbacks = "/sys/kernel/config/dlm/cluster/recover_callbacks";
    for stack in ["pcmk", "cman"] {
        let world = world("hacl\n");
        let peer = world.peer();
        world.ok("o2cb", &["load"]);
        world.write(
            "/sys/module/ocfs2_dlmfs/parameters/capabilities",
            "bast stackglue",
        );
        let volume = world.volume(
            "ubdb",
            &format!("--cluster-stack={stack} --cluster-name=hacl"),
        );
        world.calls();
        let args = ["exec", "-d", "/dev/ubdb", "--", "true"];
        world.write(callbacks, "1\n");
        let (code, said) = world.refused("o2cb", &args);
        assert_eq!(code, 125);
        let why = format!(
            "locks of the stack {stack} are not supported here: this kernel's dlmfs does not name"
        );
        says(&said, &why);
        assert!(peer.notes().is_empty() && world.calls().is_empty());
        // It takes any volume.
        world.write(callbacks, "0\n");
        world.directory("/dlm");
        world.run_in_child("o2cb", &args);
        let joined = format!("MOUNT ocfs2 {} hacl", volume.uuid);
        let notes = peer.notes();
        assert_eq!(
            notes.iter().any(|note| note.contains(&joined)),
            stack == "cman",
            "{notes:?}"
        );
        assert!(peer.groups().is_empty());
    }
}

#[test]
fn a_volume_of_an_unknown_stack_is_refused() {
    let world = world("hacl\n");
    let peer = world.peer();
    world.volume("ubdb", "--cluster-stack=cman --cluster-name=hacl");
    // Its superblock is block 2 of 512 bytes; mkfs.ocfs2 makes no such volume.
    let device = File::options().write(true).open(world.path("/dev/ubdb"));
    device.unwrap().write_all_at(b"abcd", 1024 + 0x160).unwrap();
    world.calls();
    let (code, said) = world.refused("mount.ocfs2", &["/dev/ubdb", "/mnt"]);
    let why = "the cluster stack \"abcd\" is unknown (o2cb, pcmk and cman are supported)";
    assert!(code == 32 && said.contains(why), "{said}");
    assert!(peer.notes().is_empty());
}
