use std::ffi::OsStr;
use std::os::unix::ffi::OsStringExt;

use argh::FromArgs;

use super::*;
use std::os::unix::ffi::OsStrExt;

/// mounts nothing.
#[derive(Debug, PartialEq, FromArgs, ArgsInfo)]
#[argh(example = "[OPTIONS] SPEC DIR")]
struct Mount {
    /// say more
    #[argh(switch, short = 'v')]
    verbose: u8,
    /// do less
    #[argh(switch, short = 'n')]
    no_mtab: bool,
    /// read only
    #[argh(switch, short = 'r')]
    read_only: bool,
    /// writable
    #[argh(switch, short = 'w')]
    read_write: bool,
    /// options
    #[argh(option, short = 'o', arg_name = "list")]
    options: Vec<Word>,
    /// type
    #[argh(option, short = 't', arg_name = "type")]
    kind: Option<Word>,
    /// a number
    #[argh(option)]
    port: Option<i32>,
    /// what to mount
    #[argh(positional)]
    spec: Word,
    /// where
    #[argh(positional)]
    dir: Word,
}

const RIVALS: Rivals<'static> = &[&["--read-only", "--read-write"]];

fn os(args: &[&str]) -> Vec<OsString> {
    args.iter().map(OsString::from).collect()
}

fn mount(args: &[&str]) -> Result<Mount, Stop> {
    interpret("mount.ocfs2", &os(args), RIVALS).map(|(parsed, _)| parsed)
}

fn wrong<T: std::fmt::Debug>(result: Result<T, Stop>) -> String {
    match result {
        Err(Stop::Wrong(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_spelling_means_the_same() {
    for args in [
        &["-v", "-n", "-o", "a,b", "dev", "dir"][..],
        &["dev", "dir", "-vn", "-oa,b"],
        &["dev", "-vnoa,b", "dir"],
        &["-nvo", "a,b", "--", "dev", "dir"],
        &["--verbose", "--no-mtab", "--options=a,b", "dev", "dir"],
        &["--verb", "--no", "--opt", "a,b", "dev", "--", "dir"],
    ] {
        let got = mount(args).unwrap();
        assert_eq!((got.verbose, got.no_mtab), (1, true), "{args:?}");
        assert_eq!(got.options, [Word("a,b".into())], "{args:?}");
        assert_eq!(
            (got.spec.0, got.dir.0),
            ("dev".into(), "dir".into()),
            "{args:?}"
        );
    }
}

#[test]
fn repeated_options() {
    let got = mount(&["-o", "a", "d", "-vv", "-ob", "m", "-v", "-tx", "-t", "y"]).unwrap();
    assert_eq!(got.options, [Word("a".into()), Word("b".into())]);
    assert_eq!((got.verbose, got.kind), (3, Some(Word("y".into()))));
    for (args, read_only) in [
        ("-wr", true),
        ("-rw", false),
        ("-rrw", false),
        ("-rwr", true),
    ] {
        let got = mount(&[args, "d", "m"]).unwrap();
        assert_eq!(
            (got.read_only, got.read_write),
            (read_only, !read_only),
            "{args}"
        );
    }
}

#[test]
fn operands_that_look_like_something_else() {
    let got = mount(&["--", "-v", "--help"]).unwrap();
    assert_eq!((got.spec.0, got.dir.0), ("-v".into(), "--help".into()));
    let got = mount(&["help", ""]).unwrap();
    assert_eq!((got.spec.0, got.dir.0), ("help".into(), "".into()));
    assert_eq!(mount(&["--port", "-5", "d", "m"]).unwrap().port, Some(-5));
    let got = mount(&["-", "-o", "--help", "-o", "-v", "-o", "", "m"]).unwrap();
    assert_eq!(
        (got.spec.0, got.options.len(), got.verbose),
        ("-".into(), 3, 0)
    );
}

#[test]
fn wrong_usage_names_the_word() {
    for (args, text) in [
        (&["-x", "d", "m"][..], "unknown option -x"),
        (&["-vnx", "d", "m"], "unknown option -x"),
        (&["-ä"], "unknown option -ä"),
        (&["--nope=1"], "unknown option --nope"),
        (
            &["--=1"],
            "option -- is ambiguous: --help, --kind, --no-mtab, --options, --port, --read-only, --read-write, --verbose, --version",
        ),
        (
            &["--read"],
            "option --read is ambiguous: --read-only, --read-write",
        ),
        (&["d", "m", "-o"], "option -o requires an argument"),
        (
            &["d", "m", "--options"],
            "option --options requires an argument",
        ),
        (
            &["--verbose=2", "d", "m"],
            "option --verbose takes no argument",
        ),
        (
            &["--port", "x", "d", "m"],
            r#"option --port: invalid number "x""#,
        ),
        (&["d"], "Required positional arguments not provided: dir"),
        (&[], "Required positional arguments not provided: spec, dir"),
        (&["d", "m", "e\n"], r#"extra operand "e\n""#),
    ] {
        assert_eq!(wrong(mount(args)), text, "{args:?}");
    }
}

#[test]
fn help_wins_where_it_stands() {
    for (args, operands) in [
        (&["-h"][..], &[][..]),
        (&["--help"], &[]),
        (&["-vhx"], &[]),
        (&["d", "--he", "m"], &["d"]),
        (&["-h", "--nope"], &[]),
        (&["-o", "x", "-h"], &[]),
    ] {
        let operands = operands.iter().map(|&word: &&str| Word(word.into()));
        let help = Stop::Help(operands.collect());
        assert_eq!(mount(args), Err(help), "{args:?}");
    }
    for args in [&["-V"][..], &["-vVx"], &["d", "--versio", "-h"]] {
        assert_eq!(mount(args), Err(Stop::Version), "{args:?}");
    }
    assert_eq!(wrong(mount(&["--nope", "-h"])), "unknown option --nope");
}

#[test]
fn every_byte_string_survives() {
    let all: Vec<u8> = (1..=255).collect();
    let trap = "\u{10ff80}\u{10ffff}\u{10ff00}\u{10ff41}ä".as_bytes();
    for bytes in [&all[..], trap, b"\xf4\x8f\xbe", b"", b"/mnt/\xe9t\xe9"] {
        let word = OsStr::from_bytes(bytes);
        assert_eq!(decode(&encode(word)), word);
    }
    assert_eq!(encode(OsStr::new("/mnt/été")), "/mnt/été");
    let raw = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    let args = [raw(b"-o\xff=1"), raw(b"\xe9"), raw(b"\xff")];
    let (got, given) = interpret::<Mount>("mount.ocfs2", &args, RIVALS).unwrap();
    assert_eq!(given, ["--options"]);
    assert_eq!(
        (got.options[0].0.as_bytes(), got.dir.0.as_bytes()),
        (&b"\xff=1"[..], &b"\xff"[..])
    );
    let got = interpret::<Mount>("mount.ocfs2", &[raw(b"-\xff")], &[]);
    assert_eq!(wrong(got), r"unknown option -\xff");
    let got = interpret::<Mount>("m", &[raw(b"a"), raw(b"b"), raw(b"\xffc")], &[]);
    assert_eq!(wrong(got), r#"extra operand "\xffc""#);
}

#[test]
fn help_wraps_at_eighty_columns() {
    let words = "word ".repeat(40);
    let section = ("List", vec![("head".into(), &*words)]);
    let text = help::page("m", &["A", "B"], &words, &[section], &[]);
    let width = text.lines().map(str::len).max();
    assert!(
        width.is_some_and(|width| (76..=80).contains(&width)),
        "{text}"
    );
    assert!(
        text.starts_with("Usage: m A\n   or: m B\n\nword word"),
        "{text}"
    );
    assert!(text.contains("\n\nList:\n  head  word"), "{text}");
    assert!(
        text.lines()
            .skip(9)
            .all(|line| line.starts_with("        word")),
        "{text}"
    );
    let text = help::of("m", &Mount::get_args_info(), None);
    assert!(text.starts_with("Usage: m [OPTIONS] SPEC DIR\n\nmounts nothing.\n\nOptions:\n"));
    assert!(text.contains("\n  -o, --options <list>"), "{text}");
    assert!(text.contains("\n      --port <port>"), "{text}");
}
