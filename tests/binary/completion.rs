//! The completion of bash, which reads the help.

use std::process::Command;
use std::{env, fs};

use crate::docs::{applets, commands, heads, help, options};
use crate::terminal::Terminal;
use crate::{Dir, End, run};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/completions/o2cb.bash");

/// Returns what bash offers for the last of these words.
fn offered(dir: &Dir, words: &[&str]) -> Vec<String> {
    let script = r#"
        source "$0"
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _ocfs2box "$1" "${!#}"
        echo "${COMPREPLY[@]}"
    "#;
    let path = format!("{}:{}", dir.display(), env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    let End { out, err, .. } = run(bash
        .args(["-c", script, SCRIPT])
        .args(words)
        .env("PATH", path));
    assert_eq!(err, "", "{words:?}");
    out.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn bash_offers_what_the_help_lists() {
    let dir = Dir::new();
    for name in applets() {
        dir.link(&name);
        let help = help(&name);
        let listed = heads(&help, "Options:").into_iter().flat_map(options);
        assert_eq!(offered(&dir, &[&name, "-"]), listed.collect::<Vec<_>>());
    }
    let mut names = offered(&dir, &["o2cb", ""]);
    names.sort();
    assert_eq!(names, commands().into_iter().collect::<Vec<_>>());
    assert_eq!(offered(&dir, &["o2cb", "help", "list-n"]), ["list-nodes"]);
    assert_eq!(offered(&dir, &["o2cb", "add-node", "--n"]), ["--number"]);
    assert!(offered(&dir, &["o2cb", "online", "--n"]).is_empty());
    assert_eq!(offered(&dir, &["o2cb", "exec", "--ex"]), ["--exclusive"]);
    for words in [
        &["o2cb", "exec", "--", "-"][..],
        &["o2cb", "--port", ""],
        &["o2cb", "doctor", ""],
        &["mount.ocfs2", "-o", "-"],
        &["mount.ocfs2", ""],
    ] {
        assert!(offered(&dir, words).is_empty(), "{words:?}");
    }
}

#[test]
fn each_shell_completes_each_applet() {
    for file in ["o2cb.bash", "_o2cb", "o2cb.fish"] {
        let path = format!("{}/docs/completions/{file}", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(path).unwrap();
        for name in applets() {
            assert!(
                text.split_whitespace().any(|word| word == name),
                "{file}: {name}"
            );
        }
    }
}

#[test]
fn a_tab_completes_in_bash() {
    let dir = Dir::new();
    for name in applets() {
        dir.link(&name);
    }
    let conf = dir.join("cluster.conf");
    fs::write(&conf, "cluster:\n\tnode_count = 0\n\tname = webc\n").unwrap();
    let script = r#"stty cols 1000; PS1='> ' PATH=$1:$PATH exec bash --norc --noprofile -i"#;
    let path = dir.to_str().unwrap();
    let (mut shell, mut terminal) = Terminal::open(&["sh", "-c", script, "sh", path], "dumb");
    terminal.expect("> ");
    terminal.press(format!("source {SCRIPT}; echo so''urced\n").as_bytes());
    terminal.expect("sourced\r\n> ");
    terminal.press(b"o2cb heart\t");
    terminal.expect("o2cb heartbeat-mode ");
    terminal.press(format!("--config-file={} w\t", conf.display()).as_bytes());
    terminal.expect(" webc ");
    terminal.press(b"gl\t");
    terminal.expect(" webc global ");
    terminal.press(b"\x15mount.ocfs2 --read-w\t");
    terminal.expect("mount.ocfs2 --read-write ");
    terminal.press(b"\x15exit\n");
    assert!(shell.wait().unwrap().success());
}
