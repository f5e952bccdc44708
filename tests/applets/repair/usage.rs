//! What `--repair` prints for programs, and which options it refuses.

use super::{UNREFERENCED, hold, world};
use crate::half_started::half_start;

#[test]
fn programs_have_json() {
    let (world, volume) = world();
    let json = |args: &[&str]| {
        let (code, text) = world.ended("ocfs2_hb_ctl", &[&["--repair", "--json"], args].concat());
        (code, text.replace(&volume.uuid.to_string(), "UUID"))
    };
    let nothing = r#"{"schema": 1, "dry_run": false, "volumes": []}"#;
    assert_eq!(json(&[]), (0, format!("{nothing}\n")));
    hold(&world, 1);
    volume.semaphores.remove();
    let of = |dry: bool, outcome: &str, text: &str| {
        format!(
            "{{\"schema\": 1, \"dry_run\": {dry}, \"volumes\": [{{\"uuid\": \"UUID\", \"outcome\": \
             \"{outcome}\", \"text\": \"{text}\"}}]}}\n"
        )
    };
    let dry = of(
        true,
        "repaired",
        &format!("{UNREFERENCED}: would be removed"),
    );
    assert_eq!(json(&["--dry-run"]), (0, dry));
    half_start(&world, &volume, "77\n", "other");
    let (code, text) = json(&[]);
    assert!(
        code == 1 && text.contains(r#""outcome": "left-alone""#),
        "{text}"
    );
    for form in ["--long", "--nodes", "--watch", "--quiet"] {
        let (code, text) = world.ended("ocfs2_hb_ctl", &["--repair", form]);
        assert_eq!(
            (code, text.starts_with("--repair takes no form")),
            (1, true),
            "{text}"
        );
    }
}

#[test]
fn wrong_usage_does_nothing() {
    let (world, _) = world();
    let uuid = "8D55D77D7EF74F4E8E964F519A7060BF";
    for args in [
        &["--repair", "--all", "-d", "/dev/ubda"][..],
        &["--repair", "--all", "-u", uuid],
        &["--repair", "-u", "nonsense"],
        &["--repair", "-d", "/dev/ubda", "-u", uuid],
        &["--repair", "service"],
        &["-I", "--dry-run", "-u", uuid],
        &["-S", "--all", "-d", "/dev/ubda", "x"],
    ] {
        let (code, said) = world.refused("ocfs2_hb_ctl", args);
        assert_eq!(code, 1, "{said}");
    }
    let (code, _) = world.refused("ocfs2_hb_ctl", &["--repair", "-d", "/dev/nosuch"]);
    assert_eq!(code, 2);
    assert_eq!(world.calls(), [""; 0]);
}
