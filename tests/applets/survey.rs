//! What a node can tell of its heartbeat regions (`heartbeat::survey`).

use crate::world::{Era, World};
use ocfs2box::heartbeat::survey::{Fault, Party, Snapshot, Survey};
use ocfs2box::heartbeat::{State, Thread};
use ocfs2box::ids::Uuid;
use std::fs;

fn seen(survey: &Survey, uuid: Uuid) -> Snapshot {
    let mut regions = survey.regions.iter();
    let found = regions.find(|region| region.uuid == uuid);
    found.expect("the region").seen.clone().expect("seen")
}

#[test]
fn each_region_is_shown_with_its_users() {
    let (world, mounted) = World::with_volume();
    let program = world.volume("ubdb", "");
    let gone = world.volume("ubdc", "");
    world.mount("/mnt");
    for device in ["/dev/ubdb", "/dev/ubdc"] {
        world.ok("ocfs2_hb_ctl", &["-S", "-d", device, "x"]);
    }
    // The disk vanishes, and so does the region of another.
    fs::remove_dir_all(world.path("/sys/class/block/ubdb")).unwrap();
    let region = format!("webc/heartbeat/{}", gone.uuid);
    fs::remove_dir_all(world.clusters().join(region)).unwrap();

    let survey = Survey::gather(&world.system(), &[gone.uuid]).unwrap();
    assert_eq!(survey.cluster.as_ref().unwrap().as_str(), "webc");
    assert!(!survey.mode.is_global());
    assert_eq!(survey.regions.len(), 2);

    let volume = seen(&survey, mounted.uuid);
    assert_eq!(volume.state, State::Beating("ubda".into()));
    assert_eq!(volume.faults(), []);
    assert_eq!(
        (volume.references(), volume.marked()),
        (Some(1), Some(true))
    );
    assert!(volume.is_mounted() && volume.device_there);
    assert_eq!(volume.places.len(), 1);
    assert_eq!(volume.geometry.unwrap().block_bytes, 512);
    assert_eq!(volume.geometry.unwrap().blocks, 255);

    let volume = seen(&survey, program.uuid);
    assert!(!volume.device_there && !volume.is_mounted());
    assert_eq!(volume.faults(), [Fault::DeviceGone]);
    assert_eq!(
        (volume.references(), volume.marked()),
        (Some(1), Some(false))
    );
    let counters = volume.counters.unwrap().unwrap();
    // This process is the applet here; the played /proc does not know it.
    assert_eq!(counters.last_user, Party::Ended(std::process::id()));
    assert_eq!(counters.locked_by, None);

    let [(uuid, counters)] = &survey.left[..] else {
        panic!("{:?}", survey.left);
    };
    assert_eq!((*uuid, counters.references), (gone.uuid, 1));
    world.umount("/mnt");
}

/// Its geometry is set before its thread is made.
#[test]
fn a_region_that_is_being_started_is_not_taken_for_a_dead_one() {
    let (world, volume) = World::with_volume();
    let region = world.clusters().join("webc/heartbeat");
    let region = region.join(volume.uuid.to_string());
    for name in ["dev", "pid", "block_bytes", "start_block", "blocks"] {
        let value = if name.contains("block") { "512\n" } else { "" };
        fs::create_dir_all(&region).unwrap();
        fs::write(region.join(name), value).unwrap();
    }
    volume.semaphores.make_like_c(0);
    let state = || {
        let survey = Survey::gather(&world.system(), &[]).unwrap();
        seen(&survey, volume.uuid).state
    };
    assert_eq!(state(), State::HalfStarted(Thread::Ended));
    volume.semaphores.lock();
    assert_eq!(state(), State::HalfStarted(Thread::None));
}

#[test]
fn without_drivers_there_is_nothing_and_no_error() {
    let world = World::bare(Era::Now);
    let survey = Survey::gather(&world.system(), &[]).unwrap();
    assert_eq!((survey.cluster, survey.regions.len()), (None, 0));
    assert_eq!(world.calls(), Vec::<String>::new());
}
