//! ocfs2_hb_ctl -I --watch on a pseudo-terminal: how it ends, and what it leaves of the terminal.

use std::fs;
use std::process::Command;

use crate::{BOX, Dir, run};

const OPEN: &str = "\x1b[?1049h\x1b[?25l";
const CLOSE: &str = "\x1b[?25h\x1b[?1049l";

/// What the terminal shows of a watch that `end` ends once it has drawn; `$pid` is the watch, and
/// descriptor 3 the keyboard.
fn screen(term: &str, end: &str) -> String {
    let dir = Dir::new();
    let script = format!(
        r#"
        cd "$1" && mkfifo keys && exec 3<> keys || exit 1
        cat > inner << END
        stty cols 0 rows 0
        stty -g
        trap : INT QUIT
        sh -c 'echo \$\$ > pid; exec env TERM={term} "\$0" ocfs2_hb_ctl -I --watch 1' "$0"
        echo "ended \$?"
        stty -g
        echo over
        # After the terminal's last user has gone, script(1) reads once, which may not be all.
        until grep -q over shown; do sleep 0.1; done
END
        env --default-signal=INT,QUIT script -qefc "bash inner" shown <&3 > /dev/null 2>&1 &
        {end}
        wait
        "#
    );
    let ended = run(Command::new("timeout")
        .args(["60", "bash", "-c", &script, BOX])
        .arg(&*dir));
    let shown = fs::read_to_string(dir.join("shown")).unwrap();
    assert_eq!(ended.code, 0, "{ended:?} {shown:?}");
    shown
}

#[test]
fn a_key_or_a_signal_ends_it_and_the_terminal_is_as_before() {
    let drawn = "until grep -q 'no heartbeat region' shown 2> /dev/null; do sleep 0.1; done";
    for end in [
        "printf q >&3",
        "printf '\\003' >&3",
        "printf '\\034' >&3",
        "kill -s TERM $(cat pid)",
        "kill -s HUP $(cat pid)",
    ] {
        let shown = screen("xterm", &format!("{drawn}; {end}"));
        let (before, rest) = shown.split_once(OPEN).expect("a screen");
        let (drawn, after) = rest.split_once(CLOSE).expect("its end");
        assert!(
            drawn.contains(" UTC\x1b[K\r\r\nno heartbeat region"),
            "{end}: {shown:?}"
        );
        let Some((_, modes)) = after.split_once("ended 0\r\n") else {
            panic!("{end}: {shown:?}");
        };
        let modes = modes.lines().next().unwrap();
        assert!(before.contains(modes), "{end}: {shown:?}");
    }
}

/// Such as one within an editor, whose cursor cannot be moved.
#[test]
fn a_dumb_terminal_has_lines() {
    // Signals are held back from before the screen is opened.
    let started = r"until grep -q '^SigBlk:.*4007$' /proc/$(cat pid)/status; do sleep 0.1; done 2> /dev/null
        kill -s TERM $(cat pid)";
    for term in ["dumb", ""] {
        let shown = screen(term, started);
        assert!(
            shown.contains("ended 0") && !shown.contains('\x1b'),
            "{shown:?}"
        );
    }
}
