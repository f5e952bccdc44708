use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::{APPLETS, BOX, Dir, End, call, is_help, run};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/symlinks.sh");

fn install(dest: &Path, force: bool) -> End {
    let mut command = Command::new("/bin/sh");
    command.arg(SCRIPT).arg(dest).env("OCFS2BOX", BOX);
    command.env("FORCE", if force { "1" } else { "" });
    run(&mut command)
}

fn is_installed(sbin: &Path) {
    assert!(
        fs::symlink_metadata(sbin.join("ocfs2box"))
            .unwrap()
            .is_file()
    );
    for name in APPLETS {
        let target = fs::read_link(sbin.join(name)).unwrap();
        assert_eq!(target, Path::new("ocfs2box"), "{name}");
    }
    assert!(is_help(
        &call(sbin.join("mount.ocfs2"), &["-h"]),
        "mount.ocfs2"
    ));
}

#[test]
fn into_an_empty_destination() {
    let dest = Dir::new();
    let like_here = fs::canonicalize("/sbin").unwrap();
    let sbin = dest.join(like_here.strip_prefix("/").unwrap());
    for _ in 0..2 {
        let end = install(&dest, false);
        assert_eq!((end.code, end.err.as_str()), (0, ""), "{end:?}");
        assert!(end.out.contains("mount.ocfs2 -> ocfs2box\n"), "{end:?}");
        is_installed(&sbin);
    }
    assert_eq!(fs::read_dir(&sbin).unwrap().count(), APPLETS.len() + 1);
}

#[test]
fn the_destination_decides_where() {
    let split = Dir::new();
    fs::create_dir(split.join("sbin")).unwrap();
    assert_eq!(install(&split, false).code, 0);
    is_installed(&split.join("sbin"));
    // An absolute link would lead out of the destination if it were followed.
    for target in ["usr/sbin", "/usr/sbin"] {
        let merged = Dir::new();
        symlink(target, merged.join("sbin")).unwrap();
        assert_eq!(install(&merged, false).code, 0);
        is_installed(&merged.join("usr/sbin"));
    }
}

#[test]
fn what_is_not_ours_stays() {
    let dest = Dir::new();
    let sbin = dest.join("sbin");
    fs::create_dir(&sbin).unwrap();
    fs::write(sbin.join("mount.ocfs2"), "theirs").unwrap();
    let end = install(&dest, false);
    assert!(end.code != 0 && end.err.contains("mount.ocfs2"), "{end:?}");
    assert_eq!(fs::read(sbin.join("mount.ocfs2")).unwrap(), b"theirs");
    assert_eq!(install(&dest, true).code, 0);
    is_installed(&sbin);
}

#[test]
fn wrong_calls() {
    let sh = |args: &[&str], program: &str| {
        run(Command::new("/bin/sh")
            .arg(SCRIPT)
            .args(args)
            .env("OCFS2BOX", program))
    };
    assert_eq!(sh(&["a", "b"], BOX).code, 1);
    assert_eq!(sh(&["--help"], BOX).code, 1);
    let end = sh(&["/nonexistent"], "/nonexistent/ocfs2box");
    assert!(
        end.code == 1 && end.err.contains("not an executable"),
        "{end:?}"
    );
}
