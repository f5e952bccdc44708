//! Who owns a reference: several mounts of one volume, and sets that C tools have made.

use crate::world::{Era, Volume, World};
use ocfs2box::host::{Kernel, lock_file};
use rustix::mount::MountFlags;

const NO_SET: [i32; 0] = [];

#[test]
fn a_second_mount_owns_no_second_reference() {
    let world = World::online(Era::Now);
    let volume = world.volume("ubda", "");
    world.run("mount.ocfs2", &["/dev/ubda", "/mnt"]).unwrap();
    world.calls();
    for _ in 0..2 {
        world.run("mount.ocfs2", &["/dev/ubda", "/mnt2"]).unwrap();
        let mount = "mount /dev/ubda /mnt2 ocfs2 0x0 heartbeat=local [2 1]";
        assert_eq!(world.calls(), [mount, "prefer the heartbeat's I/O"]);
        assert_eq!(volume.counts(), [0, 1, 1]);
    }
    for point in ["/mnt2", "/mnt2", "/mnt"] {
        assert_eq!(volume.counts(), [0, 1, 1]);
        world.run("umount.ocfs2", &[point]).unwrap();
    }
    assert_eq!((volume.counts(), world.regions().len()), (NO_SET.into(), 0));
}

#[test]
fn a_second_mount_that_fails_takes_nothing_away() {
    let world = World::online(Era::Now);
    let volume = world.volume("ubda", "");
    world.run("mount.ocfs2", &["/dev/ubda", "/mnt"]).unwrap();
    world.calls();
    world.log.fail("mount /dev/ubda", libc::EBUSY);
    world.refused("mount.ocfs2", &["/dev/ubda", "/mnt2"]);
    assert_eq!(world.calls().len(), 1);
    assert_eq!((volume.counts(), world.regions().len()), (vec![0, 1, 1], 1));
}

#[test]
fn a_set_of_c_s_is_replaced_when_nobody_refers_to_it() {
    let world = World::online(Era::Now);
    let volume = world.volume("ubda", "");
    volume.semaphores.make_like_c(0);
    world.run("mount.ocfs2", &["/dev/ubda", "/mnt"]).unwrap();
    assert_eq!(volume.counts(), [0, 1, 1]);
}

/// Whoever removed the region was killed before its set went too.
#[test]
fn references_to_a_region_that_is_gone_are_forgotten() {
    let world = World::online(Era::Now);
    let volume = world.volume("ubda", "");
    volume.semaphores.make_like_c(1);
    world.run("mount.ocfs2", &["/dev/ubda", "/mnt"]).unwrap();
    assert_eq!(volume.counts(), [0, 1, 1]);
}

#[test]
fn a_set_of_c_s_is_tolerated_while_it_is_held() {
    let world = World::online(Era::Now);
    let volume = world.volume("ubda", "");
    // A region, and a set as if C had made both.
    world
        .run("ocfs2_hb_ctl", &["-S", "-d", "/dev/ubda", "program"])
        .unwrap();
    volume.semaphores.remove();
    volume.semaphores.make_like_c(1);
    world.run("mount.ocfs2", &["/dev/ubda", "/mnt"]).unwrap();
    assert_eq!(volume.counts(), [0, 2]);
    // The program of C's goes on after the unmount.
    world.run("umount.ocfs2", &["/mnt"]).unwrap();
    assert_eq!((volume.counts(), world.regions().len()), (vec![0, 1], 1));
    // Its own end, by whichever tool.
    let uuid = volume.uuid.to_string();
    world
        .run("ocfs2_hb_ctl", &["-K", "-u", &uuid, "program"])
        .unwrap();
    assert_eq!((volume.counts(), world.regions().len()), (NO_SET.into(), 0));
}

/// C's mount.ocfs2 has counted one; it cannot be told whose it is.
#[test]
fn beside_a_mount_of_c_s_no_reference_is_added() {
    let world = World::online(Era::Now);
    let volume = world.volume("ubda", "");
    world.run("mount.ocfs2", &["/dev/ubda", "/mnt"]).unwrap();
    assert_eq!(volume.counts(), [0, 1, 1]);
    volume.semaphores.remove();
    volume.semaphores.make_like_c(1);
    world.run("mount.ocfs2", &["/dev/ubda", "/mnt2"]).unwrap();
    assert_eq!(volume.counts(), [0, 1]);
    world.run("umount.ocfs2", &["/mnt"]).unwrap();
    assert_eq!(volume.counts(), [0, 1]);
    // Its process has ended, so that it is the superblock's.
    world.run("umount.ocfs2", &["/mnt2"]).unwrap();
    assert_eq!((volume.counts(), world.regions().len()), (NO_SET.into(), 0));
}

/// Also where ours has made the set. The mark is set before mount(2), so that an unmount meanwhile
/// gives that reference back and no other.
#[test]
fn a_mount_of_c_s_has_its_reference_marked() {
    for programs in [0, 1] {
        let world = World::online(Era::Now);
        let volume = world.volume("ubda", "");
        let program = |word| world.run("ocfs2_hb_ctl", &[word, "-d", "/dev/ubda", "me"]);
        program("-S").unwrap();
        if programs == 0 {
            volume.semaphores.add(-1);
        }
        let [device, point] = ["/dev/ubda", "/mnt"].map(|path| world.path(path));
        volume.semaphores.add(1);
        world
            .kernel()
            .mount(
                &device,
                &point,
                c"ocfs2",
                MountFlags::empty(),
                c"heartbeat=local",
            )
            .unwrap();
        assert_eq!(volume.counts(), [0, 1 + programs, 0]);
        world.log.fail("mount /dev/ubda", libc::EBUSY);
        world.refused("mount.ocfs2", &["/dev/ubda", "/mnt2"]);
        world.log.fail_no_more();
        assert_eq!(volume.counts(), [0, 1 + programs, 1]);
        world.run("mount.ocfs2", &["/dev/ubda", "/mnt2"]).unwrap();
        assert_eq!(volume.counts(), [0, 1 + programs, 1]);
        world.run("umount.ocfs2", &["/mnt"]).unwrap();
        world.run("umount.ocfs2", &["/mnt2"]).unwrap();
        if programs > 0 {
            assert_eq!(volume.counts(), [0, 1, 0]);
            program("-K").unwrap();
        }
        assert_eq!((volume.counts(), world.regions().len()), (NO_SET.into(), 0));
    }
}

#[test]
fn a_program_keeps_the_heartbeat_after_the_unmount_and_before_the_mount() {
    let world = World::online(Era::Now);
    let volume = world.volume("ubda", "");
    world
        .run("ocfs2_hb_ctl", &["-S", "-d", "/dev/ubda", "backup"])
        .unwrap();
    assert_eq!(volume.counts(), [0, 1, 0]);
    world.run("mount.ocfs2", &["/dev/ubda", "/mnt"]).unwrap();
    assert_eq!(volume.counts(), [0, 2, 1]);
    world.run("umount.ocfs2", &["/mnt"]).unwrap();
    assert_eq!((volume.counts(), world.regions().len()), (vec![0, 1, 0], 1));
    world
        .run("ocfs2_hb_ctl", &["-K", "-d", "/dev/ubda", "backup"])
        .unwrap();
    assert_eq!((volume.counts(), world.regions().len()), (NO_SET.into(), 0));
}

#[test]
fn the_mount_s_heartbeat_is_not_for_a_program_to_stop() {
    let world = World::online(Era::Now);
    let volume = world.volume("ubda", "");
    world.run("mount.ocfs2", &["/dev/ubda", "/mnt"]).unwrap();
    let uuid = volume.uuid.to_string();
    for args in [
        &["-K", "-u", &uuid, "x"][..],
        &["-K", "-u", &uuid],
        &["-K", "-d", "/dev/ubda", "x"],
    ] {
        let (code, said) = world.refused("ocfs2_hb_ctl", args);
        assert_eq!(code, 1);
        assert!(said.contains("the volume is mounted"), "{said}");
    }
    assert_eq!((volume.counts(), world.regions().len()), (vec![0, 1, 1], 1));
}

/// A region that is half-started is not used; whether it may be touched, its thread decides.
#[test]
fn a_half_started_region() {
    for (pid, comm, starts) in [
        ("", "", true),
        ("77\n", "o2hb", true),
        ("77\n", "other", false),
        ("77\n", "-o2hb", false),
        ("77\n", "-o2hb) S 2 0 0 0 -1 2129984 (", false),
    ] {
        let world = World::online(Era::Now);
        let volume = world.volume("ubda", "");
        half_start(&world, &volume, pid, comm);
        let mounted = world.run("mount.ocfs2", &["/dev/ubda", "/mnt"]);
        let calls = world.calls();
        if starts {
            mounted.unwrap();
            assert!(calls[0].starts_with("remove "), "{calls:?}");
        } else {
            let said = mounted.unwrap_err().to_string();
            assert!(
                said.contains("left half-started, its thread has ended"),
                "{said}"
            );
            assert!(calls.is_empty(), "{calls:?}");
        }
    }
}

/// `pid` is empty before there is a thread, and on kernels that keep a dead one's address also when
/// its memory has gone to somebody else. It is believed where there cannot have been a thread.
#[test]
fn a_half_started_region_that_names_no_thread() {
    let debian = "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-1 (2026-10-01)\n";
    let symbols = "0000000000000000 t o2hb_region_pid_show\t[ocfs2_nodemanager]\n\
                   0000000000000000 t o2hb_unmap_slot_data\t[ocfs2_nodemanager]\n";
    let others = symbols.replace("slot_data", "slot_data_of_another");
    for (release, build, symbols, starts) in [
        ("6.1.176", "", "", false),
        ("6.1.190", "", "", false),
        ("6.1.191", "", "", true),
        ("6.1.0-49-amd64", debian, "", true),
        ("6.1.0-49-amd64", "#1 SMP Debian 6.1.176-1\n", "", false),
        ("6.12.117+deb13-amd64", "", "", true),
        ("6.12.113", "#1 SMP built with 6.1.192\n", "", false),
        ("6.18.200", "", "", false),
        ("7.0.3", "", "", false),
        ("7.1.0", "", "", true),
        ("7.3.4+deb13-amd64", "", "", true),
        ("2.6.39", "", "", true),
        ("", "", "", false),
        // A vendor's numbers tell nothing; its symbols do.
        ("5.14.0-900.el9.x86_64", "", "", false),
        ("5.14.0-900.el9.x86_64", "", symbols, true),
        ("", "", symbols, true),
        ("6.1.176", "", &others, false),
    ] {
        let world = World::online(Era::Now);
        let volume = world.volume("ubda", "");
        world.write("/proc/sys/kernel/osrelease", &format!("{release}\n"));
        world.write("/proc/sys/kernel/version", build);
        if !symbols.is_empty() {
            world.write("/proc/kallsyms", symbols);
        }
        half_start(&world, &volume, "", "");
        world.write(&format!("{}/block_bytes", region(&volume)), "512\n");
        let mounted = world.run("mount.ocfs2", &["/dev/ubda", "/mnt"]);
        assert_eq!(mounted.is_ok(), starts, "{release} {build} {symbols}");
        if !starts {
            assert!(world.calls().is_empty(), "{:?}", world.calls());
        }
    }
}

/// While another process is stuck in its own removal, the thread may end before ours comes.
#[test]
fn a_half_started_region_behind_another_that_is_being_removed() {
    let world = World::online(Era::Now);
    let volume = world.volume("ubda", "");
    half_start(&world, &volume, "77\n", "o2hb");
    world.write("/run/ocfs2box/regions", "");
    let turn = std::fs::File::open(world.path("/run/ocfs2box/regions")).unwrap();
    turn.lock().unwrap();
    let said = world.run("mount.ocfs2", &["/dev/ubda", "/mnt"]);
    let said = said.unwrap_err().to_string();
    assert!(said.contains("another process has been removing"), "{said}");
    assert!(world.calls().is_empty(), "{:?}", world.calls());
}

/// Only root may have made the directory of turns and ledgers.
#[test]
fn a_directory_of_turns_that_others_could_have_made_is_refused() {
    for plant in [
        (|world| std::os::unix::fs::symlink("/tmp", world.path("/run/ocfs2box")).unwrap())
            as fn(&World),
        |world| {
            world.directory("/run/ocfs2box");
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
            std::fs::set_permissions(world.path("/run/ocfs2box"), mode).unwrap();
        },
        |world| world.write("/run/ocfs2box", ""),
    ] {
        let world = World::bare(Era::Now);
        plant(&world);
        let why = "/run/ocfs2box is not a directory of root's that only root can write to";
        let error = lock_file::directory(&world.system())
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(why), "{error}");
    }
}

/// `pid`: what the region says of its thread; `comm`: what the kernel's thread 77 is called, where
/// "o2hb" stands for that thread's name, and what an ordinary process is called with "-" before it.
fn half_start(world: &World, volume: &Volume, pid: &str, comm: &str) {
    let region = region(volume);
    for (name, value) in [
        ("dev", ""),
        ("pid", pid),
        ("blocks", "9\n"),
        ("start_block", "9\n"),
    ] {
        world.write(&format!("{region}/{name}"), value);
    }
    let name = comm.replace("o2hb", &format!("o2hb-{}", volume.uuid));
    // PF_KTHREAD, or PF_RANDOMIZE.
    let (name, flags) = match name.strip_prefix('-') {
        None => (name.as_str(), 0x0020_8040),
        Some(name) => (name, 0x0040_0000),
    };
    let stat = format!("77 ({name}) S 2 0 0 0 -1 {flags} 0 0\n");
    world.write("/proc/77/stat", &stat);
    world.write("/proc/77/comm", name);
}

fn region(volume: &Volume) -> String {
    format!("/sys/kernel/config/cluster/webc/heartbeat/{}", volume.uuid)
}
