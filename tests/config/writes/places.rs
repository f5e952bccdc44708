//! What a write keeps of the file and its place, and what it refuses to write to.

use super::{NODES, add, large, nodes, remove, said};
use crate::commands::{BOX, directory, ours};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

/// What another program put where the replacement is written is not written to.
#[test]
fn what_is_in_the_way_is_not_written_to() {
    let file = large("way");
    let lock = file.with_file_name(".cluster.conf.new");
    let victim = file.with_file_name("victim");
    fs::write(&victim, "precious").unwrap();
    fs::hard_link(&victim, &lock).unwrap();
    assert!(add(&file).status().unwrap().success());
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert!(!lock.exists());
    symlink(&victim, &lock).unwrap();
    assert_eq!(remove(&file).status.code(), Some(1));
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert_eq!(nodes(&file), NODES + 1);
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    assert!(said(&remove(&file)).contains(".cluster.conf.new: Is a directory"));
}

#[test]
fn mode_owner_and_link_stay() {
    let file = large("mode");
    let link = file.with_file_name("link");
    symlink("hop", &link).unwrap();
    symlink("cluster.conf", file.with_file_name("hop")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&file, Some(12), Some(34)).unwrap();
    }
    let before = fs::metadata(&file).unwrap();
    assert!(add(&link).status().unwrap().success());
    let after = fs::metadata(&file).unwrap();
    assert_ne!(before.ino(), after.ino());
    assert_eq!(
        (before.mode(), before.uid(), before.gid()),
        (after.mode(), after.uid(), after.gid())
    );
    assert_eq!(fs::read_link(&link).unwrap(), Path::new("hop"));
    assert_eq!(nodes(&file), NODES + 1);
    // A link to what is not there yet; the umask has no say.
    symlink("fresh", file.with_file_name("dangling")).unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask 077; exec \"$0\" \"$@\"", BOX]);
    shell.args(ours(&file.with_file_name("dangling"), &["add-cluster", "a"]).get_args());
    assert!(shell.status().unwrap().success());
    let fresh = fs::symlink_metadata(file.with_file_name("fresh")).unwrap();
    assert_eq!(fresh.mode() & 0o7777, 0o644);
    assert!(file.with_file_name("dangling").is_symlink());
    symlink("round", file.with_file_name("round")).unwrap();
    let output = ours(&file.with_file_name("round"), &["add-cluster", "a"]).output();
    assert!(said(&output.unwrap()).contains("too many symbolic links"));
}

#[test]
fn what_is_no_file_stays_what_it_is() {
    let directory = directory("nofile");
    let fifo = directory.join("fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    let zero = directory.join("zero");
    symlink("/dev/null", &zero).unwrap();
    for path in [&directory, &fifo, &zero] {
        for words in [
            &["add-cluster", "a"][..],
            &["list-clusters"],
            &["check-config"],
        ] {
            let output = ours(path, words).output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{output:?}");
            assert!(said(&output).contains("not a regular file"), "{output:?}");
        }
    }
    let output = ours(&directory.join("no/such"), &["add-cluster", "a"])
        .output()
        .unwrap();
    assert!(
        said(&output).contains("No such file or directory"),
        "{output:?}"
    );
    let output = ours(&directory.join("no/such"), &["check-config"])
        .output()
        .unwrap();
    assert!(said(&output).contains("does not exist"), "{output:?}");
}
