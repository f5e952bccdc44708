//! Whether the node is online, where the daemon knows.

use super::world;
use crate::world::{Era, World, says};

#[test]
fn online_is_what_the_daemon_says() {
    let (world, peer, _) = world();
    let code = |args: &[&str]| world.run("o2cb", args).err().map_or(0, |end| end.code());
    assert_eq!(code(&["online-status"]), 1, "the stack is not set");
    world.mount("/mnt");
    assert_eq!(code(&["online-status"]), 0);
    assert_eq!(code(&["online-status", "hacl"]), 0);
    assert_eq!(code(&["online-status", "webc"]), 1);
    assert_eq!(code(&["status"]), 0);
    peer.order("LISTCLUSTERS silence");
    let (code, said) = world.refused("o2cb", &["online-status"]);
    assert_eq!(code, 2);
    says(&said, "ocfs2_controld has not answered");
    assert_eq!(world.refused("o2cb", &["status"]).0, 4);
    peer.order("");
    world.umount("/mnt");
}

#[test]
fn without_a_daemon_a_stack_of_user_space_is_offline() {
    let world = World::bare(Era::Now);
    world.kernel().bring("ocfs2");
    world.write("/sys/fs/ocfs2/cluster_stack", "cman\n");
    for (verb, code) in [("online-status", 1), ("status", 3)] {
        assert_eq!(world.refused("o2cb", &[verb]).0, code);
    }
}
