//! What is not there, fails or is killed while the regions start.

use super::{BETWEEN, assert_beating, lab, prepare, run, uuids};

#[test]
fn regions_come_and_go_live_and_a_failed_start_is_rolled_back() {
    let (lab, regions, volume) = lab("global-live", 4);
    let [node] = lab.boot();
    prepare(&node, &regions);
    let [first, second, third, fourth] = regions.as_slice() else {
        unreachable!("four");
    };

    // One of three cannot be written: none is left, and no cluster.
    let three = [first.clone(), second.clone(), third.clone()];
    let name = second.name();
    run(&node, &format!("configure {}", uuids(&three)));
    let failing = format!("flakey {} 0 0 3600 1 error_writes", second.device());
    run(&node, &format!("become {name} {failing}"));
    let named = format!(
        "heartbeat region {} on /dev/mapper/{name}: the heartbeat did not",
        second.uuid()
    );
    for before in ["", "o2cb register-cluster webc; "] {
        let verb = if before.is_empty() {
            "online"
        } else {
            "start-heartbeat"
        };
        let failed = node.fails(1, &format!("{before}o2cb {verb} webc"));
        failed.says(&named);
        node.assert_clean();
        let registered = node.run("[ -d /sys/kernel/config/cluster/webc ]").code == 0;
        assert_eq!(registered, !before.is_empty());
    }
    // What beat before stays.
    run(&node, &format!("configure {}", first.uuid()));
    node.ok("o2cb start-heartbeat webc");
    run(&node, &format!("configure {}", uuids(&three)));
    node.fails(1, "o2cb start-heartbeat webc");
    assert_beating(&node, &three[..1]);
    run(
        &node,
        &format!("become {name} linear {} 0", second.device()),
    );

    // A volume is mounted, and regions come.
    let mount = format!("mount -t ocfs2 {} /mnt && touch /mnt/file", volume.device());
    node.ok(&mount);
    node.ok("o2cb online");
    assert_beating(&node, &three);
    // With three, the kernel keeps each while it needs them.
    node.ok(&format!("umount /mnt && {mount}"));
    run(
        &node,
        &format!("configure {} {}", first.uuid(), second.uuid()),
    );
    let kept = node.fails(1, "o2cb start-heartbeat webc");
    let says = format!("region {} is not in the configuration", third.uuid());
    kept.says(&says);
    assert_beating(&node, &three);
    // With four, one may go; all others stay.
    run(&node, &format!("configure {}", uuids(&regions)));
    node.ok("o2cb online");
    assert_beating(&node, &regions);
    run(
        &node,
        &format!(
            "configure {} {} {}",
            first.uuid(),
            third.uuid(),
            fourth.uuid()
        ),
    );
    node.wait_for("o2cb start-heartbeat webc");
    assert_beating(&node, &[first.clone(), third.clone(), fourth.clone()]);
    node.ok("touch /mnt/file && umount /mnt");
    run(&node, &format!("configure {}", fourth.uuid()));
    node.ok("o2cb start-heartbeat webc");
    assert_beating(&node, &regions[3..]);
    node.ok("o2cb offline");
    node.assert_clean();
    lab.end();
}

#[test]
fn killed_start_is_removed_and_made_again() {
    let (lab, regions, _) = lab("global-kill", 2);
    let [node] = lab.boot();
    prepare(&node, &regions);
    let name = regions[0].name();
    let script = |signal: &str| {
        format!(
            r#"{BETWEEN}
            env --default-signal=INT o2cb online & pid=$!
            until {{ read -r _ < {}/pid; }} 2> /dev/null; do
                sleep 0.01
            done
            # So that it is not over before the signal.
            dmsetup suspend --noflush --nolockfs {name} || exit 91
            kill -s {signal} $pid
            wait $pid; code=$?
            dmsetup resume {name}
            exit $code"#,
            regions[0].region()
        )
    };
    for (signal, code) in [("KILL", 137), ("INT", 1)] {
        node.fails(code, &script(signal));
        // At once: it waits for what is removed.
        node.ok("o2cb online");
        assert_beating(&node, &regions);
        node.ok("o2cb offline");
        node.wait_until_clean();
        // And so does the end of it.
        node.fails(code, &script(signal));
        node.ok("o2cb offline");
        node.wait_until_clean();
    }
    lab.end();
}

#[test]
fn what_comes_late_is_waited_for() {
    let (lab, regions, volume) = lab("global-late", 1);
    let [node] = lab.boot();
    node.ok("modprobe dm-mod");
    let (device, uuid) = (regions[0].device(), regions[0].uuid());
    run(&node, &format!("configure {uuid}"));
    // Something else is on the disk until then, and the address is not there.
    let script = format!(
        r#"{BETWEEN}
        ip addr del 192.0.2.1/24 dev vec0
        dmsetup create held --table "0 8 linear {device} 0" || exit
        o2cb -v online --wait=1; [ $? = 1 ] || exit 1
        o2cb -v online --wait=600 2> /run/said & pid=$!
        until grep -q 'waiting for the address' /run/said; do sleep 0.1; done
        ip addr add 192.0.2.1/24 dev vec0
        until grep -q 'waiting for the devices' /run/said; do sleep 0.1; done
        dmsetup remove held
        wait $pid; code=$?
        cat /run/said >&2
        exit $code"#
    );
    let output = node.run(&script);
    assert_eq!(output.code, 0, "{output}");
    for says in [
        "does not have the address 192.0.2.1, not even after 1 s",
        "webc: waiting for the address 192.0.2.1",
        "webc: waiting for the devices of 1 heartbeat region(s)",
        "cluster \"webc\" is online",
    ] {
        output.says(says);
    }
    assert_beating(&node, &regions);
    node.ok(&format!(
        "mount -t ocfs2 {} /mnt && umount /mnt",
        volume.device()
    ));
    node.ok("o2cb offline");
    node.assert_clean();
    lab.end();
}

/// Real devices, of which one hangs: it is skipped and named, and what is looked for is found.
#[test]
fn a_thousand_devices_of_which_one_hangs() {
    let (lab, regions, _) = lab("global-many", 2);
    let [node] = lab.nodes().memory_mb(320).boot();
    prepare(&node, &regions);
    node.ok("modprobe brd rd_nr=1000 rd_size=64");
    let output = node.run(&format!(
        r#"{BETWEEN}
        configure {}
        o2cb load && o2cb register-cluster webc || exit
        dmsetup create hangs --table "0 128 linear /dev/ram7 0" || exit
        dmsetup suspend --noflush --nolockfs hangs
        before=${{EPOCHREALTIME/.}}
        ocfs2_hb_ctl -S -u {} test
        echo "found after $((${{EPOCHREALTIME/.}} - before)) us"
        o2cb start-heartbeat webc || exit
        dmsetup resume hangs"#,
        uuids(&regions),
        regions[1].uuid()
    ));
    println!("{output}");
    assert_eq!(output.code, 0, "{output}");
    output.says(": not answering, skipped");
    assert_beating(&node, &regions);
    node.ok("o2cb offline");
    lab.end();
}
