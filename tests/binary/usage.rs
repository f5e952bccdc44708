use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::process::Command;

use crate::{APPLETS, BOX, Dir, call, run};

#[test]
fn help_and_version() {
    for args in [&[][..], &["-h"], &["--help"]] {
        let end = call(BOX, args);
        assert_eq!((end.code, end.err.as_str()), (0, ""), "{args:?}");
        for name in APPLETS {
            assert!(
                end.out
                    .lines()
                    .any(|line| line.trim_start().starts_with(name)),
                "{name}"
            );
        }
    }
    let version = concat!("ocfs2box ", env!("CARGO_PKG_VERSION"), "\n");
    for flag in ["-V", "--version"] {
        assert_eq!(call(BOX, &[flag]).out, version);
        for name in APPLETS {
            assert_eq!(call(BOX, &[name, flag]).out, version, "{name}");
        }
    }
}

#[test]
fn the_help_of_a_command_is_found_in_three_ways() {
    let help = call(BOX, &["o2cb", "help", "add-node"]);
    assert!(
        help.out
            .starts_with("Usage: o2cb add-node [OPTIONS] CLUSTER NODE\n")
    );
    assert!(help.out.contains("--ip <address>"), "{help:?}");
    assert!(!help.out.contains("--wait"), "{help:?}");
    for args in [["o2cb", "add-node", "-h"], ["o2cb", "add-node", "--help"]] {
        assert_eq!(call(BOX, &args).out, help.out);
    }
    let all = call(BOX, &["o2cb", "--help"]).out;
    for args in [&["o2cb", "help"][..], &["o2cb", "-h", "add-node"]] {
        assert_eq!(call(BOX, args).out, all, "{args:?}");
    }
    for args in [["o2cb", "help", "onlin"], ["o2cb", "onlin", "-h"]] {
        let end = call(BOX, &args);
        assert_eq!((end.code, end.out.as_str()), (1, ""), "{args:?}");
        let says = "o2cb: unknown command \"onlin\" (did you mean online?)\n";
        assert_eq!(end.err, says);
    }
}

#[test]
fn an_unknown_option_ends_it_before_anything_is_done() {
    let dir = Dir::new();
    let path = dir.to_str().unwrap();
    for args in [
        &["--install", path, "-x"][..],
        &["--install", "--nope", path],
        &["--install", path, "more"],
        &["--install", "--list", path],
        &["--uninstall", "--install", path],
        &["--install"],
        &["--list", path],
        &["-s"],
    ] {
        let end = call(BOX, args);
        assert_eq!((end.code, end.out.as_str()), (1, ""), "{args:?}: {end:?}");
        assert!(end.err.starts_with("ocfs2box: "), "{args:?}: {end:?}");
    }
    assert!(dir.names().is_empty());
    for name in APPLETS {
        let end = call(dir.link(name), &["-~", "/nonexistent", path]);
        assert_eq!((end.code, end.out.as_str()), (1, ""), "{name}: {end:?}");
        let start = format!("{name}: unknown option -~");
        assert!(
            end.err.starts_with(&start) && end.err.lines().count() == 1,
            "{end:?}"
        );
        fs::remove_file(dir.join(name)).unwrap();
    }
}

#[test]
fn operands_that_are_not_text() {
    let raw = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    for name in APPLETS {
        let device = raw(b"/nonexistent/\xff\n");
        let dir = raw(b"/nonexistent/\xc3");
        let end = run(Command::new(BOX).arg(name).args([device, dir]));
        assert!(end.err.lines().count() <= 1, "{name}: {end:?}");
    }
    let dir = Dir::new();
    let odd = dir.join(raw(b"\xff \xf4\x8f\xbe\x80"));
    fs::create_dir(&odd).unwrap();
    let end = run(Command::new(BOX).args(["--install", "-s"]).arg(&odd));
    assert_eq!((end.code, end.err.as_str()), (0, ""));
    assert!(fs::symlink_metadata(odd.join("o2cb")).unwrap().is_symlink());
}

/// The executable has nothing to unwind by, and is not to try.
#[test]
fn an_error_is_a_sentence_for_those_who_want_backtraces_too() {
    for (name, value) in [
        ("RUST_BACKTRACE", "1"),
        ("RUST_BACKTRACE", "full"),
        ("RUST_LIB_BACKTRACE", "1"),
    ] {
        let end = run(Command::new(BOX)
            .args(["mount.ocfs2", "/nowhere", "/nowhere"])
            .env(name, value));
        assert!((1..=32).contains(&end.code), "{end:?}");
        assert_eq!(end.err.lines().count(), 1, "{end:?}");
        assert!(end.err.starts_with("mount.ocfs2: "), "{end:?}");
    }
}

/// Devices are read by processes that keep no directory, and are found from this one's all the same.
#[test]
fn a_device_may_be_named_from_the_directory_that_one_is_in() {
    let dir = Dir::new();
    fs::write(dir.join("image"), "text").unwrap();
    for args in [
        &["o2cb", "doctor", "image"][..],
        &["o2cb", "diff", "image"],
        &["ocfs2_hb_ctl", "-I", "-d", "image"],
        &["ocfs2_hb_ctl", "-I", "--long", "-d", "image"],
        &["ocfs2_hb_ctl", "-S", "-d", "image", "x"],
        &["mount.ocfs2", "image", "."],
    ] {
        let end = run(Command::new(BOX).args(args).current_dir(&*dir));
        let said = end.out.clone() + &end.err;
        assert_ne!(end.code, 0, "{end:?}");
        assert!(said.contains("image"), "{args:?}: {end:?}");
        assert!(!said.contains("no such device"), "{args:?}: {end:?}");
    }
}
