//! A region whose start was cut off.

use crate::world::{Volume, World, says};

/// Leaves the volume's region half-started. `pid`: what the region shows of its thread; `comm`: what
/// the kernel's thread 77 is called, where "o2hb" is replaced by that thread's name, and what an
/// ordinary process is called with "-" before it.
pub fn half_start(world: &World, volume: &Volume, pid: &str, comm: &str) {
    for (name, value) in [
        ("dev", ""),
        ("pid", pid),
        ("blocks", "9\n"),
        ("start_block", "9\n"),
    ] {
        world.write(&format!("{}/{name}", volume.region()), value);
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
        let (world, volume) = World::with_volume();
        half_start(&world, &volume, pid, comm);
        let mounted = world.run("mount.ocfs2", &["/dev/ubda", "/mnt"]);
        let calls = world.calls();
        if starts {
            mounted.unwrap();
            assert!(calls[0].starts_with("remove "), "{calls:?}");
        } else {
            let said = mounted.unwrap_err().to_string();
            says(&said, "left half-started, its thread has ended");
            assert!(calls.is_empty(), "{calls:?}");
        }
    }
}

/// `pid` is empty before there is a thread, and on kernels that keep a dead one's address also when
/// its memory belongs to another object. It is believed where there cannot have been a thread.
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
        let (world, volume) = World::with_volume();
        world.write("/proc/sys/kernel/osrelease", &format!("{release}\n"));
        world.write("/proc/sys/kernel/version", build);
        if !symbols.is_empty() {
            world.write("/proc/kallsyms", symbols);
        }
        half_start(&world, &volume, "", "");
        world.write(&format!("{}/block_bytes", volume.region()), "512\n");
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
    let (world, volume) = World::with_volume();
    half_start(&world, &volume, "77\n", "o2hb");
    world.write("/run/ocfs2box/regions", "");
    let turn = std::fs::File::open(world.path("/run/ocfs2box/regions")).unwrap();
    turn.lock().unwrap();
    let said = world.run("mount.ocfs2", &["/dev/ubda", "/mnt"]);
    let said = said.unwrap_err().to_string();
    says(&said, "another process has been removing");
    assert!(world.calls().is_empty(), "{:?}", world.calls());
}
