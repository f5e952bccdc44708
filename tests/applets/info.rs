//! ocfs2_hb_ctl -I in all its forms: what is known is shown, and nothing is changed.

use crate::world::{Disk, Era, World};
use std::fs;

const WEBC: &str = "-L data --cluster-stack=o2cb --cluster-name=webc";

#[track_caller]
fn has(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn without_a_volume_all_regions_are_shown() {
    let world = World::online(Era::Now);
    assert_eq!(world.printed("ocfs2_hb_ctl", &["-I"]), "");
    let [one, two] = ["ubda", "ubdb"].map(|name| world.volume(name, WEBC));
    world.mount("/mnt");
    let service = ["-S", "-d", "/dev/ubdb", "x"];
    world.ok("ocfs2_hb_ctl", &service);
    world.calls();
    let mut lines = [&one, &two].map(|volume| format!("{}: 1 refs\n", volume.uuid));
    lines.sort();
    assert_eq!(world.printed("ocfs2_hb_ctl", &["-I"]), lines.concat());
    let long = world.printed("ocfs2_hb_ctl", &["-I", "--long"]);
    has(
        &long,
        &[
            "cluster webc, local heartbeat\n",
            &format!(
                "{} on /dev/ubda, label data, cluster webc (o2cb)\n",
                one.uuid
            ),
            "  state: beats on ubda\n",
            "  references: 1, one marked as the mounted volume's; last changed by process ",
            "  mounted on: /mnt\n",
            "  references: 1, 1 lasting or of processes; last changed by process ",
            "  perhaps wrong: 1 reference belongs to no mount and no running process\n",
        ],
    );
    assert_eq!(world.calls(), Vec::<String>::new(), "it only looks");
    for (args, code) in [
        (&["-I", "--quiet"][..], None),
        (&["-I", "--quiet", "-u", &one.uuid.with_dashes()], None),
        (&["-I", "--quiet", "-d", "/dev/ubda"], None),
        (
            &[
                "-I",
                "--quiet",
                "-u",
                "8d55d77d-7ef7-4f4e-8e96-4f519a7060bf",
            ],
            Some(1),
        ),
        (&["-I", "--quiet", "-d", "/dev/none"], Some(2)),
    ] {
        let end = world.run("ocfs2_hb_ctl", args);
        assert_eq!(end.err().map(|failure| failure.code()), code, "{args:?}");
    }
    world.umount("/mnt");
}

#[test]
fn what_went_wrong_is_named() {
    let world = World::online(Era::Now);
    let names = ["ubda", "ubdb", "ubdc", "ubdd"];
    let [mark, half, gone, left] = names.map(|name| world.volume(name, WEBC));
    world.mount("/mnt");
    for device in ["/dev/ubdc", "/dev/ubdd"] {
        let service = ["-S", "-d", device, "x"];
        world.ok("ocfs2_hb_ctl", &service);
    }
    let region = |uuid| world.clusters().join(format!("webc/heartbeat/{uuid}"));
    // The superblock goes, and umount.ocfs2 is not called.
    fs::remove_dir_all(world.path("/sys/fs/ocfs2/ubda")).ok();
    fs::remove_dir_all(world.path("/proc/fs/jbd2")).ok();
    let mounts = world.read("/proc/self/mountinfo");
    let others = mounts.lines().filter(|line| !line.contains(" - ocfs2 "));
    let others: Vec<_> = others.map(|line| format!("{line}\n")).collect();
    world.write("/proc/self/mountinfo", &others.concat());
    world
        .kernel()
        .furnish(&region(half.uuid), &["webc", "heartbeat", "x"]);
    fs::remove_dir_all(world.path("/sys/class/block/ubdc")).unwrap();
    fs::remove_dir_all(region(left.uuid)).unwrap();
    let by_uuid = format!("/dev/disk/by-uuid/{}", left.uuid.with_dashes());
    world.write(&by_uuid, "");
    let end = world.ended("ocfs2_hb_ctl", &["-I", "--long"]).1;
    for (uuid, lines) in [
        (
            mark.uuid,
            &[
                "  state: idle: ",
                "  wrong: its one reference is that of a mounted volume, which is gone\n",
            ][..],
        ),
        (
            half.uuid,
            &[
                "  state: half-started, without a thread\n",
                "  wrong: its start was cut off\n",
            ],
        ),
        (
            gone.uuid,
            &["  wrong: its device ubdc is gone, so that it cannot beat any more (1 reference)\n"],
        ),
        (
            left.uuid,
            &["\n  wrong: semaphores without a region: 1, 1 lasting"],
        ),
    ] {
        let uuid = uuid.to_string();
        let mut rest = end.lines().skip_while(|line| !line.starts_with(&uuid));
        assert!(rest.next().is_some(), "{uuid}: {end}");
        let own: Vec<_> = rest.take_while(|line| line.starts_with("  ")).collect();
        let text = &format!("\n{}\n", own.join("\n"));
        has(text, lines);
    }
    for json in [
        r#""faults": ["idle"]"#,
        r#""state": "half-started""#,
        r#""device-gone""#,
        &format!(
            r#""left_semaphores": [{{"uuid": "{}", "references": 1"#,
            left.uuid
        ),
    ] {
        let text = world.ended("ocfs2_hb_ctl", &["-I", "--json"]).1;
        assert!(text.contains(json), "{json}: {text}");
    }
}

#[test]
fn nodes_are_known_by_their_slots_alone() {
    // Nothing is loaded: the disk and cluster.conf tell.
    let world = World::bare(Era::Now);
    world.volume("ubda", WEBC);
    let disk = Disk::open(&world, "ubda");
    disk.write(1, &disk.block(1, 1_000_000, 9));
    disk.write(3, &disk.block(3, 1_000_000, 0));
    disk.write(4, &[0xFF; 512]);
    disk.write(5, &disk.block(6, 1, 7));
    let told = |args: &[&str]| {
        let args = [&["-I", "-d", "/dev/ubda"], args].concat();
        disk.beaten_while(&[2, 9], || world.printed("ocfs2_hb_ctl", &args))
    };
    let text = told(&["--nodes"]);
    has(
        &text,
        &[
            "  node 1 n1 (this node): stale, last beat ",
            " days ago by its clock, dead after 62 s, generation 0000000000000009\n",
            "  node 2 n2: alive, dead after 62 s, generation 0000000000000007\n",
            "  node 3: left ",
            "  node 4: damaged: a block with a wrong checksum\n",
            "  node 5: misplaced: the block of node 6\n",
            "  node 9: alive, and the cluster has no such node, dead after 62 s",
        ],
    );
    let json = told(&["--json", "--nodes"]);
    has(
        &json,
        &[
            r#"{"number": 1, "name": "n1", "known": true, "local": true, "state": "stale", "last_beat": 1000000, "age_s": "#,
            r#"{"number": 9, "name": null, "known": false, "local": false, "state": "alive", "#,
            r#"{"number": 5, "name": null, "known": false, "local": false, "state": "misplaced", "last_beat": null, "age_s": null, "generation": null, "dead_ms": null, "writer": 6}"#,
        ],
    );
    assert_eq!(world.calls(), Vec::<String>::new(), "it only looks");
}

/// Names, meanings and order are a promise; the page has each name.
#[test]
fn the_json_is_that_of_the_page() {
    let world = World::bare(Era::Now);
    world.volume("ubda", WEBC);
    let text = world.printed(
        "ocfs2_hb_ctl",
        &["-I", "-d", "/dev/ubda", "--json", "--nodes"],
    );
    let page = include_str!("../../docs/ocfs2box-json.5");
    let names = text.split('"').zip(text.split('"').skip(1).chain([""]));
    let names: Vec<_> = (names.filter(|(_, after)| after.starts_with(": ")))
        .map(|(name, _)| name)
        .collect();
    assert!(names.len() > 30, "{names:?}");
    for name in names {
        assert!(page.contains(&format!("\n.B {name}\n")), "{name}");
    }
}

/// A failure without standard error is logged; standard output has an answer's reason.
#[test]
fn answer_on_standard_output_is_not_logged() {
    let world = World::online(Era::Now);
    world.volume("ubda", WEBC);
    let service = ["-S", "-d", "/dev/ubda", "x"];
    world.run("ocfs2_hb_ctl", &service).unwrap();
    world.write("/dev/ubda", "");
    world.write("/dev/kmsg", "");
    let (code, text) = world.unheard("ocfs2_hb_ctl", &["-I", "--nodes"]);
    assert_eq!(code, 1, "{text}");
    has(&text, &["on /dev/ubda\n  not read: "]);
    assert_eq!(world.read("/dev/kmsg"), "");
    world.unheard("ocfs2_hb_ctl", &["-K", "-d", "/dev/none"]);
    has(&world.read("/dev/kmsg"), &["<3>", "/dev/none"]);
}

#[test]
fn a_device_that_hangs_is_named_and_holds_up_no_other() {
    let world = World::online(Era::Now);
    for name in ["ubda", "ubdb"] {
        world.volume(name, WEBC);
        let device = format!("/dev/{name}");
        let service = ["-S", "-d", &device, "x"];
        world.ok("ocfs2_hb_ctl", &service);
    }
    world.write("/.fake/hangs/ubda", "");
    let disk = Disk::open(&world, "ubdb");
    let (_, text) = disk.beaten_while(&[2], || {
        world.ended_before("ocfs2_hb_ctl", &["-I", "--nodes"], || {
            fs::remove_file(world.path("/.fake/hangs/ubda")).unwrap();
        })
    });
    has(
        &text,
        &[
            "/dev/ubda\n  not read: the device does not answer, for ",
            "  node 2 n2: alive, ",
        ],
    );
}

#[test]
fn global_heartbeat_is_said() {
    let world = World::bare(Era::Now);
    let volume = world.volume("ubda", &format!("{WEBC} --global-heartbeat"));
    let text = world.printed("ocfs2_hb_ctl", &["-I", "-d", "/dev/ubda"]);
    assert_eq!(text, format!("{}: 0 refs\n", volume.uuid), "as the C tool");
    let text = world.printed(
        "ocfs2_hb_ctl",
        &["-I", "-d", "/dev/ubda", "--long", "--nodes"],
    );
    has(
        &text,
        &[
            "  state: none of its own: with global heartbeat its nodes beat on the regions of \
                their cluster\n",
            "  no nodes here (global heartbeat): ",
        ],
    );
}

#[test]
fn wrong_combinations_are_refused_before_anything_is_touched() {
    let world = World::bare(Era::Now);
    for args in [
        &["-S", "-d", "/dev/ubda", "--long", "x"][..],
        &["--nodes", "-d", "/dev/ubda"],
        &["-I", "--quiet", "--json"],
        &["-I", "--watch", "--long"],
        &["-I", "--watch", "0"],
        &["-I", "--watch", "3601"],
        &["-I", "--watch=", "-d", "/dev/ubda"],
        &["-I", "--nodes", "/dev/ubda"],
        &["-I", "x"],
        &[
            "-I",
            "-d",
            "/dev/ubda",
            "-u",
            "8d55d77d-7ef7-4f4e-8e96-4f519a7060bf",
        ],
        &["-I", "-u", "8d55d77d", "--long"],
        &["-I", "-u", "../../../etc/passwd"],
        &["-K", "x"],
    ] {
        let quiet = args.contains(&"--quiet");
        let (code, said) = world.refused("ocfs2_hb_ctl", args);
        assert_eq!(code, if quiet { 2 } else { 1 }, "{args:?}: {said}");
        assert_eq!(world.calls(), Vec::<String>::new(), "{args:?}");
    }
}
