//! What the command gets, and what comes back from it.

use super::{assert_clean, online};
use crate::rig::{CLUSTER, Lab};

#[test]
fn the_command_is_run_as_a_shell_runs_it() {
    let (lab, [node], disk) = online("exec-manners");
    let device = disk.device();
    let run = format!("o2cb exec -d {device} --");
    // One that keeps the heartbeat going, so that the others need not wait for it.
    let first = node.start(&format!("{run} sleep 1000"));
    node.wait_for("pgrep -x sleep");

    for (command, code) in [
        ("true", 0),
        ("sh -c 'exit 7'", 7),
        ("sh -c 'exit 255'", 255),
        ("sh -c 'kill -KILL $$'", 137),
        ("sh -c 'kill -TERM $$'", 143),
    ] {
        let output = node.fails(code, &format!("{run} {command}"));
        assert_eq!(output.stderr, "", "{command}");
    }
    for (command, code, says) in [
        ("/nosuch", 127, "running /nosuch: No such file or directory"),
        ("nosuch", 127, "running nosuch: No such file or directory"),
        (
            "/etc/hostname",
            126,
            "running /etc/hostname: Permission denied",
        ),
    ] {
        let output = node.fails(code, &format!("{run} {command}"));
        assert_eq!(output.stderr, format!("o2cb: {says}\n"));
    }

    // Standard files, other files of the caller's, directory, environment and signals.
    let looks =
        r#"bash -c 'cd /proc/self/fd; echo *; grep Sig /proc/$$/status; env | grep COLOUR'"#;
    let plain = node.ok(&format!(
        "cd /mnt; export COLOUR=blue; exec 7< /dev/null; {looks}"
    ));
    let ours = node.ok(&format!(
        "cd /mnt; export COLOUR=blue; exec 7< /dev/null; {run} {looks}"
    ));
    assert_eq!(ours, plain);
    assert!(plain.contains(" 7") && plain.contains("SigBlk"), "{plain}");
    assert_eq!(node.ok(&format!("cd /mnt; {run} pwd")), "/mnt\n");
    assert_eq!(node.ok(&format!("echo text | {run} cat")), "text\n");
    // A command that is deaf from birth stays so.
    let deaf = "grep SigIgn /proc/self/status";
    let ignored = format!("(trap '' USR1 HUP; {deaf}; {run} {deaf})");
    let lines = node.ok(&ignored);
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines[0], lines[1]);

    // Signals are passed on once, and the command decides.
    for (signal, code) in [("TERM", 41), ("INT", 42), ("HUP", 43), ("USR1", 44)] {
        let script = format!(
            r#"trap 'echo got; c={code}' {signal}; c=; n=0; touch /tmp/up{code}
            until [ "$c" ] || [ $n = 600 ]; do sleep 0.1; n=$((n + 1)); done; exit $c"#
        );
        node.ok(&format!("cat > /tmp/{code} << 'END'\n{script}\nEND"));
        let output = node.fails(
            code,
            &format!(
                r#"env --default-signal=INT,QUIT {run} bash /tmp/{code} & pid=$!
                until [ -e /tmp/up{code} ]; do sleep 0.1; done
                kill -s {signal} $pid; wait $pid"#
            ),
        );
        assert_eq!(output.stdout, "got\n", "{signal}");
    }
    node.ok("pkill -x sleep");
    assert_eq!(first.wait().code, 143);
    assert_clean(&node);
    lab.end();
}

/// Ctrl-C reaches the command once, by the terminal itself; Ctrl-Z gives the prompt back.
#[test]
fn a_terminal_stops_continues_and_interrupts_it() {
    let (lab, [node], disk) = online("exec-terminal");
    let device = disk.device();
    node.ok("mkdir -p /dev/pts && mount -t devpts -o ptmxmode=666 devpts /dev/pts");
    let script = format!(
        r#"set -m
        o2cb exec -d {device} -- bash -c 'trap "echo got; exit 5" INT; touch /tmp/up; while :; do touch /tmp/runs; sleep 0.1; done'
        echo "code $?"
        jobs
        fg
        echo "code $?""#
    );
    node.ok(&format!("cat > /tmp/script << 'END'\n{script}\nEND"));
    let said = node.ok(r#"{
            until [ -e /tmp/up ]; do sleep 0.1; done
            printf '\032'
            until grep -aq Stopped /tmp/shown; do sleep 0.1; done
            rm /tmp/runs; until [ -e /tmp/runs ]; do sleep 0.1; done
            printf '\003'
            until grep -aq 'code 5' /tmp/shown; do sleep 0.1; done
        } | env --default-signal=INT,QUIT,TSTP script -qfc "bash -i /tmp/script" /tmp/shown"#);
    assert!(said.contains("code 147"), "{said}");
    assert!(said.contains("Stopped"), "{said}");
    assert!(said.contains("code 5"), "{said}");
    assert_eq!(
        said.matches("got").count(),
        1 + said.matches("echo got").count(),
        "{said}"
    );
    assert_clean(&node);
    lab.end();
}

/// An error of the line itself is found before anything is done.
#[test]
fn wrong_lines_are_refused_and_touch_nothing() {
    let (lab, [node], disk) = online("exec-lines");
    let device = disk.device();
    for (line, code, says) in [
        (
            format!("-d {device}"),
            1,
            "exec: missing COMMAND operand after \"--\"",
        ),
        (
            format!("-d {device} --"),
            1,
            "exec: missing COMMAND operand after \"--\"",
        ),
        (format!("-d {device} true"), 1, "extra operand \"true\""),
        ("-- true".into(), 1, "missing option --device"),
        (
            format!("-d {device} -w 3 -- true"),
            1,
            "exec: -w waits for nothing without -x",
        ),
        (
            "-d /dev/nosuch -- true".into(),
            125,
            "/dev/nosuch: no such device",
        ),
        ("-d /dev/zero -- true".into(), 125, "not a block device but"),
    ] {
        let output = node.fails(code, &format!("o2cb exec {line}"));
        output.says(says);
        assert_eq!(output.stderr.lines().count(), 1, "{output}");
    }
    node.ok("o2cb offline");
    let output = node.fails(125, &format!("o2cb exec -d {device} -- true"));
    output.says("(run: o2cb online webc)");
    assert_clean(&node);
    lab.end();
}

/// A node may have many processes, and a volume 255 journals.
#[test]
fn journals_are_locked_with_one_look_at_the_open_files() {
    let lab = Lab::new("exec-looks");
    let volume = lab.disk("volume").slots(8).format();
    let [node] = lab.boot();
    node.ok(&format!("o2cb online {CLUSTER}"));
    let looks = node.ok(&format!(
        "strace -f -o /tmp/trace -e trace=openat o2cb exec -x -d {} -- true
         grep -c '\"/proc/1/fd\"' /tmp/trace",
        volume.device()
    ));
    // Before and after the superblock's lock, for the journals, and to leave.
    assert_eq!(looks, "4\n");
    assert_clean(&node);
    lab.end();
}
