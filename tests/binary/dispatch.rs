use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::{APPLETS, BOX, Dir, call, is_help, run};

#[test]
fn the_list_is_names_and_nothing_else() {
    let end = call(BOX, &["--list"]);
    assert_eq!((end.code, end.err.as_str()), (0, ""));
    assert_eq!(end.out, APPLETS.map(|name| format!("{name}\n")).concat());
}

#[test]
fn every_name_in_every_form() {
    let dir = Dir::new();
    for name in APPLETS {
        let shown = name.trim_end_matches(".init");
        let link = dir.link(name);
        for help in ["-h", "--help"] {
            assert!(is_help(&call(&link, &[help]), shown), "{name}");
            assert!(is_help(&call(BOX, &[name, help]), shown), "{name}");
        }
        let bare = run(Command::new(BOX).arg0(name).arg("--help").env_clear());
        assert!(is_help(&bare, shown), "{name}");
    }
}

#[test]
fn an_unknown_name_is_127() {
    let dir = Dir::new();
    dir.copy("copied");
    for program in [dir.link("mkfs.ocfs2"), dir.link("O2CB"), dir.join("copied")] {
        let end = call(&program, &["--help"]);
        assert_eq!((end.code, end.out.as_str()), (127, ""), "{end:?}");
        assert!(end.err.contains(": unknown applet \""), "{end:?}");
    }
    for args in [
        &["nosuch"][..],
        &["-o2cb"],
        &[""],
        &["ocfs2box"],
        &["\n", "--help"],
    ] {
        let end = call(BOX, args);
        assert_ne!(end.code, 0, "{args:?}");
        assert_eq!(end.err.lines().count(), 1, "{args:?}");
    }
    assert_eq!(call(BOX, &["nosuch"]).code, 127);
    let near = call(BOX, &["umont.ocfs2"]);
    assert!(
        near.err.contains("(did you mean umount.ocfs2?)"),
        "{near:?}"
    );
}

#[test]
fn chains_of_links_are_followed() {
    let dir = Dir::new();
    dir.link("umount.ocfs2");
    fs::create_dir(dir.join("deep")).unwrap();
    symlink("umount.ocfs2", dir.join("one")).unwrap();
    symlink(dir.join("one"), dir.join("two")).unwrap();
    symlink("../two", dir.join("deep/three")).unwrap();
    symlink("deep", dir.join("side")).unwrap();
    for name in ["one", "two", "deep/three", "side/three"] {
        assert!(
            is_help(&call(dir.join(name), &["--help"]), "umount.ocfs2"),
            "{name}"
        );
    }
    let near = run(Command::new("./deep/three").current_dir(&*dir).arg("-h"));
    assert!(is_help(&near, "umount.ocfs2"));
    let by_path = run(Command::new("two").env("PATH", &*dir).arg("-h"));
    assert!(is_help(&by_path, "umount.ocfs2"));
}

#[test]
fn a_name_of_its_own_counts_before_the_chain() {
    let dir = Dir::new();
    dir.link("mount.ocfs2");
    symlink("mount.ocfs2", dir.join("umount.ocfs2")).unwrap();
    assert!(is_help(
        &call(dir.join("umount.ocfs2"), &["-h"]),
        "umount.ocfs2"
    ));
    dir.copy("renamed");
    symlink("renamed", dir.join("o2cb")).unwrap();
    assert!(is_help(&call(dir.join("o2cb"), &["-h"]), "o2cb"));
}

/// What runs, the `argv[0]` it gets, the applet it is (none: 127).
#[test]
fn argv0_is_whatever_the_caller_says() {
    let dir = Dir::new();
    let link = dir.link("mount.ocfs2");
    let odd = dir.link("odd");
    let raw = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    for (program, arg0, applet) in [
        (&link, raw(b"o2cb"), Some("o2cb")),
        (&link, raw(b"/nowhere/ocfs2_hb_ctl"), Some("ocfs2_hb_ctl")),
        (&link, raw(b"\xff/umount.ocfs2"), Some("umount.ocfs2")),
        (&link, raw(b"-bash"), Some("mount.ocfs2")),
        (&link, raw(b"\xff\xfe"), Some("mount.ocfs2")),
        (&link, raw(b"mount.ocfs2\xff"), Some("mount.ocfs2")),
        (&link, raw(b""), None),
        (&link, raw(b"/sbin/"), None),
        (&odd, raw(b"\xff\n"), None),
        (&odd, raw(b"-o2cb"), None),
    ] {
        let end = run(Command::new(program).arg0(&arg0).arg("--help"));
        match applet {
            Some(applet) => assert!(is_help(&end, applet), "{arg0:?}: {end:?}"),
            None => {
                assert_eq!((end.code, end.out.as_str()), (127, ""), "{arg0:?}");
                assert_eq!(end.err.lines().count(), 1, "{arg0:?}: {end:?}");
            }
        }
    }
    let end = run(Command::new(&odd).arg0(OsStr::from_bytes(b"\xff\n")));
    assert!(end.err.contains(r#""\xff\n""#), "{end:?}");
}

/// A program header of type PT_INTERP (3) would name the dynamic loader; a file without one
/// has no loader to look up libraries for it.
#[test]
fn the_file_needs_nothing_beside_it() {
    let file = fs::read(BOX).unwrap();
    let number = |at: usize, size: usize| {
        file[at..at + size]
            .iter()
            .rev()
            .fold(0, |sum, &byte| sum << 8 | usize::from(byte))
    };
    let (table, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    assert!((1..64).contains(&count));
    assert!((0..count).all(|at| number(table + at * size, 4) != 3));
}
