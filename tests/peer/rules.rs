//! That the peer itself keeps the rules.

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

/// Without `PEER_FOLDER` the peer's own rules are tested; with it, as in a node of a lab, it
/// serves there.
#[test]
fn the_peer_keeps_the_daemons_rules() {
    use std::os::linux::net::SocketAddrExt;
    if let Ok(folder) = std::env::var("PEER_FOLDER") {
        Peer::new("webc", Path::new(&folder)).serve(SOCKET.as_bytes());
    }
    let name = format!("peer-{}", std::process::id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name);
    let peer = Peer::new("webc", &folder);
    peer.start(name.as_bytes());
    let connect = || {
        let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
        UnixStream::connect_addr(&address).unwrap()
    };
    let [mut first, mut second, mut third] = [connect(), connect(), connect()];
    let mount = |service: &str| format!("MOUNT ocfs2 U webc /dev/null {service}");
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
            "STATUS 2 Unable to stat device",
        ),
        ("MRESULT ocfs2 U 0 /a", "STATUS 22 No mount in progress"),
        ("UNMOUNT ocfs2 U /a", "STATUS 2 Unknown filesystem"),
        (&mount("/a b"), "STATUS 0 OK"),
    ] {
        assert_eq!(exchange(&mut first, message), answer, "{message}");
    }
    assert_eq!(
        exchange(&mut second, &mount("/c")),
        "STATUS 16 Mount in progress"
    );
    assert_eq!(
        exchange(&mut first, "MRESULT ocfs2 U 0 /a b"),
        "STATUS 0 OK"
    );
    assert_eq!(
        exchange(&mut second, &mount("/a b")),
        "STATUS 16 Service exists"
    );
    assert_eq!(
        exchange(&mut second, &mount("/c")),
        "STATUS 114 Group joined already"
    );
    assert_eq!(exchange(&mut second, "MRESULT ocfs2 U 5 /c"), "STATUS 0 OK");
    assert_eq!(peer.groups(), ["U /a b"]);
    assert_eq!(exchange(&mut second, "LISTFS ocfs2 webc"), "ITEMCOUNT 1");
    assert_eq!(
        [hear(&mut second), hear(&mut second)],
        ["ITEM U", "STATUS 0 OK"]
    );
    assert_eq!(exchange(&mut third, "UNMOUNT ocfs2 U /a b"), "STATUS 0 OK");
    assert!(peer.groups().is_empty());
    // After its answer, a connection that ends has mounted.
    assert_eq!(exchange(&mut third, &mount("/d")), "STATUS 0 OK");
    drop(third);
    while !peer.notes().contains(&"3 .".to_owned()) {
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(exchange(&mut first, "UNMOUNT ocfs2 U /d"), "STATUS 0 OK");
    fs::remove_dir_all(folder).unwrap();
}
