//! That the peer itself keeps the rules.

// A program without tests leaves them unused.
#![allow(unused_imports)]

use super::{LENGTH, Peer, SOCKET, padded};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::Duration;

/// One message and its answers, as a tool would see them.
fn exchange(stream: &mut UnixStream, text: &str) -> String {
    stream.write_all(&padded(text)).unwrap();
    hear(stream)
}

fn hear(stream: &mut UnixStream) -> String {
    let mut answer = [0; LENGTH];
    stream.read_exact(&mut answer).unwrap();
    let text = answer.split(|&byte| byte == 0).next().unwrap();
    String::from_utf8_lossy(text).into_owned()
}

/// Without `PEER_DIRECTORY` the peer's own rules are tested; with it, as in a node of a lab, it
/// serves there.
#[test]
fn the_peer_keeps_the_daemons_rules() {
    use std::os::linux::net::SocketAddrExt;
    if let Ok(directory) = std::env::var("PEER_DIRECTORY") {
        return Peer::new("webc", Path::new(&directory)).serve(SOCKET.as_bytes());
    }
    let name = format!("peer-{}", std::process::id());
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name);
    let peer = Peer::new("webc", &directory);
    peer.start(name.as_bytes());
    let connect = || {
        let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
        UnixStream::connect_addr(&address).unwrap()
    };
    let [mut first, mut second, mut third] = [connect(), connect(), connect()];
    let mount = |uuid: &str, service: &str| format!("MOUNT ocfs2 {uuid} webc /dev/null {service}");
    let ok = "STATUS 0 OK";
    for (message, answer) in [
        (
            "MOUNT ext4 U webc /dev/null /a",
            "STATUS 22 Invalid filesystem type",
        ),
        (
            "MOUNT ocfs2 U other /dev/null /a",
            "STATUS 22 Invalid cluster name",
        ),
        (
            "MOUNT ocfs2 U webc /dev/none /a",
            "STATUS 2 Failed to stat device \"/dev/none\": No such file or directory",
        ),
        (
            "MRESULT ocfs2 U 0 /a",
            "STATUS 22 Client is not attached to a mountgroup",
        ),
        (
            "UNMOUNT ocfs2 U /a",
            "STATUS 2 Filesystem U is unknown or not mounted anywhere",
        ),
        (&mount("U", "/a b"), ok),
    ] {
        assert_eq!(exchange(&mut first, message), answer, "{message}");
    }
    assert_eq!(
        exchange(&mut second, &mount("U", "/c")),
        "STATUS 16 Another mount is in progress"
    );
    assert_eq!(exchange(&mut first, "MRESULT ocfs2 U 0 /a b"), ok);
    assert_eq!(
        exchange(&mut second, &mount("U", "/a b")),
        "STATUS 16 Filesystem U is already mounted on /a b"
    );
    assert_eq!(
        exchange(&mut second, &mount("U", "/c")),
        "STATUS 114 Already mounted, go ahead"
    );
    assert_eq!(exchange(&mut second, "MRESULT ocfs2 U 0 /c"), ok);
    assert_eq!(exchange(&mut second, "UNMOUNT ocfs2 U /c"), ok);
    assert_eq!(
        exchange(&mut second, "UNMOUNT ocfs2 U /c"),
        "STATUS 2 Service U is not mounted on /c"
    );
    assert_eq!(peer.groups(), ["U /a b"]);
    assert_eq!(exchange(&mut second, "LISTFS ocfs2 webc"), "ITEMCOUNT 1");
    assert_eq!([hear(&mut second), hear(&mut second)], ["ITEM U", ok]);

    // A further mount that fails: the client's slot stays, and with it an error.
    assert_eq!(
        exchange(&mut second, &mount("V", "/v")),
        ok,
        "a group that is older than U's in the list"
    );
    assert_eq!(exchange(&mut second, "MRESULT ocfs2 V 0 /v"), ok);
    assert_eq!(
        exchange(&mut third, &mount("V", "/w")),
        "STATUS 114 Already mounted, go ahead"
    );
    assert_eq!(exchange(&mut third, "MRESULT ocfs2 V 16 /w"), ok);
    assert_eq!(
        exchange(&mut third, "MRESULT ocfs2 U 0 /w"),
        "STATUS 22 UUID U does not match mountgroup V"
    );
    assert_eq!(
        exchange(&mut first, &mount("V", "/x")),
        "STATUS 22 UUID U does not match mountgroup V"
    );
    assert_eq!(peer.groups(), ["V /v,/x", "U /a b"], "refused, and added");
    assert_eq!(
        exchange(&mut second, &mount("V", "/y")),
        "STATUS 16 Another mount is in progress"
    );

    // The last one leaves the group before its answer.
    peer.order("leave slow 200");
    let begun = std::time::Instant::now();
    assert_eq!(exchange(&mut third, "UNMOUNT ocfs2 U /a b"), ok);
    assert!(begun.elapsed() >= Duration::from_millis(200));
    assert_eq!(peer.groups(), ["V /v,/x"]);

    // The texts have the user's bytes, and no more than 127.
    peer.order("register fails 95");
    let long = format!("/{}", "é".repeat(60));
    let refused = "STATUS 95 Error registering mg W with dlm_controld: Operation not supported";
    assert_eq!(exchange(&mut third, &mount("W", "/w")), refused);
    peer.order("");
    assert_eq!(exchange(&mut third, &mount("W", &long)), ok);
    assert_eq!(
        exchange(&mut third, &format!("MRESULT ocfs2 W 0 {long}")),
        ok
    );
    let refused = exchange(&mut second, &mount("W", &long));
    assert!(refused.ends_with("éé\u{fffd}"), "{refused}");
    peer.register("X");
    assert_eq!(
        exchange(&mut second, &mount("X", "/x")),
        "STATUS 114 Error registering mg X with dlm_controld: Operation already in progress"
    );

    // After its answer, a connection that ends has mounted.
    let mut fourth = connect();
    assert_eq!(exchange(&mut fourth, &mount("Y", "/d")), ok);
    drop(fourth);
    while !peer.notes().contains(&"4 .".to_owned()) {
        thread::sleep(Duration::from_millis(10));
    }
    let mut fifth = connect();
    assert_eq!(exchange(&mut fifth, "UNMOUNT ocfs2 Y /d"), ok);
    // Before it, it has not, and a mount that comes too early ends the daemon.
    peer.order("MOUNT slow 100\nleave slow 10000");
    let mut sixth = connect();
    sixth.write_all(&padded(mount("Z", "/z"))).unwrap();
    while !peer.notes().iter().any(|note| note.starts_with("6 <")) {
        thread::sleep(Duration::from_millis(10));
    }
    drop(sixth);
    while !peer.notes().contains(&"6 .".to_owned()) {
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(
        exchange(&mut fifth, &mount("Z", "/z")),
        "STATUS 16 Another mount is in progress"
    );
    while !peer.notes().iter().any(|note| note.starts_with("! MOUNT")) {
        thread::sleep(Duration::from_millis(10));
    }
    fs::remove_dir_all(directory).unwrap();
}
