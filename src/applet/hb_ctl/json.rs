//! Output for programs. ocfs2box-json(5) defines names and meanings: none changes; more may come.

use crate::heartbeat::survey::{Counters, Fault, Party, Snapshot, Survey};
use crate::heartbeat::{State, Thread};
use crate::ids::{HeartbeatMode, Uuid};
use crate::inspect::{Inspected, Node, wall_clock};
use crate::json::{Json, object};
use crate::ondisk::Membership;
use crate::ondisk::heartbeat_slots::Sign;

/// The schema's version, which goes up when an existing name changes its meaning.
const SCHEMA: u64 = 1;
/// The largest whole number that every reader represents exactly.
const LARGEST: u64 = (1 << 53) - 1;

pub(super) fn of(survey: &Survey, volumes: &[Inspected], with_nodes: bool) -> Json {
    let volumes = volumes.iter().map(|volume| region(volume, with_nodes));
    object! {
        "schema": SCHEMA,
        "time": wall_clock(),
        "cluster": survey.cluster.as_ref().map(Json::text),
        "heartbeat_mode": survey.cluster.as_ref().map(|_| Json::text(survey.mode)),
        "regions": Json::List(volumes.collect()),
        "left_semaphores": Json::list(&survey.left, left),
    }
}

fn region(volume: &Inspected, with_nodes: bool) -> Json {
    let seen = volume.region.seen.as_ref().ok();
    let counters = seen.and_then(|seen| seen.counters.as_ref().ok()?.as_ref());
    let about = volume.about.as_ref();
    let superblock = about.map(|about| &about.superblock);
    let membership = superblock.map(|superblock| &superblock.membership);
    let mode = membership.map(|membership| match membership {
        Membership::Local => Json::text("none"),
        // The output has always had this; a user-space stack has none.
        Membership::User { .. } => Json::text(HeartbeatMode::Local),
        Membership::O2cb { heartbeat, .. } => Json::text(heartbeat),
    });
    let kernel = seen.and_then(|seen| seen.geometry);
    let place = kernel.or(about.and_then(|about| about.geometry));
    let listed = with_nodes && volume.trouble.is_none();
    object! {
        "uuid": Json::text(volume.region.uuid),
        "state": seen.map_or("unknown", state),
        "error": volume.region.error(),
        "device": volume.device.as_ref(),
        "device_error": volume.trouble.as_ref(),
        "label": superblock.map(|superblock| &superblock.label[..]),
        "volume_stack": membership.and_then(Membership::stack).map(Json::text),
        "volume_cluster": membership.and_then(Membership::cluster).map(Json::text),
        "volume_heartbeat": mode,
        "block_bytes": place.map(|place| place.block_bytes),
        "start_block": place.map(|place| place.start_block),
        "blocks": place.map(|place| place.blocks),
        "thread": seen.and_then(|seen| seen.thread),
        "references": seen.and_then(Snapshot::references),
        "mount_reference": seen.and_then(Snapshot::marked),
        "last_user": counters.map(|counters| party(&counters.last_user)),
        "locked_by": counters.and_then(|counters| counters.locked_by.as_ref()).map(party),
        "mounted": seen.map(Snapshot::is_mounted),
        "mounted_on": seen.map(|seen| Json::list(&seen.places, |place| place.into())),
        "lock_domain": seen.map(|seen| seen.lock_holders.is_some()),
        "faults": seen.map(|seen| Json::list(&seen.faults(), |fault| word(*fault).into())),
        "nodes": listed.then(|| Json::list(&volume.nodes, node)),
    }
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
        Party::Ended(pid) => (pid, None),
        Party::Running(pid, name) => (pid, Some(name)),
    };
    object! { "process": *pid, "name": name }
}

fn left((uuid, counters): &(Uuid, Counters)) -> Json {
    object! {
        "uuid": Json::text(uuid),
        "references": counters.references,
        "last_user": party(&counters.last_user),
    }
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
    let whole = |number: &u64| *number <= LARGEST;
    object! {
        "number": node.number,
        "name": node.name.as_ref(),
        "known": node.known,
        "local": node.own,
        "state": state,
        "last_beat": written.filter(whole),
        "age_s": age.filter(whole),
        "generation": beat.map(|beat| format!("{:016x}", beat.generation)).as_ref(),
        "dead_ms": beat.and_then(|beat| beat.dead_ms),
        "writer": writer,
    }
}
