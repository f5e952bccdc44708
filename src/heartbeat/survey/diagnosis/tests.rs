//! Each state of a region, and what is made of it.

use super::super::Counters;
use super::*;

/// Makes a region that heartbeats for a mounted volume: nothing is wrong.
fn sound() -> Snapshot {
    Snapshot {
        state: State::Beating("sda".into()),
        geometry: None,
        thread: None,
        device_there: true,
        counters: Ok(Some(counters(1, Some(true), 0))),
        mounted: true,
        places: Vec::new(),
        lock_holders: None,
        global: false,
    }
}

fn counters(references: u32, marked: Option<bool>, held: u32) -> Counters {
    Counters {
        references,
        marked,
        held,
        last_user: Party::Ended(7),
        stranger: Some(Party::Ended(7)),
        locked_by: None,
    }
}

fn changed(change: impl FnOnce(&mut Snapshot)) -> Snapshot {
    let mut snapshot = sound();
    change(&mut snapshot);
    snapshot
}

fn unmounted(counters: Option<Counters>) -> Snapshot {
    changed(|now| {
        now.mounted = false;
        now.counters = Ok(counters);
    })
}

#[test]
fn each_state_has_its_faults_and_one_remedy() {
    let locked = |by: Party, state| {
        changed(|now| {
            now.state = state;
            now.mounted = false;
            now.counters = Ok(Some(Counters {
                locked_by: Some(by),
                ..counters(0, None, 0)
            }));
        })
    };
    let running = || Party::Running(9, "mount.ocfs2".into());
    let ended = State::HalfStarted(Thread::Ended);
    let cut_off = State::HalfStarted(Thread::None);
    let table = [
        (sound(), "", "none"),
        (
            unmounted(Some(counters(1, Some(true), 0))),
            "idle",
            "remove",
        ),
        (unmounted(Some(counters(0, None, 0))), "idle", "remove"),
        (unmounted(None), "idle", "remove"),
        // A process of ours is about to mount.
        (unmounted(Some(counters(1, Some(true), 1))), "", "none"),
        (unmounted(Some(counters(1, Some(false), 1))), "", "none"),
        (
            unmounted(Some(counters(2, Some(true), 1))),
            "stale-mark",
            "put",
        ),
        (
            unmounted(Some(counters(2, Some(true), 0))),
            "stale-mark unowned 1",
            "put",
        ),
        (
            unmounted(Some(counters(2, Some(false), 0))),
            "unowned 2",
            "keep",
        ),
        (unmounted(Some(counters(1, None, 0))), "unowned 1", "keep"),
        (
            changed(|now| now.counters = Ok(Some(counters(2, Some(true), 0)))),
            "unowned 1",
            "none",
        ),
        (changed(|now| now.counters = Ok(None)), "uncounted", "none"),
        (changed(|now| now.counters = Err("no".into())), "", "none"),
        (
            changed(|now| now.device_there = false),
            "device-gone",
            "keep",
        ),
        (
            changed(|now| (now.device_there, now.mounted) = (false, false)),
            "device-gone",
            "remove",
        ),
        (
            changed(|now| (now.global, now.mounted) = (true, false)),
            "",
            "none",
        ),
        (
            changed(|now| (now.global, now.device_there) = (true, false)),
            "device-gone",
            "keep",
        ),
        (changed(|now| now.state = ended.clone()), "stuck", "keep"),
        (
            changed(|now| now.state = cut_off.clone()),
            "half-started",
            "remove",
        ),
        (
            changed(|now| now.state = State::Absent),
            "no-region",
            "remove",
        ),
        (locked(running(), State::Absent), "", "none"),
        (locked(running(), cut_off.clone()), "half-started", "remove"),
    ];
    let word = |fault: &Fault| match fault {
        Fault::HalfStarted(Thread::Ended) => "stuck".to_owned(),
        Fault::HalfStarted(_) => "half-started".into(),
        Fault::NoRegion => "no-region".into(),
        Fault::DeviceGone => "device-gone".into(),
        Fault::Idle => "idle".into(),
        Fault::MarkStale => "stale-mark".into(),
        Fault::Uncounted => "uncounted".into(),
        Fault::Unowned(count) => format!("unowned {count}"),
    };
    for (snapshot, faults, remedy) in table {
        let found: Vec<_> = snapshot.faults().iter().map(word).collect();
        assert_eq!(found.join(" "), faults, "{snapshot:?}");
        let uuid = "8D55D77D7EF74F4E8E964F519A7060BF".parse().unwrap();
        let found = match snapshot.remedy(uuid) {
            Remedy::None => "none",
            Remedy::Remove => "remove",
            Remedy::PutSuperblock => "put",
            Remedy::Keep(_) => "keep",
        };
        assert_eq!(found, remedy, "{snapshot:?}");
    }
}

#[test]
fn what_holds_locks_keeps_a_region_that_is_removed_otherwise() {
    let uuid = "8D55D77D7EF74F4E8E964F519A7060BF".parse().unwrap();
    let mut snapshot = unmounted(None);
    snapshot.lock_holders = Some(Vec::new());
    assert_eq!(snapshot.remedy(uuid), Remedy::Remove);
    snapshot.lock_holders = Some(vec!["9 (fsck.ocfs2)".into()]);
    let Remedy::Keep(why) = snapshot.remedy(uuid) else {
        panic!("{snapshot:?}");
    };
    assert!(why.contains("process 9 (fsck.ocfs2)"), "{why}");
}
