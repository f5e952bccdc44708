//! Thresholds and timeouts of the cluster: when they are set, and in which order.

use super::{CALL_OUT, LIMITS, NODES, loaded};
use crate::world::{World, says};

/// A node that could mount with limits other than its peers' would be declared dead, or hold
/// a dead one for living.
#[test]
fn limits_are_set_before_the_nodes() {
    for args in [&["register-cluster", "webc"][..], &["online", "webc"]] {
        let world = loaded();
        world.write("/etc/default/o2cb", LIMITS);
        world.ok("o2cb", args);
        let mut calls = world.calls();
        calls.retain(|call| call != CALL_OUT);
        let mut wanted = vec![
            "make webc",
            "write webc/heartbeat/dead_threshold 61",
            "write webc/idle_timeout_ms 60000",
            "write webc/keepalive_delay_ms 40000",
            "write webc/reconnect_delay_ms 4000",
            "write webc/fence_method panic",
        ];
        wanted.extend(NODES);
        assert_eq!(calls, wanted);
    }
}

#[test]
fn limits_are_written_so_that_each_step_is_allowed() {
    for (idle, keepalive) in [
        (60_000, 40_000),
        (3_000, 1_000),
        (1_500, 700),
        (2_000, 1_999),
        (30_000, 2_000),
    ] {
        let world = loaded();
        world.write(
            "/etc/sysconfig/o2cb",
            &format!("O2CB_IDLE_TIMEOUT_MS={idle}\nO2CB_KEEPALIVE_DELAY_MS={keepalive}\n"),
        );
        world.ok("o2cb", &["online"]);
        let cluster = "/sys/kernel/config/cluster/webc";
        assert_eq!(
            world.read(&format!("{cluster}/idle_timeout_ms")),
            idle.to_string()
        );
        assert_eq!(
            world.read(&format!("{cluster}/keepalive_delay_ms")),
            keepalive.to_string()
        );
        world.log.forget();
        world.ok("o2cb", &["online"]);
        assert_eq!(world.calls(), [CALL_OUT]);
        // From these to others, whatever they are.
        for (idle, keepalive) in [(100, 50), (100_000, 99_000), (30_000, 2_000)] {
            world.write(
                "/etc/sysconfig/o2cb",
                &format!("O2CB_IDLE_TIMEOUT_MS={idle}\nO2CB_KEEPALIVE_DELAY_MS={keepalive}\n"),
            );
            world.ok("o2cb", &["online"]);
        }
    }
}

/// A limit that is left out of the file is the driver's default, or what was set before.
#[test]
fn one_limit_alone() {
    let world = loaded();
    for (text, idle, keepalive) in [
        (
            "O2CB_IDLE_TIMEOUT_MS=60000\nO2CB_KEEPALIVE_DELAY_MS=40000",
            "60000",
            "40000",
        ),
        ("O2CB_IDLE_TIMEOUT_MS=90000", "90000", "40000"),
        ("O2CB_KEEPALIVE_DELAY_MS=5000", "90000", "5000"),
    ] {
        world.write("/etc/sysconfig/o2cb", text);
        world.ok("o2cb", &["online"]);
        let cluster = "/sys/kernel/config/cluster/webc";
        assert_eq!(world.read(&format!("{cluster}/idle_timeout_ms")), idle);
        assert_eq!(
            world.read(&format!("{cluster}/keepalive_delay_ms")),
            keepalive
        );
    }
}

#[test]
fn threshold_that_the_kernel_ignores_is_reported() {
    let (world, _) = World::with_volume();
    world.mount("/mnt");
    world.write("/etc/sysconfig/o2cb", "O2CB_HEARTBEAT_THRESHOLD=61\n");
    let (code, said) = world.refused("o2cb", &["online"]);
    assert_eq!(code, 1);
    says(&said, "dead threshold stays 31, not 61: a region is active");
    // It was online before, and stays so.
    assert_eq!(world.regions().len(), 1);
}
