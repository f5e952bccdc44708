use std::fs::{self, metadata, read_link};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use crate::{APPLETS, BOX, Dir, End, call, is_help};

fn manage(args: &[&str], dir: &Path) -> End {
    call(BOX, &[args, &[dir.to_str().unwrap()]].concat())
}

fn works(args: &[&str], dir: &Path) {
    let end = manage(args, dir);
    assert_eq!(
        (end.code, end.out.as_str(), end.err.as_str()),
        (0, "", ""),
        "{args:?}"
    );
}

fn sorted() -> Vec<String> {
    let mut names = APPLETS.map(String::from).to_vec();
    names.sort();
    names
}

#[test]
fn hard_links_and_symbolic_ones() {
    let dir = Dir::new();
    let me = metadata(BOX).unwrap().ino();
    for _ in 0..2 {
        works(&["--install"], &dir);
        assert_eq!(dir.names(), sorted(), "nothing else is left behind");
    }
    for name in APPLETS {
        let file = fs::symlink_metadata(dir.join(name)).unwrap();
        assert!(file.is_file() && file.ino() == me, "{name}");
    }
    assert!(is_help(&call(dir.join("o2cb"), &["-h"]), "o2cb"));
    for _ in 0..2 {
        works(&["--install", "-s"], &dir);
        assert_eq!(dir.names(), sorted());
    }
    for name in APPLETS {
        assert_eq!(read_link(dir.join(name)).unwrap(), Path::new(BOX), "{name}");
    }
    works(&["--install"], &dir);
    assert_eq!(fs::symlink_metadata(dir.join("o2cb")).unwrap().ino(), me);
    for _ in 0..2 {
        works(&["--uninstall"], &dir);
        assert!(dir.names().is_empty());
    }
}

#[test]
fn links_beside_the_program_are_relative() {
    let dir = Dir::new();
    let program = dir.copy("ocfs2box");
    let end = call(&program, &["--install", "-s", dir.to_str().unwrap()]);
    assert_eq!(end.code, 0, "{end:?}");
    for name in APPLETS {
        assert_eq!(read_link(dir.join(name)).unwrap(), Path::new("ocfs2box"));
    }
    let end = call(&program, &["--uninstall", dir.to_str().unwrap()]);
    assert_eq!((end.code, dir.names()), (0, vec!["ocfs2box".to_owned()]));
}

#[test]
fn a_foreign_file_stays_unless_forced() {
    let dir = Dir::new();
    fs::write(dir.join("o2cb"), "theirs").unwrap();
    symlink("/bin/sh", dir.join("umount.ocfs2")).unwrap();
    symlink("/nonexistent", dir.join("o2cb.init")).unwrap();
    for args in [&["--install"][..], &["--install", "-s"]] {
        let end = manage(args, &dir);
        assert_eq!(end.code, 2, "{end:?}");
        for name in ["o2cb", "umount.ocfs2", "o2cb.init", "--force"] {
            assert!(end.err.contains(name), "{end:?}");
        }
        assert_eq!(
            dir.names(),
            ["o2cb", "o2cb.init", "umount.ocfs2"],
            "all or nothing"
        );
    }
    works(&["--uninstall"], &dir);
    assert_eq!(dir.names().len(), 3);
    assert_eq!(fs::read(dir.join("o2cb")).unwrap(), b"theirs");
    works(&["--install", "-sf"], &dir);
    assert_eq!(read_link(dir.join("o2cb")).unwrap(), Path::new(BOX));
    assert_eq!(dir.names(), sorted());
}

#[test]
fn links_of_another_copy_are_not_ours() {
    let dir = Dir::new();
    dir.copy("ocfs2box");
    symlink("ocfs2box", dir.join("o2cb")).unwrap();
    assert_eq!(manage(&["--install"], &dir).code, 2);
    works(&["--uninstall"], &dir);
    assert!(dir.join("o2cb").exists());
}

#[test]
fn the_program_itself_is_never_replaced() {
    let dir = Dir::new();
    let program = dir.copy("o2cb");
    symlink("o2cb", dir.join("ocfs2box")).unwrap();
    let path = dir.to_str().unwrap();
    for args in [
        &["--install", "-sf", path][..],
        &["--install", path],
        &["--uninstall", path],
    ] {
        let end = call(dir.join("ocfs2box"), args);
        assert_eq!(end.code, 0, "{end:?}");
        assert!(fs::symlink_metadata(&program).unwrap().is_file());
    }
}

#[test]
fn where_nothing_can_be_made() {
    let dir = Dir::new();
    let end = manage(&["--install"], &dir.join("missing"));
    assert_eq!(end.code, 2);
    assert!(end.err.contains("missing: No such file"), "{end:?}");
    fs::create_dir(dir.join("o2cb")).unwrap();
    assert_eq!(manage(&["--install", "-f"], &dir).code, 2);
    assert!(
        dir.names().iter().all(|name| !name.starts_with('.')),
        "{:?}",
        dir.names()
    );
    if Path::new("/dev/shm").exists()
        && metadata("/dev/shm").unwrap().dev() != metadata(BOX).unwrap().dev()
    {
        let end = manage(&["--install"], Path::new("/dev/shm"));
        assert!(end.code == 2 && end.err.contains("use -s"), "{end:?}");
    }
    fs::set_permissions(&*dir, fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(dir.join("probe"), "").is_err() {
        assert_eq!(manage(&["--install"], &dir).code, 1);
    }
    fs::set_permissions(&*dir, fs::Permissions::from_mode(0o700)).unwrap();
}
