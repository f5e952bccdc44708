//! For programs. Names and meanings stand in ocfs2_hb_ctl(8): what is there stays; more may come.

use crate::group::inspect::{Inspected, Node, wall_clock};
use crate::heartbeat::survey::{Counters, Fault, Party, Snapshot, Survey};
use crate::heartbeat::{State, Thread};
use crate::ids::Uuid;
use crate::json::Json;
use crate::system::places::Place;
use crate::volume::Membership;
use crate::volume::beats::Sign;
use std::os::unix::ffi::OsStrExt;

/// Goes up when something that is there changes its meaning.
const SCHEMA: u64 = 1;
/// The largest whole number that every reader keeps.
const LARGEST: u64 = (1 << 53) - 1;

pub(super) fn of(survey: &Survey, volumes: &[Inspected], with_nodes: bool) -> Json {
    let mode = match (&survey.cluster, survey.global) {
        (None, _) => Json::Null,
        (_, global) => Json::text(if global { "global" } else { "local" }),
    };
    let volumes = volumes.iter().map(|volume| region(volume, with_nodes));
    Json::Object(vec![
        ("schema", Json::Number(SCHEMA)),
        ("time", Json::Number(wall_clock())),
        ("cluster", optional(survey.cluster.as_ref(), Json::text)),
        ("heartbeat_mode", mode),
        ("regions", Json::List(volumes.collect())),
        ("left_semaphores", Json::list(&survey.left, left)),
    ])
}

fn optional<T>(value: Option<T>, shown: impl FnOnce(T) -> Json) -> Json {
    value.map_or(Json::Null, shown)
}

fn region(volume: &Inspected, with_nodes: bool) -> Json {
    let seen = volume.region.seen.as_ref();
    let known = |value: fn(&Snapshot) -> Json| seen.map_or(Json::Null, value);
    let error = match seen.map(|seen| &seen.counters) {
        Err(why) | Ok(Err(why)) => Json::text(why),
        Ok(Ok(_)) => Json::Null,
    };
    let device = volume.device.as_ref();
    let about = volume.about.as_ref();
    let superblock = about.map(|about| &about.superblock);
    let (stack, cluster, mode) = match superblock.map(|superblock| &superblock.membership) {
        None => (Json::Null, Json::Null, Json::Null),
        Some(Membership::Local) => (Json::Null, Json::Null, Json::text("none")),
        Some(Membership::Classic) => (Json::text("o2cb"), Json::Null, Json::text("local")),
        Some(Membership::Cluster {
            stack,
            cluster,
            global_heartbeat,
        }) => {
            let mode = if *global_heartbeat { "global" } else { "local" };
            (Json::text(stack), Json::text(cluster), Json::text(mode))
        }
    };
    let kernel = seen.ok().map(|seen| seen.geometry);
    let kernel = kernel.filter(|place| place.blocks > 0);
    let place = kernel.or(about.and_then(|about| about.geometry));
    Json::Object(vec![
        ("uuid", Json::text(volume.region.uuid)),
        ("state", Json::text(seen.map_or("unknown", state))),
        ("error", error),
        (
            "device",
            optional(device, |device| Json::bytes(device.as_os_str().as_bytes())),
        ),
        (
            "device_error",
            optional(volume.trouble.as_ref(), Json::text),
        ),
        (
            "label",
            optional(superblock, |superblock| {
                Json::bytes(superblock.label.as_bytes())
            }),
        ),
        ("volume_stack", stack),
        ("volume_cluster", cluster),
        ("volume_heartbeat", mode),
        (
            "block_bytes",
            Json::number(place.map(|place| place.block_bytes)),
        ),
        (
            "start_block",
            Json::number(place.map(|place| place.start_block)),
        ),
        ("blocks", Json::number(place.map(|place| place.blocks))),
        ("thread", known(|seen| Json::number(seen.thread))),
        ("references", known(|seen| Json::number(seen.references()))),
        (
            "mount_reference",
            known(|seen| optional(seen.marked(), Json::Bool)),
        ),
        (
            "last_user",
            known(|seen| optional(counters(seen), |counters| party(&counters.last_user))),
        ),
        (
            "locked_by",
            known(|seen| {
                let holder = counters(seen).and_then(|counters| counters.locked_by.as_ref());
                optional(holder, party)
            }),
        ),
        ("mounted", known(|seen| Json::Bool(seen.is_mounted()))),
        ("mounted_on", known(|seen| Json::list(&seen.places, mount))),
        (
            "lock_domain",
            known(|seen| Json::Bool(seen.lock_holders.is_some())),
        ),
        (
            "faults",
            known(|seen| Json::list(&seen.faults(), |fault| Json::text(word(*fault)))),
        ),
        (
            "nodes",
            match with_nodes && volume.trouble.is_none() {
                true => Json::list(&volume.nodes, node),
                false => Json::Null,
            },
        ),
    ])
}

fn counters(seen: &Snapshot) -> Option<&Counters> {
    seen.counters.as_ref().ok()?.as_ref()
}

fn state(seen: &Snapshot) -> &'static str {
    match seen.state {
        State::Absent => "absent",
        State::HalfStarted(Thread::Ended) => "stuck",
        State::HalfStarted(_) => "half-started",
        State::Beating(_) if seen.is_idle() => "idle",
        State::Beating(_) => "beating",
    }
}

fn word(fault: Fault) -> &'static str {
    match fault {
        Fault::HalfStarted(Thread::Ended) => "stuck",
        Fault::HalfStarted(_) => "half-started",
        Fault::NoRegion => "no-region",
        Fault::DeviceGone => "device-gone",
        Fault::Idle => "idle",
        Fault::MarkStale => "stale-mark",
        Fault::Uncounted => "uncounted",
        Fault::Unowned(_) => "unowned",
    }
}

fn party(party: &Party) -> Json {
    let (pid, name) = match party {
        Party::Unseen => return Json::Null,
        Party::Ended(pid) => (pid, Json::Null),
        Party::Running(pid, name) => (pid, Json::text(name)),
    };
    Json::Object(vec![("process", Json::number(Some(*pid))), ("name", name)])
}

fn mount(place: &Place) -> Json {
    Json::Object(vec![
        ("path", Json::bytes(place.point.as_os_str().as_bytes())),
        ("process", Json::number(place.process)),
    ])
}

fn left((uuid, counters): &(Uuid, Counters)) -> Json {
    Json::Object(vec![
        ("uuid", Json::text(uuid)),
        ("references", Json::number(Some(counters.references))),
        ("last_user", party(&counters.last_user)),
    ])
}

fn node(node: &Node) -> Json {
    let (state, beat, writer) = match node.sign {
        Sign::Never => ("never", None, None),
        Sign::Alive(beat) => ("alive", Some(beat), None),
        Sign::Left(beat) => ("left", Some(beat), None),
        Sign::Stale(beat) => ("stale", Some(beat), None),
        Sign::Damaged => ("damaged", None, None),
        Sign::Misplaced(writer) => ("misplaced", None, Some(writer)),
    };
    let written = beat.map(|beat| beat.sequence);
    let age = beat.and_then(|beat| beat.age(wall_clock()));
    let whole = |number: Option<u64>| Json::number(number.filter(|number| *number <= LARGEST));
    Json::Object(vec![
        ("number", Json::number(Some(node.number))),
        ("name", optional(node.name.as_ref(), Json::text)),
        ("known", optional(node.known, Json::Bool)),
        ("local", Json::Bool(node.own)),
        ("state", Json::text(state)),
        ("last_beat", whole(written)),
        ("age_s", whole(age)),
        (
            "generation",
            optional(beat, |beat| {
                Json::text(format_args!("{:016x}", beat.generation))
            }),
        ),
        ("dead_ms", Json::number(beat.and_then(|beat| beat.dead_ms))),
        ("writer", Json::number(writer)),
    ])
}
