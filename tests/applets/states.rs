//! One judgement for every command: each state of a region, and what each command reports of it.
//! The table is `states.txt`; run with `WRITE_STATES=1` to write it anew.

use crate::doctor::regions::list_semaphores;
use crate::half_started::half_start;
use crate::world::{Volume, World};
use ocfs2box::host::Kernel;
use rustix::mount::UnmountFlags;
use std::fmt::Write;
use std::fs;

const COMMANDS: [(&str, &[&str]); 6] = [
    ("ocfs2_hb_ctl", &["-I"]),
    ("ocfs2_hb_ctl", &["-I", "--long"]),
    ("ocfs2_hb_ctl", &["--repair", "--dry-run"]),
    ("o2cb", &["doctor"]),
    // These tidy up first.
    ("o2cb", &["status"]),
    ("o2cb", &["offline"]),
];

fn idle(_: &World, _: &Volume) {}

fn mounted(world: &World, _: &Volume) {
    world.mount("/mnt");
}

fn held(world: &World, _: &Volume) {
    world.ok("ocfs2_hb_ctl", &["-S", "-d", "/dev/ubda", "x"]);
}

fn unreferenced(world: &World, volume: &Volume) {
    held(world, volume);
    volume.semaphores.remove();
}

fn uncounted(world: &World, volume: &Volume) {
    mounted(world, volume);
    volume.semaphores.remove();
}

/// The mount ends, and umount.ocfs2 is not called.
fn left_by_umount(world: &World, _: &Volume) {
    world.mount("/mnt");
    let point = world.path("/mnt");
    let kernel = world.kernel();
    kernel.unmount(&point, UnmountFlags::empty()).unwrap();
}

fn left_by_umount_and_held(world: &World, volume: &Volume) {
    left_by_umount(world, volume);
    held(world, volume);
}

fn mounted_without_device(world: &World, volume: &Volume) {
    mounted(world, volume);
    without_device(world);
}

fn held_without_device(world: &World, volume: &Volume) {
    held(world, volume);
    without_device(world);
}

/// The disk vanishes, and another is there.
fn without_device(world: &World) {
    world.volume("ubdb", "");
    fs::remove_dir_all(world.path("/sys/class/block/ubda")).unwrap();
}

fn start_cut_off(world: &World, volume: &Volume) {
    half_start(world, volume, "77\n", "o2hb");
}

fn thread_ended(world: &World, volume: &Volume) {
    half_start(world, volume, "77\n", "-o2hb");
}

fn without_region(world: &World, volume: &Volume) {
    volume.semaphores.make_like_c(2);
    let user = rustix::process::geteuid().as_raw();
    list_semaphores(world, volume.semaphores.key(), 2, user);
}

fn lock_held(world: &World, volume: &Volume) {
    unreferenced(world, volume);
    let domain = format!("/dlm/{}", volume.uuid);
    world.write(&format!("{domain}/lock"), "");
    world.write("/proc/4711/stat", "4711 (fsck.ocfs2) S 1\n");
    world.directory("/proc/4711/fd");
    let open = world.path("/proc/4711/fd/3");
    std::os::unix::fs::symlink(format!("{domain}/lock"), open).unwrap();
}

type State = (&'static str, fn(&World, &Volume));

const STATES: [State; 13] = [
    ("no heartbeat", idle),
    ("mounted", mounted),
    ("held by a program that has ended", held),
    ("no references", unreferenced),
    ("mounted, no references", uncounted),
    ("left by umount -i", left_by_umount),
    ("left by umount -i, and held", left_by_umount_and_held),
    ("mounted, device gone", mounted_without_device),
    ("held, device gone", held_without_device),
    ("start cut off", start_cut_off),
    ("start cut off, thread ended", thread_ended),
    ("semaphores without a region", without_region),
    ("no references, lock held", lock_held),
];

#[test]
fn every_command_reports_the_same_of_each_state() {
    let mut table = String::new();
    for (name, make) in STATES {
        let (world, volume) = World::with_volume();
        world.write(&format!("/dev/disk/by-uuid/{}", volume.uuid), "");
        make(&world, &volume);
        writeln!(table, "== {name}").unwrap();
        for (applet, args) in COMMANDS {
            let (code, said) = world.ended(applet, args);
            let said = said
                .replace(&volume.uuid.to_string(), "UUID")
                .replace(&std::process::id().to_string(), "PID");
            writeln!(table, "$ {applet} {}: {code}", args.join(" ")).unwrap();
            let mut shown = true;
            for line in said.lines() {
                // Of a whole node, what concerns the region.
                if applet == "o2cb" && !line.starts_with("    ") {
                    shown = line.contains("UUID");
                }
                if shown {
                    writeln!(table, "{line}").unwrap();
                }
            }
        }
    }
    let place = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/applets/states.txt");
    if std::env::var_os("WRITE_STATES").is_some() {
        fs::write(place, &table).unwrap();
    }
    assert_eq!(fs::read_to_string(place).unwrap(), table);
}
