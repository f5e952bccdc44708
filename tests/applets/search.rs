//! A volume looked for by its UUID among all block devices.

use crate::world::{Era, Volume, World, says};
use ocfs2box::disk::find::{self, Search};
use ocfs2box::ids::Uuid;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

impl World {
    /// A block device that holds nothing.
    fn blank(&self, name: &str, number: &str) {
        let device = fs::File::create(self.path("/dev").join(name)).unwrap();
        device.set_len(1 << 16).unwrap();
        self.write(&format!("/sys/class/block/{name}/dev"), number);
        self.write(&format!("/sys/class/block/{name}/size"), "128\n");
    }

    /// What is written on `from` is read on `to` as well.
    fn copy(&self, from: &str, to: &str, number: &str) {
        self.blank(to, number);
        let dev = self.path("/dev");
        fs::copy(dev.join(from), dev.join(to)).unwrap();
    }

    fn search(&self, wanted: &[Uuid]) -> Search {
        self.alone(|| find::search(&self.system(), wanted)).unwrap()
    }

    fn found(&self, search: &Search, volume: &Volume) -> Result<PathBuf, String> {
        let device = search.device(&self.system(), volume.uuid);
        let device = device.map(|device| device.strip_prefix(&self.root).unwrap().to_owned());
        device.map_err(|error| format!("{error:#}").replace(self.root.to_str().unwrap(), ""))
    }
}

#[test]
fn a_thousand_devices_of_which_one_hangs() {
    let world = World::bare(Era::Now);
    let volumes = [world.volume("sdb", ""), world.volume("nvme0n1p2", "")];
    for at in 0..1000 {
        world.blank(&format!("sdz{at}"), &format!("66:{at}\n"));
    }
    world.copy("sdb", "sdc", "65:16\n");
    world.write("/sys/class/block/sdc/holders/dm-0", "");
    world.write("/.fake/hangs/sdx", "");
    world.copy("nvme0n1p2", "sdx", "65:32\n");
    let wanted = volumes.each_ref().map(|volume| volume.uuid);

    // It hangs for as long as the test lasts.
    let search = world.search(&wanted);
    let [first, second] = volumes
        .each_ref()
        .map(|volume| world.found(&search, volume));
    assert_eq!(first, Ok("dev/sdb".into()));
    assert_eq!(second, Ok("dev/nvme0n1p2".into()));
    let skipped = format!(
        "{}: not answering, skipped",
        world.path("/dev/sdx").display()
    );
    assert_eq!(search.skipped(), Some(skipped));
}

/// As many as hang, the others are read meanwhile.
#[test]
fn more_devices_hang_than_are_read_at_once() {
    let world = World::bare(Era::Now);
    let volume = world.volume("zz", "");
    for at in 0..80 {
        world.blank(&format!("sd{at}"), "66:0\n");
        world.copy("zz", &format!("sd{at}"), "66:0\n");
        world.write(&format!("/.fake/hangs/sd{at}"), "");
    }
    let search = world.search(&[volume.uuid]);
    assert_eq!(world.found(&search, &volume), Ok("dev/zz".into()));
    let skipped = search.skipped().unwrap();
    says(&skipped, " and 72 more: not answering");
}

#[test]
fn a_missing_volume_is_said_to_be_so_and_what_could_not_be_asked() {
    let world = World::bare(Era::Now);
    let volume = world.volume("sdb", "");
    world.write("/.fake/hangs/sdb", "");
    world.blank("sdc", "8:32\n");
    let search = world.search(&[volume.uuid]);
    let uuid = volume.uuid;
    assert_eq!(
        world.found(&search, &volume),
        Err(format!(
            "no device has the volume {uuid} (looked at 2 block devices; not answering: /dev/sdb)"
        ))
    );
}

#[test]
fn a_volume_on_two_devices_is_on_none() {
    let world = World::bare(Era::Now);
    let volume = world.volume("sdb", "");
    world.copy("sdb", "sdd", "8:48\n");
    let search = world.search(&[volume.uuid]);
    let said = world.found(&search, &volume).unwrap_err();
    assert!(
        said.contains("is on /dev/sd") && said.contains("/dev/sdb"),
        "{said}"
    );
    says(&said, "/dev/sdd");
    // What udev shows of the two is no better.
    world.directory("/dev/disk/by-uuid");
    let link = world
        .path("/dev/disk/by-uuid")
        .join(volume.uuid.with_dashes());
    symlink("../../sdd", link).unwrap();
    let search = world.search(&[volume.uuid]);
    assert!(world.found(&search, &volume).is_err());
}

/// What another device is made of, what is divided and what is empty holds no volume of its own.
#[test]
fn only_tops_are_read() {
    let world = World::bare(Era::Now);
    let volume = world.volume("dm-0", "");
    // Paths of a multipath device, and the partition that the kernel shows on one of them.
    for path in ["sdb", "sdc"] {
        world.copy("dm-0", path, "8:16\n");
        world.write(&format!("/sys/class/block/{path}/holders/dm-0"), "");
    }
    world.copy("dm-0", "sdb1", "8:17\n");
    world.write("/sys/class/block/sdb/sdb1/partition", "1\n");
    fs::remove_dir_all(world.path("/sys/class/block/sdb1")).unwrap();
    symlink("sdb/sdb1", world.path("/sys/class/block/sdb1")).unwrap();
    // An old superblock on a disk that was divided later.
    world.copy("dm-0", "sde", "8:64\n");
    world.write("/sys/class/block/sde/sde1/partition", "1\n");
    symlink("sde/sde1", world.path("/sys/class/block/sde1")).unwrap();
    // No medium, and a device without a node.
    world.copy("dm-0", "sdf", "8:80\n");
    world.write("/sys/class/block/sdf/size", "0\n");
    world.write("/sys/class/block/nvme0c0n1/size", "8\n");
    // udev shows a path.
    world.directory("/dev/disk/by-uuid");
    let link = world
        .path("/dev/disk/by-uuid")
        .join(volume.uuid.with_dashes());
    symlink("../../sdb", link).unwrap();

    let search = world.search(&[volume.uuid]);
    assert_eq!(world.found(&search, &volume), Ok("dev/dm-0".into()));
    assert_eq!(search.skipped(), None);
}

#[test]
fn a_name_with_a_slash_is_spelt_out() {
    let world = World::bare(Era::Now);
    let volume = world.volume("cciss!c0d0", "");
    world.directory("/dev/cciss");
    fs::rename(world.path("/dev/cciss!c0d0"), world.path("/dev/cciss/c0d0")).unwrap();
    let search = world.search(&[volume.uuid]);
    assert_eq!(world.found(&search, &volume), Ok("dev/cciss/c0d0".into()));
}

#[test]
fn the_heartbeat_is_started_on_the_device_that_was_found() {
    let world = World::online(Era::Now);
    let volume = world.volume("ubdb", "");
    let none = "0123456789abcdef0123456789abcdef";
    let (code, said) = world.refused("ocfs2_hb_ctl", &["-S", "-u", none, "backup"]);
    assert_eq!(code, 1);
    assert!(
        said.starts_with("no device has the volume 0123456789ABCDEF"),
        "{said}"
    );
    let uuid = volume.uuid.with_dashes();
    world.ok("ocfs2_hb_ctl", &["-S", "-u", &uuid, "backup"]);
    assert_eq!(
        (volume.counts(), world.regions()),
        (vec![0, 1, 0], vec![volume.uuid.to_string()])
    );
}

/// A search would find the copy as well, and could not tell which of the two is meant.
#[test]
fn kernel_names_the_device_of_an_active_heartbeat() {
    let world = World::online(Era::Now);
    let uuid = world.volume("ubda", "-L data").uuid.to_string();
    world.ok("ocfs2_hb_ctl", &["-S", "-d", "/dev/ubda", "x"]);
    fs::copy(world.path("/dev/ubda"), world.path("/dev/ubdb")).unwrap();
    world.write("/sys/class/block/ubdb/dev", "98:160\n");
    world.ok("ocfs2_hb_ctl", &["-S", "-u", &uuid, "y"]);
    let long = ["-I", "--long", "-u", &uuid];
    let text = world.printed("ocfs2_hb_ctl", &long);
    let place = format!("{uuid} on /dev/ubda, label data");
    says(&text, &place);
    says(&text, "  references: 2, 2 lasting");
    for service in ["x", "y"] {
        world.ok("ocfs2_hb_ctl", &["-K", "-u", &uuid, service]);
    }
    let text = world.ended("ocfs2_hb_ctl", &long).1;
    says(&text, "  state: absent: ");
    says(&text, "one of them is a copy");
}
