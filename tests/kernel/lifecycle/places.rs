//! One volume in several places of the tree.

use super::{assert_beats, assert_silent, bring_down, mount, online, point, umount};
use crate::rig::{Disk, Lab, Node, at_once};

/// Where `mount_everywhere` leaves the volume, under the disk's mount point.
const PLACES: [&str; 4] = ["moved", "second", "bound", "directory"];

/// Mounts a volume, moves it, mounts it again, binds it, binds a directory of it.
fn mount_everywhere(node: &Node, disk: &Disk) {
    node.ok(&format!(
        "mkdir -p {point} && cd {point} && mkdir -p first moved second bound directory &&
        mount -t ocfs2 {device} first && mkdir -p first/sub && mount --move first moved &&
        mount -t ocfs2 {device} second && mount --bind second bound &&
        mount --bind moved/sub directory",
        point = point(disk),
        device = disk.device(),
    ));
}

#[test]
fn the_last_of_four_mounts_ends_the_heartbeat_in_every_order() {
    let lab = Lab::new("orders");
    let disks = ["a", "b", "c", "d", "e", "f", "g", "h"].map(|name| lab.disk(name).format());
    let [node] = lab.nodes().memory_mb(256).boot();
    online(&node);
    let orders = orders(&PLACES);
    assert_eq!(orders.len(), 24);
    for round in orders.chunks(disks.len()) {
        let work: Vec<_> = disks.iter().zip(round).collect();
        at_once(&work, |(disk, order)| {
            mount_everywhere(&node, disk);
            for place in *order {
                assert_beats(&node, disk);
                node.ok(&format!("umount {}/{place}", point(disk)));
            }
            assert_silent(&node, disk);
        });
        node.assert_clean();
    }
    bring_down(&node);
    lab.end();
}

fn orders<'a>(places: &[&'a str]) -> Vec<Vec<&'a str>> {
    if places.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (index, &first) in places.iter().enumerate() {
        let rest = [&places[..index], &places[index + 1..]].concat();
        for mut order in orders(&rest) {
            order.insert(0, first);
            all.push(order);
        }
    }
    all
}

#[test]
fn a_second_mount_in_the_same_place_is_refused_and_changes_nothing() {
    let (lab, node, disk) = Lab::with_volume("same-place");
    mount(&node, &disk);
    let (device, point) = (disk.device(), point(&disk));
    let refused = node.fails(32, &format!("mount -t ocfs2 {device} {point}"));
    refused.says("mounted there already");
    assert_beats(&node, &disk);

    // A mount over it hides it: umount takes the upper one off first.
    node.ok(&format!(
        "mkdir {point}/sub && mount --bind {point}/sub {point}"
    ));
    assert_beats(&node, &disk);
    umount(&node, &disk);
    assert_beats(&node, &disk);
    umount(&node, &disk);
    node.assert_clean();

    // A file of the volume, bound over another.
    mount(&node, &disk);
    node.ok(&format!(
        "echo kept > {point}/file && touch /mnt/file && mount --bind {point}/file /mnt/file"
    ));
    umount(&node, &disk);
    assert_beats(&node, &disk);
    assert_eq!(node.ok("cat /mnt/file"), "kept\n");
    node.ok("umount /mnt/file");
    node.assert_clean();
    bring_down(&node);
    lab.end();
}

#[test]
fn names_with_blanks_and_other_places_are_found() {
    let lab = Lab::new("names");
    let disk = lab.disk("volume").label("a label").format();
    let [node] = lab.boot();
    online(&node);
    let device = disk.device();
    node.ok(&format!(
        r#"
        set -e
        mkdir -p '/mnt/with blank\and	tab' /mnt/plain
        ln -s {device} '/dev/by name'
        ln -s 'with blank\and	tab' /mnt/link
        cd /mnt
        mount -t ocfs2 '/dev/by name' link
        mount -t ocfs2 -L 'a label' plain
        "#
    ));
    assert_beats(&node, &disk);
    node.ok("cd /mnt && umount ./link");
    assert_beats(&node, &disk);
    node.ok("cd /mnt/plain/.. && umount plain/");
    node.assert_clean();
    bring_down(&node);
    lab.end();
}
