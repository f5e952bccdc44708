//! Attributes that no kernel shows: the applets answer, and never panic or wait.

use crate::world::{Era, Volume, World};
use std::fs;
use std::path::Path;

/// What becomes of an attribute.
#[derive(Debug, Clone, Copy)]
enum Wrong {
    Empty,
    Huge,
    Binary,
    Missing,
    Directory,
    Odd(&'static str),
}

const WRONGS: [Wrong; 6] = [
    Wrong::Empty,
    Wrong::Huge,
    Wrong::Binary,
    Wrong::Missing,
    Wrong::Directory,
    Wrong::Odd("-1/../../../etc 99999999999999999999:-1 %s\n"),
];

impl Wrong {
    fn apply(self, path: &Path) {
        let _ = fs::remove_file(path);
        let _ = fs::remove_dir_all(path);
        match self {
            Self::Empty => fs::write(path, "").unwrap(),
            Self::Huge => fs::write(path, vec![b'A'; 1 << 20]).unwrap(),
            Self::Binary => fs::write(path, b"\xff\0\xfe\n\x1b[2J\0\x80").unwrap(),
            Self::Missing => {}
            Self::Directory => fs::create_dir(path).unwrap(),
            Self::Odd(text) => fs::write(path, text).unwrap(),
        }
    }
}

/// Each applet once; the answers that are sentences.
fn call_all(world: &World, volume: &Volume) -> Vec<String> {
    let uuid = volume.uuid.to_string();
    let calls: [(&str, &[&str]); 13] = [
        ("mount.ocfs2", &["-f", "/dev/ubda", "/mnt2"]),
        ("mount.ocfs2", &["/dev/ubda", "/mnt2"]),
        ("umount.ocfs2", &["/dev/ubda"]),
        ("umount.ocfs2", &["/mnt"]),
        ("ocfs2_hb_ctl", &["-P", "-d", "/dev/ubda"]),
        ("ocfs2_hb_ctl", &["-S", "-d", "/dev/ubda", "x"]),
        ("ocfs2_hb_ctl", &["-K", "-u", &uuid, "x"]),
        ("ocfs2_hb_ctl", &["-K", "-u", &uuid]),
        ("o2cb", &["load"]),
        ("o2cb", &["online"]),
        ("o2cb", &["offline"]),
        ("o2cb", &["unregister-cluster", "webc"]),
        ("o2cb", &["unload"]),
    ];
    let answers = calls.iter().filter_map(|(applet, args)| {
        let failure = world.run(applet, args).err()?;
        let said = failure.to_string();
        assert!(
            !said.is_empty() && said.len() < 2000,
            "{applet}: {} bytes",
            said.len()
        );
        // A child that panicked.
        assert!(!said.contains("was killed"), "{applet}: {said}");
        Some(said)
    });
    answers.collect()
}

/// A volume is mounted, and another file of the machine is wrong each time.
fn with_each_wrong(era: Era, files: &[&str]) {
    let world = World::online(era);
    let volume = world.volume("ubda", "");
    let kept = world.path("/.kept");
    world.mount("/mnt");
    volume.counts();
    copy(&world.root, &kept);
    for file in files {
        let file = file.replace("REGION", &volume.uuid.to_string());
        for wrong in WRONGS {
            restore(&world, &kept);
            volume.semaphores.remove();
            volume.semaphores.make_like_c(1);
            let path = world.path(&file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            wrong.apply(&path);
            call_all(&world, &volume);
            let lock = volume.counts();
            assert!(lock.is_empty() || lock[0] == 0, "{file} {wrong:?}: locked");
        }
    }
    // What went wrong on purpose is no harm to tell of.
    let _ = fs::remove_file(world.path("/.fake/harm"));
}

const DIRECTORIES: [&str; 6] = ["sys", "proc", "etc", "config", ".fake", "mnt"];

fn restore(world: &World, kept: &Path) {
    for directory in DIRECTORIES {
        let _ = fs::remove_file(world.root.join(directory));
        let _ = fs::remove_dir_all(world.root.join(directory));
    }
    copy(kept, &world.root);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for directory in DIRECTORIES
        .iter()
        .filter(|directory| from.join(directory).exists())
    {
        copy_directory(&from.join(directory), &to.join(directory));
    }
}

fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_directory(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[test]
fn of_a_region() {
    let region = "/sys/kernel/config/cluster/webc/heartbeat/REGION";
    let files = ["", "/dev", "/pid", "/blocks"].map(|name| format!("{region}{name}"));
    with_each_wrong(Era::Now, &files.each_ref().map(String::as_str));
}

#[test]
fn of_a_cluster() {
    let cluster = "/sys/kernel/config/cluster/webc";
    let files = [
        "",
        "/heartbeat",
        "/heartbeat/mode",
        "/heartbeat/dead_threshold",
        "/heartbeat/stranger",
        "/node",
        "/node/n1",
        "/node/n1/num",
        "/node/n1/local",
        "/node/n2/ipv4_port",
        "/node/n2/ipv4_address",
        "/idle_timeout_ms",
        "/keepalive_delay_ms",
    ]
    .map(|name| format!("{cluster}{name}"));
    with_each_wrong(Era::Now, &files.each_ref().map(String::as_str));
}

#[test]
fn of_the_drivers() {
    with_each_wrong(
        Era::Now,
        &[
            "/sys/fs/ocfs2",
            "/sys/fs/ocfs2/cluster_stack",
            "/sys/fs/ocfs2/active_cluster_plugin",
            "/sys/fs/ocfs2/loaded_cluster_plugins",
            "/sys/class/block",
            "/sys/class/block/ubda/dev",
            "/sys/kernel/config",
            "/sys/kernel/config/cluster",
            "/sys/module/ocfs2",
        ],
    );
}

#[test]
fn of_proc_and_etc() {
    with_each_wrong(
        Era::Now,
        &[
            "/proc/filesystems",
            "/proc/self/mountinfo",
            "/proc/sys/fs/ocfs2/nm/hb_ctl_path",
            "/proc/sys/kernel/hostname",
            "/proc/fs/jbd2",
            "/etc/ocfs2/cluster.conf",
            "/etc/sysconfig/o2cb",
            "/etc/default/o2cb",
        ],
    );
}

#[test]
fn of_old_drivers() {
    with_each_wrong(
        Era::Old,
        &[
            "/config",
            "/config/cluster/webc/heartbeat/REGION/dev",
            "/config/cluster/webc/node/n1/local",
            "/proc/fs/ocfs2_nodemanager/hb_dead_threshold",
            "/proc/self/mountinfo",
        ],
    );
}

/// A name with bytes of no encoding, or one that leaves the directory, is no cluster's.
#[test]
fn names_that_are_none() {
    use std::os::unix::ffi::OsStrExt;
    for name in [&b"\xff\xfe"[..], b"two words", b"a234567890123456789"] {
        let (world, volume) = World::with_volume();
        let name = std::ffi::OsStr::from_bytes(name);
        fs::rename(world.clusters().join("webc"), world.clusters().join(name)).unwrap();
        let said = call_all(&world, &volume);
        assert!(
            said.iter().any(|said| said.contains("cluster name")),
            "{said:?}"
        );
    }
    let (world, volume) = World::with_volume();
    for node in [&b"\xff"[..], b"n1\n"] {
        let node = world
            .clusters()
            .join("webc/node")
            .join(std::ffi::OsStr::from_bytes(node));
        fs::create_dir(node).unwrap();
    }
    call_all(&world, &volume);
}
