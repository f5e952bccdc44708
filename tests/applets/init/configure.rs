//! `o2cb configure`, `enable` and `disable` change /etc/default/o2cb, and keep the rest of it.

use super::{PLACE, code};
use crate::world::{Era, World};
use std::os::unix::fs::PermissionsExt;

const SETTINGS: &str = "# Ours, since 2009.\nO2CB_ENABLED=false # for now\n\nOTHER=\"kept $x\"\n\
                        O2CB_BOOTCLUSTER='webc'\nO2CB_HEARTBEAT_THRESHOLD=31";

#[test]
fn enable_and_disable_change_one_word_of_the_settings() {
    let world = World::bare(Era::Now);
    world.write(PLACE, SETTINGS);
    let path = world.path(PLACE);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    for _ in 0..2 {
        assert_eq!(code(&world, &["enable"]), 0);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, SETTINGS.replace("=false", "=true"));
        assert_eq!(code(&world, &["online-status"]), 0);
    }
    for _ in 0..2 {
        assert_eq!(code(&world, &["disable"]), 0);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), SETTINGS);
        assert_eq!(code(&world, &["online-status"]), 1);
    }
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    let names = std::fs::read_dir(path.parent().unwrap()).unwrap();
    assert_eq!(names.count(), 1);
}

#[test]
fn the_settings_are_made_where_the_system_has_their_directory() {
    for (directory, place) in [
        (None, "/etc/default/o2cb"),
        (Some("/etc/default"), "/etc/default/o2cb"),
        (Some("/etc/sysconfig"), "/etc/sysconfig/o2cb"),
    ] {
        let world = World::bare(Era::Now);
        directory
            .iter()
            .for_each(|directory| world.directory(directory));
        assert_eq!(code(&world, &["enable"]), 0);
        assert_eq!(world.read(place), "O2CB_ENABLED=true");
    }
}

#[test]
fn configure_sets_what_is_given_and_starts_what_is_enabled() {
    let world = World::bare(Era::Now);
    world.write(PLACE, SETTINGS);
    let given = [
        "configure",
        "O2CB_HEARTBEAT_THRESHOLD=61",
        "O2CB_FENCE_METHOD=panic",
    ];
    assert_eq!(code(&world, &given), 0);
    let wanted = SETTINGS.replace("=31", "=61") + "\nO2CB_FENCE_METHOD=panic";
    assert_eq!(world.read(PLACE), wanted);
    assert!(world.calls().is_empty());
    assert_eq!(
        code(
            &world,
            &["configure", "O2CB_ENABLED=yes", "O2CB_BOOTCLUSTER="]
        ),
        0
    );
    let wanted = wanted.replace("'webc'", "").replace("=false", "=true");
    assert_eq!(world.read(PLACE), wanted);
    let threshold = "/sys/kernel/config/cluster/webc/heartbeat/dead_threshold";
    assert_eq!(world.read(threshold), "61");
}

#[test]
fn configure_refuses_what_would_not_work_and_changes_nothing() {
    let world = World::bare(Era::Now);
    world.write(PLACE, SETTINGS);
    for (given, code, words) in [
        ("O2CB_HEARTBEAT_THRESHOLD=2", 2, "from 3 to"),
        ("O2CB_ENABLED=perhaps", 2, "must be true or false"),
        ("O2CB_NOTHING=1", 2, "sets none of O2CB_ENABLED"),
        ("O2CB_HB_CTL_PATH=hb", 2, "must be a path from / on"),
        ("O2CB_KEEPALIVE_DELAY_MS=40000", 1, "must be less than"),
        ("O2CB_NODE_NAME=a\nO2CB_ENABLED=true", 2, "is wrong"),
    ] {
        let end = world.refused("o2cb", &["configure", "O2CB_ENABLED=true", given]);
        assert!(end.0 == code && end.1.contains(words), "{given}: {end:?}");
        let now = std::fs::read_to_string(world.path(PLACE)).unwrap();
        assert_eq!(now, SETTINGS);
    }
    assert!(world.calls().is_empty());
}
