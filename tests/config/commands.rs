//! The same commands to the C tool and to ours: the same output, exit codes and files, but
//! for the differences that the table names (docs/differences.md says why).

use crate::oracle::TOOL;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub const BOX: &str = env!("CARGO_BIN_EXE_ocfs2box");
const TABLE: &str = include_str!("commands.txt");

/// A directory of a test's own.
pub fn directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("config-{name}"));
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    directory
}

/// A call of ours, about `file`.
pub fn ours(file: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(BOX);
    command.arg("o2cb");
    about(command, file, words)
}

fn theirs(file: &Path, words: &[&str]) -> Command {
    about(Command::new(TOOL), file, words)
}

fn about(mut command: Command, file: &Path, words: &[&str]) -> Command {
    command
        .arg(format!("--config-file={}", file.display()))
        .args(words)
        .stdin(Stdio::null());
    command
}

/// Both exit codes, and the words of the command.
fn rows() -> impl Iterator<Item = (i32, i32, Vec<&'static str>)> {
    let lines = TABLE.lines();
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| {
        let (codes, command) = line.split_once(' ').unwrap_or((line, ""));
        let (c, here) = codes.split_once('/').unwrap_or((codes, codes));
        let number = |code: &str| code.parse().expect("a code");
        (number(c), number(here), words(command))
    })
}

/// By spaces, and quotes around what has some.
fn words(command: &'static str) -> Vec<&'static str> {
    let mut words = Vec::new();
    for (at, part) in command.split('"').enumerate() {
        match at % 2 {
            0 => words.extend(part.split_whitespace()),
            _ => words.push(part),
        }
    }
    words
}

fn text(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

fn code(output: &Output) -> i32 {
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
    output.status.code().expect("an exit code")
}

#[test]
fn both_tools_do_the_same_but_for_what_is_listed() {
    let directory = directory("commands");
    // Each by one tool alone, and one by both in turn.
    let files = ["c", "ours", "mixed"].map(|name| directory.join(name));
    let mut counts = [0, 0];
    for (at, (c, here, words)) in rows().enumerate() {
        let before = text(&files[1]);
        let their = theirs(&files[0], &words).output().unwrap();
        let our = ours(&files[1], &words).output().unwrap();
        let shown = format!("{words:?}: {}", String::from_utf8_lossy(&our.stderr));
        assert_eq!(code(&their), c, "C: {words:?}");
        assert_eq!(code(&our), here, "{shown}");
        if c == here {
            assert_eq!(our.stdout, their.stdout, "{shown}");
            assert_eq!(text(&files[1]), text(&files[0]), "{shown}");
            let both = [theirs, ours][at % 2](&files[2], &words).output().unwrap();
            assert_eq!(both.stdout, their.stdout, "{shown}");
        } else {
            if here != 0 {
                assert!(our.stdout.is_empty(), "{shown}");
                assert_eq!(text(&files[1]), before, "{shown}");
            }
            // From here on as ours.
            fs::write(&files[0], text(&files[1])).unwrap();
            fs::write(&files[2], text(&files[1])).unwrap();
        }
        let last = shown.trim_end().lines().last();
        assert!(here == 0 || last.is_some_and(|line| line.contains("o2cb: ")));
        assert_eq!(text(&files[2]), text(&files[1]), "{shown}");
        counts[usize::from(c != here)] += 1;
    }
    assert!(counts[0] >= 60 && counts[1] >= 20, "{counts:?}");
    // Nothing beside the files.
    assert_eq!(fs::read_dir(directory).unwrap().count(), 3);
}

/// Of all that C writes here, nothing is lost or moved by a change that is rolled back.
#[test]
fn a_file_of_c_comes_back_byte_for_byte() {
    let file = directory("back").join("cluster.conf");
    let mut seen = 0;
    for (c, here, words) in rows() {
        if c == here {
            theirs(&file, &words).output().unwrap();
        }
        let before = text(&file);
        if before.is_empty() {
            continue;
        }
        seen += 1;
        for (there, back) in [
            (
                &["add-cluster", "other"][..],
                &["remove-cluster", "other"][..],
            ),
            (
                &["add-node", "--ip", "192.0.2.99", "webc", "other"],
                &["remove-node", "webc", "other"],
            ),
            (
                &["add-heartbeat", "webc", "0D55D77D7EF74F4E8E964F519A7060BF"],
                &[
                    "remove-heartbeat",
                    "webc",
                    "0D55D77D7EF74F4E8E964F519A7060BF",
                ],
            ),
        ] {
            let done = code(&ours(&file, there).output().unwrap());
            assert_eq!(code(&ours(&file, back).output().unwrap()), done);
            assert_eq!(done == 0, before.contains("= webc\n") || there.len() == 2);
            assert_eq!(text(&file), before, "{there:?}");
        }
    }
    assert!(seen > 60, "{seen}");
}

/// A region is named by the device it is on, too; what cannot be one is refused.
#[test]
fn a_heartbeat_device_is_read() {
    let directory = directory("device");
    let file = directory.join("cluster.conf");
    let image = |name: &str, options: &str| {
        let image = directory.join(name);
        fs::File::create(&image).unwrap().set_len(64 << 20).unwrap();
        let mut mkfs = Command::new("mkfs.ocfs2");
        mkfs.env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
            .args("-q -x -b 4K -C 4K".split(' '))
            .args(options.split(' '))
            .arg(&image);
        let made = mkfs.output().expect("mkfs.ocfs2: tests/run.sh installs it");
        assert!(made.status.success(), "{made:?}");
        image.to_str().unwrap().to_owned()
    };
    let stack = "-N 2 --cluster-stack=o2cb --global-heartbeat --cluster-name";
    let device = image("webc.img", &format!("{stack}=webc"));
    let foreign = image("other.img", &format!("{stack}=other"));
    let pacemaker = "-N 2 --cluster-stack=pcmk --cluster-name=webc";
    let pacemaker = image("pcmk.img", pacemaker);
    let local = image("local.img", "-M local");
    let run = |words: &[&str]| {
        let output = ours(&file, words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (code(&output), said)
    };
    assert_eq!(run(&["add-cluster", "webc"]).0, 0);
    let (done, said) = run(&["-v", "add-heartbeat", "webc", &device]);
    assert_eq!(done, 0, "{said}");
    let listed = ours(&file, &["list-heartbeats", "--oneline", "webc"]).output();
    let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
    let uuid = listed.split(' ').nth(1).unwrap();
    assert!(said.contains(uuid) && uuid.len() == 32, "{said} {listed}");
    for (device, why) in [
        (device.as_str(), "already"),
        (&foreign, "belongs to cluster \"other\""),
        (&pacemaker, "belongs to cluster \"webc\" (stack pcmk)"),
        (&local, "is a local volume"),
        ("/dev/zero", "not a block device"),
        (file.to_str().unwrap(), "too small to be an OCFS2 volume"),
        ("/nosuch", "neither a UUID nor a device"),
    ] {
        let (code, said) = run(&["add-heartbeat", "webc", device]);
        assert!(code == 1 && said.contains(why), "{device}: {said}");
    }
    assert_eq!(run(&["remove-heartbeat", "webc", &device]).0, 0);
    fs::remove_dir_all(directory).unwrap();
}
