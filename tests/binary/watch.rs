//! ocfs2_hb_ctl -I --watch on a pseudo-terminal: how it ends, and what it leaves of the terminal.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::BOX;
use crate::terminal::Terminal;

const OPEN: &str = "\x1b[?1049h\x1b[?25l";
const CLOSE: &str = "\x1b[?25h\x1b[?1049l";

/// Returns all that a terminal of this type shows of a shell that runs a watch; `end` ends the
/// watch, whose process it gets.
fn screen(term: &str, end: impl FnOnce(&mut Terminal, &str)) -> String {
    let script = r#"
        trap : INT QUIT
        stty cols 0 rows 0
        stty -g
        sh -c 'echo "pid $$."; exec "$0" ocfs2_hb_ctl -I --watch 1' "$0"
        echo "ended $?"
        stty -g
        echo over
    "#;
    let (mut shell, mut terminal) = Terminal::open(&["bash", "-c", script, BOX], term);
    terminal.expect(".\r\n");
    let (_, pid) = terminal.shown.split_once("pid ").unwrap();
    let pid = pid.split_once('.').unwrap().0.to_string();
    end(&mut terminal, &pid);
    terminal.expect("over\r\n");
    assert!(shell.wait().unwrap().success());
    terminal.shown
}

fn kill(signal: &str, pid: &str) {
    let mut kill = Command::new("kill");
    assert!(kill.args(["-s", signal, pid]).status().unwrap().success());
}

#[test]
fn a_key_or_a_signal_ends_it_and_the_terminal_is_as_before() {
    type End = fn(&Terminal, &str);
    let ends: [(&str, End); 5] = [
        ("q", |terminal, _| terminal.press(b"q")),
        ("Ctrl-C", |terminal, _| terminal.press(b"\x03")),
        ("Ctrl-\\", |terminal, _| terminal.press(b"\x1c")),
        ("SIGTERM", |_, pid| kill("TERM", pid)),
        ("SIGHUP", |_, pid| kill("HUP", pid)),
    ];
    for (name, end) in ends {
        let shown = screen("xterm", |terminal, pid| {
            terminal.expect("no heartbeat region");
            end(terminal, pid);
        });
        let in_order = (|| {
            let (before, rest) = shown.split_once(OPEN)?;
            let (drawn, after) = rest.split_once(CLOSE)?;
            let (_, modes) = after.split_once("ended 0\r\n")?;
            let is_drawn = drawn.contains(" UTC\x1b[K\r\r\nno heartbeat region");
            Some(is_drawn && before.contains(modes.lines().next()?))
        })();
        assert_eq!(in_order, Some(true), "{name}: {shown:?}");
    }
}

/// Such as one within an editor, whose cursor cannot be moved.
#[test]
fn a_dumb_terminal_has_lines() {
    for term in ["dumb", ""] {
        let shown = screen(term, |_, pid| {
            // Signals are held back from before the screen is opened.
            let status = format!("/proc/{pid}/status");
            while !is_holding_signals(&fs::read_to_string(&status).unwrap()) {
                thread::sleep(Duration::from_millis(20));
            }
            kill("TERM", pid);
        });
        assert!(
            shown.contains("ended 0") && !shown.contains('\x1b'),
            "{shown:?}"
        );
    }
}

/// SIGHUP, SIGINT, SIGQUIT and SIGTERM are blocked.
fn is_holding_signals(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
    u64::from_str_radix(mask.unwrap().trim(), 16).unwrap() & 0x4007 == 0x4007
}
