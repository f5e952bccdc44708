//! Descriptors that are closed, full, or lead nowhere.

use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use std::{fs, io, thread};

use rustix::fs::{OFlags, fcntl_setfl};

use crate::{BOX, Dir, run};

fn shell(script: &str) -> crate::End {
    run(Command::new("/bin/sh").args(["-c", script, BOX]))
}

#[test]
fn what_cannot_be_printed_is_no_success() {
    for script in [
        "exec \"$0\" --list >/dev/full",
        "exec \"$0\" --help >/dev/full",
        "exec \"$0\" o2cb --help >/dev/full",
        "exec \"$0\" --list 1</dev/null",
    ] {
        let end = shell(script);
        assert_eq!(end.code, 2, "{script}: {end:?}");
        assert!(
            end.err.contains("cannot write to standard output: "),
            "{end:?}"
        );
    }
    assert_eq!(shell("exec \"$0\" --list >/dev/full 2>&1").code, 2);
}

/// A FIFO of the shell's own, as a pipe of this process may be held by another test's child.
#[test]
fn a_reader_that_left_is_no_success() {
    let dir = Dir::new();
    let fifo = dir.join("fifo");
    let open = "mkfifo \"$1\" && exec 3<>\"$1\" 4>\"$1\" 3<&- && exec \"$0\" --list >&4";
    let end = run(Command::new("/bin/sh").args(["-c", open, BOX]).arg(fifo));
    assert_eq!(end.code, 2, "{end:?}");
    assert!(end.err.contains("Broken pipe"), "{end:?}");
}

/// The runtime opens /dev/null for closed descriptors; without it the write would fail.
#[test]
fn closed_descriptors_lead_to_dev_null() {
    for script in [
        "exec \"$0\" --list >&-",
        "exec \"$0\" --list <&- >&- 2>&-",
        "exec \"$0\" ocfs2_hb_ctl --help <&- >&- 2>&-",
    ] {
        assert_eq!(shell(script).code, 0, "{script}");
    }
    assert_eq!(shell("exec \"$0\" --nope <&- >&- 2>&-").code, 1);
    assert_eq!(shell("exec \"$0\" nope 2>&-").code, 127);
}

/// Looks at a process that is held in its write to a full pipe.
#[test]
fn closed_input_and_error_are_dev_null_too() {
    let (mut reader, mut writer) = io::pipe().unwrap();
    fcntl_setfl(&writer, OFlags::NONBLOCK).unwrap();
    let mut filled = 0;
    while let Ok(more) = writer.write(&[0; 4096]) {
        filled += more;
    }
    fcntl_setfl(&writer, OFlags::empty()).unwrap();
    let script = "exec \"$0\" --list <&- 2>&-";
    let mut child = Command::new("/bin/sh")
        .args(["-c", script, BOX])
        .stdout(writer)
        .spawn()
        .unwrap();
    let proc = Path::new("/proc").join(child.id().to_string());
    let held = |fd: &str| fs::read_link(proc.join("fd").join(fd)).ok();
    let null = Some(Path::new("/dev/null").to_owned());
    while held("0") != null || held("2") != null {
        thread::sleep(Duration::from_millis(10));
        assert!(child.try_wait().unwrap().is_none(), "it has ended");
    }
    let mut rest = vec![0; filled];
    reader.read_exact(&mut rest).unwrap();
    let mut list = String::new();
    reader.read_to_string(&mut list).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(list.starts_with("mount.ocfs2\n"), "{list}");
}

#[test]
fn an_empty_environment_is_enough() {
    let dir = Dir::new();
    dir.link("o2cb");
    let end = run(Command::new(dir.join("o2cb"))
        .arg("--help")
        .env_clear()
        .current_dir("/"));
    assert!(crate::is_help(&end, "o2cb"), "{end:?}");
    let end = run(Command::new(BOX)
        .args(["--install", "-s"])
        .arg(&*dir)
        .env_clear());
    assert_eq!((end.code, dir.names().len()), (0, 5), "{end:?}");
}
