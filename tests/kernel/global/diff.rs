//! Regions of the file and of a live cluster, compared.

use super::{lab, prepare, run};
use crate::rig::{Disk, Node};

#[test]
fn diff_names_regions_that_differ_and_the_command_that_applies() {
    let (lab, regions, volume) = lab("global-diff", 5);
    let [node]: [Node; 1] = lab.boot();
    prepare(&node, &regions);
    let configure = |used: &[&Disk]| {
        let used: Vec<String> = used.iter().map(|disk| disk.uuid()).collect();
        run(&node, &format!("configure {}", used.join(" ")));
    };
    let [a, b, c, d, e] = &regions[..] else {
        unreachable!()
    };
    configure(&[a, b, c, d]);
    node.ok("o2cb online && o2cb diff");
    node.wait_for("[ $(dmesg | grep -c 'is now a quorum device') = 4 ]");
    node.ok(&format!("mount -t ocfs2 {} /mnt", volume.device()));
    let line = |disk: &Disk, places: &str, how: &str| {
        format!("heartbeat region {}: {places} ({how})\n", disk.uuid())
    };
    let now = "can be applied now: o2cb start-heartbeat webc";
    let offline = "needs the cluster offline: o2cb offline webc, then o2cb online webc";
    let (removed, added) = ("file none, kernel present", "file present, kernel none");

    // Of four regions the kernel gives one up while a volume is mounted; of three, none.
    configure(&[b, c, d]);
    assert_eq!(node.fails(1, "o2cb diff").stdout, line(a, removed, now));
    node.ok("o2cb start-heartbeat webc && o2cb diff");
    configure(&[c, d]);
    assert_eq!(node.fails(1, "o2cb diff").stdout, line(b, removed, offline));
    node.fails(1, "o2cb start-heartbeat webc");
    configure(&[c, d, e]);
    let both = line(e, added, now) + &line(b, removed, offline);
    assert_eq!(node.fails(1, "o2cb diff").stdout, both);
    let said = node.run("o2cb doctor").stdout;
    for line in both.lines() {
        assert!(
            said.contains(&format!("warning: {line} [config-not-applied]\n")),
            "{said}"
        );
    }
    node.ok("umount /mnt");
    let both = both.replace(offline, now);
    assert_eq!(node.fails(1, "o2cb diff").stdout, both);
    node.ok("o2cb start-heartbeat webc && o2cb diff && o2cb offline");
    lab.end();
}
