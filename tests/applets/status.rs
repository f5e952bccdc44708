//! o2cb status: what is known is shown.

use crate::world::{Era, World};
use std::fs;

#[test]
fn a_region_that_cannot_be_read_hides_no_other() {
    let world = World::online(Era::Now);
    let [good, bad] = ["ubda", "ubdb"].map(|name| {
        let volume = world.volume(name, "");
        let device = format!("/dev/{name}");
        world.ok("ocfs2_hb_ctl", &["-S", "-d", &device, "x"]);
        volume.uuid
    });
    let device = world.clusters().join(format!("webc/heartbeat/{bad}/dev"));
    fs::remove_file(&device).unwrap();
    fs::create_dir(&device).unwrap();
    let why = format!("reading the heartbeat region {bad}: Is a directory");
    let text = world.printed("o2cb", &["status"]);
    for line in [
        format!("\n  region {good}: beats on ubda, 1 reference\n"),
        format!("\n  region {bad}: cannot be told: {why}\n"),
    ] {
        assert!(text.contains(&line), "{line}: {text}");
    }
    let json = world.printed("o2cb", &["status", "--json"]);
    for region in [
        format!(
            r#"{{"uuid": "{good}", "state": "beating", "error": null, "device": "ubda", "device_gone": false, "#
        ),
        format!(r#"{{"uuid": "{bad}", "state": "unknown", "error": "{why}", "device": null, "#),
    ] {
        assert!(json.contains(&region), "{region}: {json}");
    }
}
