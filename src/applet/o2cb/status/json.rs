//! Output for programs. ocfs2box-json(5) defines names and meanings: none changes; more may come.

use super::{Cluster, Status};
use crate::cluster::driver::CallOut;
use crate::cluster::registered::RegisteredNode;
use crate::cluster::timeouts::restart_after;
use crate::heartbeat::survey::{Snapshot, Surveyed};
use crate::heartbeat::{State, Thread};
use crate::json::{Json, object};

/// The schema's version, which goes up when an existing name changes its meaning.
const SCHEMA: u64 = 1;

pub(super) fn of(status: &Status) -> Json {
    let loaded = &status.loaded;
    let call_out = status.call_out.as_ref();
    let leaver = |(_, call_out): &(String, CallOut)| match call_out {
        CallOut::None => "umount",
        CallOut::Ours => "kernel",
        CallOut::Foreign => "foreign",
    };
    object! {
        "schema": SCHEMA,
        "online": status.online,
        "ocfs2_loaded": loaded.filesystem,
        "dlmfs_loaded": loaded.dlmfs,
        "dlmfs_mounted": loaded.dlmfs_mounted,
        "configfs": loaded.configfs.as_ref(),
        "stack": status.stack.map(Json::text),
        "hb_ctl_path": call_out.map(|(path, _)| path),
        "heartbeat_stopped_by": call_out.map(leaver),
        "cluster": status.cluster.as_ref().map(cluster),
    }
}

fn cluster(cluster: &Cluster) -> Json {
    let timeouts = &cluster.timeouts;
    object! {
        "name": Json::text(&cluster.name),
        "online": cluster.online,
        "heartbeat_mode": Json::text(cluster.mode),
        "heartbeat_threshold": timeouts.heartbeat_threshold,
        "restart_after_s": timeouts.heartbeat_threshold.map(restart_after),
        "idle_timeout_ms": timeouts.idle_timeout_ms,
        "keepalive_delay_ms": timeouts.keepalive_delay_ms,
        "reconnect_delay_ms": timeouts.reconnect_delay_ms,
        "fence_method": timeouts.fence_method.as_ref(),
        "nodes": Json::list(&cluster.nodes, node),
        "regions": Json::list(&cluster.regions, region),
    }
}

fn node(RegisteredNode { node, local }: &RegisteredNode) -> Json {
    object! {
        "name": &node.name,
        "number": u32::from(node.number),
        "address": Json::text(node.address),
        "port": u32::from(node.port),
        "local": *local,
    }
}

fn region(region: &Surveyed) -> Json {
    let seen = region.seen.as_ref().ok();
    object! {
        "uuid": Json::text(region.uuid),
        "state": seen.map_or("unknown", state),
        "error": region.error(),
        "device": seen.and_then(Snapshot::device),
        "device_gone": seen.map(|seen| !seen.device_there),
        "references": seen.and_then(Snapshot::references),
        "mount_reference": seen.and_then(Snapshot::marked),
        "mounted_on": seen.map(|seen| Json::list(&seen.places, |place| place.into())),
    }
}

fn state(seen: &Snapshot) -> &'static str {
    match &seen.state {
        State::Absent => "gone",
        State::Beating(_) => "beating",
        State::HalfStarted(Thread::Ended) => "stuck",
        State::HalfStarted(_) => "half-started",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::driver::Loaded;
    use crate::cluster::timeouts::Timeouts;
    use crate::config::cluster_conf::Node;
    use crate::heartbeat::survey::{Counters, Party};
    use crate::host::places::Place;
    use crate::ids::HeartbeatMode;
    use crate::ondisk::Geometry;
    use std::path::PathBuf;

    fn region(state: State, places: Vec<Place>) -> Surveyed {
        named(Ok(Snapshot {
            state,
            geometry: Some(Geometry {
                block_bytes: 512,
                start_block: 1000,
                blocks: 255,
            }),
            thread: None,
            device_there: true,
            counters: Ok(Some(Counters {
                references: 2,
                marked: Some(true),
                held: 0,
                last_user: Party::Unseen,
                stranger: None,
                locked_by: None,
            })),
            mounted: true,
            places,
            lock_holders: None,
            global: false,
        }))
    }

    fn named(seen: Result<Snapshot, String>) -> Surveyed {
        Surveyed {
            uuid: "8D55D77D7EF74F4E8E964F519A7060BF".parse().unwrap(),
            seen,
        }
    }

    /// Names and meanings are a promise: a change here is a change of the page, and of SCHEMA
    /// unless something is only added.
    #[test]
    fn names_and_values_are_those_of_the_page() {
        let place = |point: &str, process| Place {
            point: PathBuf::from(point),
            process,
            read_only: false,
        };
        let regions = vec![
            region(
                State::Beating("sd\"b".into()),
                vec![place("/a b", None), place("/c", Some(7))],
            ),
            region(State::Absent, Vec::new()),
            region(State::HalfStarted(Thread::None), Vec::new()),
            region(State::HalfStarted(Thread::Ended), Vec::new()),
            named(Err("reading it: no".into())),
        ];
        let status = Status {
            loaded: Loaded {
                filesystem: true,
                dlmfs: true,
                configfs: Some("/sys/kernel/config".into()),
                dlmfs_mounted: false,
            },
            stack: Some("o2cb".parse().unwrap()),
            call_out: Some(("/bin/true".into(), CallOut::None)),
            asked: None,
            online: true,
            cluster: Some(Cluster {
                name: "webc".parse().unwrap(),
                online: true,
                mode: HeartbeatMode::Local,
                timeouts: Timeouts {
                    heartbeat_threshold: Some(31),
                    idle_timeout_ms: Some(30000),
                    keepalive_delay_ms: Some(2000),
                    reconnect_delay_ms: None,
                    fence_method: Some("reset".into()),
                },
                nodes: vec![RegisteredNode {
                    node: Node {
                        name: "n1".into(),
                        number: 0,
                        address: [192, 0, 2, 1].into(),
                        port: 7777,
                    },
                    local: true,
                }],
                regions,
            }),
        };
        let head = r#"{"uuid": "8D55D77D7EF74F4E8E964F519A7060BF", "state":"#;
        let tail = r#""error": null, "device": null, "device_gone": false, "references": 2, "mount_reference": true, "mounted_on": []}"#;
        let wanted = [
            r#"{"schema": 1, "online": true, "ocfs2_loaded": true, "dlmfs_loaded": true, "#,
            r#""dlmfs_mounted": false, "configfs": "/sys/kernel/config", "stack": "o2cb", "#,
            r#""hb_ctl_path": "/bin/true", "heartbeat_stopped_by": "umount", "#,
            r#""cluster": {"name": "webc", "online": true, "heartbeat_mode": "local", "#,
            r#""heartbeat_threshold": 31, "restart_after_s": 60, "idle_timeout_ms": 30000, "#,
            r#""keepalive_delay_ms": 2000, "reconnect_delay_ms": null, "fence_method": "reset", "#,
            r#""nodes": [{"name": "n1", "number": 0, "address": "192.0.2.1", "port": 7777, "#,
            r#""local": true}], "regions": ["#,
            head,
            r#" "beating", "error": null, "device": "sd\"b", "device_gone": false, "references": 2, "#,
            r#""mount_reference": true, "#,
            r#""mounted_on": [{"path": "/a b", "process": null}, {"path": "/c", "process": 7}]}, "#,
            head,
            r#" "gone", "#,
            tail,
            ", ",
            head,
            r#" "half-started", "#,
            tail,
            ", ",
            head,
            r#" "stuck", "#,
            tail,
            ", ",
            head,
            r#" "unknown", "error": "reading it: no", "device": null, "device_gone": null, "references": null, "#,
            r#""mount_reference": null, "mounted_on": null}"#,
            "]}}",
        ];
        assert_eq!(of(&status).to_string(), wanted.concat());
        let page = include_str!("../../../../docs/ocfs2box-json.5");
        each_name(&of(&status), &mut |name| {
            assert!(page.contains(&format!("\n.B {name}\n")), "{name}");
        });
    }

    fn each_name(value: &Json, check: &mut dyn FnMut(&str)) {
        match value {
            Json::List(items) => items.iter().for_each(|item| each_name(item, check)),
            Json::Object(members) => {
                for (name, value) in members {
                    check(name);
                    each_name(value, check);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn nothing_is_null() {
        let status = Status {
            loaded: Loaded {
                filesystem: false,
                dlmfs: false,
                configfs: None,
                dlmfs_mounted: false,
            },
            stack: None,
            call_out: None,
            asked: Some("webc".parse().unwrap()),
            online: false,
            cluster: None,
        };
        assert_eq!(
            of(&status).to_string(),
            r#"{"schema": 1, "online": false, "ocfs2_loaded": false, "dlmfs_loaded": false, "dlmfs_mounted": false, "configfs": null, "stack": null, "hb_ctl_path": null, "heartbeat_stopped_by": null, "cluster": null}"#
        );
    }
}
