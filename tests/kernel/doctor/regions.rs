//! What the doctor finds on a node alone, of its port and of what is left of heartbeats: each is
//! found, and gone with the command that the finding names.

use super::{SYSCTLS, finds};
use crate::rig::{Lab, Node};

#[test]
fn taken_port_is_found_until_its_program_ends() {
    let lab = Lab::new("doctor-port");
    let [node]: [Node; 1] = lab.boot();
    node.ok(SYSCTLS);
    finds(&node, "", 1, &["cluster-offline"]);
    let listen = "perl -MIO::Socket::INET -e '\
                  my $s = IO::Socket::INET->new(LocalPort => 7777, Listen => 1) or die; \
                  open(my $f, \">\", \"/run/listens\"); close $f; sleep 1000' & \
                  echo $! > /run/listener; until [ -e /run/listens ]; do sleep 0.1; done";
    node.ok(listen);
    finds(&node, "", 2, &["port-taken", "cluster-offline"]);
    let said = node.fails(1, "o2cb online");
    said.says("another program listens on port 7777");
    node.ok("kill $(cat /run/listener)");
    node.wait_for("o2cb online");
    // Now the kernel listens.
    finds(&node, "", 0, &[]);
    lab.end();
}

#[test]
fn missing_callout_is_found() {
    let lab = Lab::new("doctor-callout");
    let [node]: [Node; 1] = lab.boot();
    node.ok(&format!(
        "{SYSCTLS}; o2cb online && o2cb hb-ctl-path /nowhere/ocfs2_hb_ctl"
    ));
    let said = finds(&node, "", 1, &["hb-ctl-missing"]);
    let what = "hb_ctl_path names /nowhere/ocfs2_hb_ctl, which does not exist";
    assert!(said.contains(what), "{said}");
    node.ok("o2cb load");
    finds(&node, "", 0, &[]);
    lab.end();
}

/// No udev(7) runs here.
#[test]
fn semaphores_without_region_are_found_by_the_volumes_on_all_devices() {
    let lab = Lab::new("doctor-semaphores");
    let disk = lab.disk("volume").format();
    let _other = lab.disk("other").format();
    let [node]: [Node; 1] = lab.boot();
    let (device, uuid) = (disk.device(), disk.uuid());
    node.ok(&format!(
        "{SYSCTLS}; o2cb online && ! [ -e /dev/disk/by-uuid ]"
    ));
    node.ok(&format!("ocfs2_hb_ctl -S -d {device} x"));
    let said = finds(&node, "", 1, &["references-unowned"]);
    let what =
        format!("heartbeat region {uuid}: 1 reference belongs to no mount and no running process");
    assert!(said.contains(&what), "{said}");
    node.ok(&format!("rmdir {}", disk.region()));
    let said = finds(&node, "", 1, &["semaphores-left"]);
    let what = format!(
        "heartbeat region {uuid} of the volume on {device}: it has semaphores (1 reference) and no"
    );
    assert!(said.contains(&what), "{said}");
    node.ok(&format!("ocfs2_hb_ctl --repair -u {uuid}"));
    finds(&node, "", 0, &[]);
    // Another program's are nothing of ours.
    node.ok("ipcmk -S 2 > /dev/null");
    finds(&node, "", 0, &[]);
    lab.end();
}

#[test]
fn region_whose_device_is_gone_is_found() {
    let lab = Lab::new("doctor-pulled");
    let disk = lab.disk("volume").format();
    let [node] = lab.nodes().memory_mb(320).boot();
    let (device, uuid) = (disk.device(), disk.uuid());
    // Without its disk the node fences itself; not within this test.
    node.ok(&format!(
        "{SYSCTLS}; echo O2CB_HEARTBEAT_THRESHOLD=601 >> /etc/default/o2cb; o2cb online"
    ));
    node.ok("modprobe scsi_debug dev_size_mb=64 && modprobe sd_mod");
    node.wait_for("[ -b /dev/sda ]");
    node.ok(&format!("dd if={device} of=/dev/sda bs=1M status=none"));
    node.ok("ocfs2_hb_ctl -S -d /dev/sda x");
    let json = |gone: bool| {
        let json = node.ok("o2cb status --json");
        let shown = format!("\"device\": \"sda\", \"device_gone\": {gone}");
        assert!(json.contains(&shown), "{json}");
    };
    json(false);
    node.ok("echo 1 > /sys/block/sda/device/delete");
    let said = finds(&node, "", 2, &["region-device-gone"]);
    let what = format!("heartbeat region {uuid}: its device sda is gone");
    assert!(said.contains(&what), "{said}");
    json(true);
    node.ok(&format!("ocfs2_hb_ctl --repair -u {uuid}"));
    finds(&node, "", 0, &[]);
    lab.end();
}
