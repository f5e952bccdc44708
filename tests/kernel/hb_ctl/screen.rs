//! --watch on a terminal.

use crate::rig::{Lab, has};

#[test]
fn a_table_is_refreshed_and_the_terminal_is_as_before() {
    let lab = Lab::new("hb-watch");
    let [one, two] = ["one", "two"].map(|name| lab.disk(name).label(name).format());
    let [n1, n2] = lab.boot();
    for node in [&n1, &n2] {
        node.ok(&format!(
            "o2cb online && mkdir -p /mnt/1 /mnt/2 && mount.ocfs2 {} /mnt/1",
            one.device()
        ));
    }
    n1.ok(&format!("mount.ocfs2 {} /mnt/2", two.device()));
    let watch = n1.start(
        r#"
        mkdir -p /dev/pts
        mountpoint -q /dev/pts || mount -t devpts -o ptmxmode=666 devpts /dev/pts || exit 90
        [ -c /dev/ptmx ] || ln -s pts/ptmx /dev/ptmx || exit 91
        # The terminal makes a signal of the byte. Like a serial line, it has no size.
        { sleep 40; printf '\003'; sleep 3; } | timeout 100 script -qec \
            'trap : INT; stty cols 0 rows 0; TERM=linux ocfs2_hb_ctl -I --watch 2; echo "ended $?"' \
            /run/screen > /dev/null
        cat /run/screen
        "#,
    );
    std::thread::sleep(std::time::Duration::from_secs(20));
    n2.kill();
    let said = watch.wait();
    assert_eq!(said.code, 0, "{said}");
    let text = said.stdout.replace("\x1b[K", "").replace('\r', "");
    let (before, rest) = text.split_once("\x1b[?1049h\x1b[?25l").expect("a screen");
    let (screens, after) = rest.split_once("\x1b[?25h\x1b[?1049l").expect("its end");
    let last = screens.split("\x1b[H").last().unwrap();
    println!("{last}");
    assert!(
        !before.contains("beat") && after.contains("ended 0"),
        "{after}"
    );
    has(
        last,
        &[
            "ubda",
            "ubdb",
            "one",
            "two",
            "1 n1*",
            "2 n2",
            "# beat  : not due yet  . missed  ? disk silent  - left  x damaged  * this node",
            " UTC\n",
        ],
    );
    let row = |name: &str| last.lines().find(|line| line.starts_with(name)).unwrap();
    assert_eq!(row("1 n1*").matches(" alive").count(), 2, "{last}");
    assert!(
        row("2 n2").contains("#...") || row("2 n2").contains("#:..."),
        "{last}"
    );
    // A terminal that cannot move its cursor has lines, as a pipe has.
    let dumb = n1.ok(
        "script -qefc 'TERM=dumb timeout --foreground --preserve-status 5 ocfs2_hb_ctl -I --watch=1' /dev/null",
    );
    assert!(dumb.contains("alive") && !dumb.contains('\x1b'), "{dumb}");
    let lines = n1.ok(
        "timeout --preserve-status -s INT 5 ocfs2_hb_ctl -I --watch=1 | cat; exit ${PIPESTATUS[0]}",
    );
    assert!(
        lines.lines().count() > 4 && !lines.contains('\x1b'),
        "{lines}"
    );
    let few = n1.run("ocfs2_hb_ctl -I --watch=1 | head -n 3; exit ${PIPESTATUS[0]}");
    assert_eq!((few.code, few.stderr.as_str()), (0, ""), "{few}");
    assert_eq!(few.stdout.lines().count(), 3, "{few}");
    let json = n1.ok("timeout --preserve-status 5 ocfs2_hb_ctl -I --watch --json");
    assert!(
        json.lines()
            .all(|line| line.starts_with(r#"{"schema": 1, "#)),
        "{json}"
    );
    n1.ok("umount.ocfs2 /mnt/1 && umount.ocfs2 /mnt/2 && o2cb offline");
    lab.end();
}
