//! A peer for the tests of stacks with a control daemon: it does for one node what ocfs2_controld
//! does, writes down all that it hears and says, and misbehaves on demand.
//!
//! It runs in a thread of a test, or in a node of a lab as a process of its own. Orders and
//! notes are files, so that both are watched and ordered the same way.
//!
//! An order in `DIRECTORY/orders` is a line of a command and what to do instead of what the rules
//! say, each time:
//!
//! | order | what comes |
//! |---|---|
//! | `MOUNT silence` | nothing |
//! | `MOUNT end` | the connection ends |
//! | `MOUNT half` | half an answer, and the end |
//! | `MOUNT stall` | half an answer, and nothing |
//! | `MOUNT drip` | a byte now and then |
//! | `MOUNT say TEXT` | the message TEXT; several with `\|` between them |
//! | `MOUNT raw N` | 256 bytes of the value N, though the rules are kept |
//! | `MOUNT then-end` | what the rules say, and the end |
//! | `UNMOUNT slow N` | what the rules say, after N ms in which the daemon does nothing else |
//! | `DUMP full` | as much as the daemon remembers, 1 MiB |
//!
//! and these say how the cluster is:
//!
//! | order | what is so |
//! |---|---|
//! | `MOUNT slow N` | corosync takes N ms to join a group |
//! | `leave slow N` | and N ms to leave it |
//! | `MOUNT held`, `leave held` | neither happens until the order changes |
//! | `register slow N` | dlm_controld takes N ms to register a filesystem |
//! | `register fails N` | and refuses with errno N |

// Every test program uses another part of it.
#![allow(dead_code)]

mod groups;
mod rules;
mod serve;

use groups::Groups;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// As the tools look for it.
pub const SOCKET: &str = "ocfs2_controld_sock";
const LENGTH: usize = 256;
/// libo2cb/client_proto.c, client_listen.
const QUEUE: i32 = 5;

/// A daemon that runs, or will.
#[derive(Clone)]
pub struct Peer {
    directory: PathBuf,
    groups: Arc<Mutex<Groups>>,
    /// Nothing is noted between the reading and the removal of the notes.
    noting: Arc<Mutex<()>>,
}

impl Peer {
    /// One whose orders and notes are in `directory`.
    pub fn new(cluster: &str, directory: &Path) -> Peer {
        fs::create_dir_all(directory).unwrap();
        Peer {
            directory: directory.to_owned(),
            groups: Arc::new(Mutex::new(Groups::new(cluster))),
            noting: Arc::default(),
        }
    }

    /// Serves the abstract socket `name` in a thread, from when this returns.
    pub fn start(&self, name: &[u8]) {
        let listener = listen(name, QUEUE);
        let peer = self.clone();
        thread::spawn(move || serve::serve(&peer, listener));
    }

    /// Serves until it breaks.
    pub fn serve(&self, name: &[u8]) {
        serve::serve(self, listen(name, QUEUE));
    }

    /// From now on, instead of what was ordered before.
    pub fn order(&self, orders: &str) {
        fs::write(self.directory.join("orders"), orders).unwrap();
    }

    /// The notes since the last time: `1 < text` is heard on connection 1, `1 > text` said on
    /// it, `1 .` its end from the other side, `! text` a bug of the daemon that was set off.
    pub fn notes(&self) -> Vec<String> {
        let _alone = self.noting.lock().unwrap();
        let notes = self.directory.join("notes");
        let text = fs::read(&notes).unwrap_or_default();
        let _ = fs::remove_file(notes);
        let text = String::from_utf8_lossy(&text);
        text.lines().map(str::to_owned).collect()
    }

    /// The texts heard since the last time that the notes were asked for. The end of an earlier
    /// connection may be noted at any time.
    pub fn heard(&self) -> Vec<String> {
        let notes = self.notes().into_iter();
        notes.filter(|note| note.contains(" < ")).collect()
    }

    /// What the node has joined: `UUID service,service`.
    pub fn groups(&self) -> Vec<String> {
        let lines = self.groups.lock().unwrap().describe();
        let text = |line: &Vec<u8>| String::from_utf8_lossy(line).into_owned();
        lines.iter().map(text).collect()
    }

    fn note(&self, line: impl AsRef<[u8]>) {
        let _alone = self.noting.lock().unwrap();
        let path = self.directory.join("notes");
        // At the end of a test there is no directory any more.
        if let Ok(mut file) = File::options().append(true).create(true).open(path) {
            file.write_all(&[line.as_ref(), b"\n"].concat()).unwrap();
        }
    }

    fn ordered(&self, command: &str) -> Option<String> {
        let orders = fs::read_to_string(self.directory.join("orders")).unwrap_or_default();
        let mut lines = orders.lines();
        lines.find_map(|line| Some(line.strip_prefix(command)?.strip_prefix(' ')?.to_owned()))
    }

    /// dlm_controld has `uuid` of an earlier ocfs2_controld.
    pub fn register(&self, uuid: &str) {
        self.groups.lock().unwrap().register(uuid);
    }
}

fn padded(text: impl AsRef<[u8]>) -> [u8; LENGTH] {
    let mut message = [0; LENGTH];
    message[..text.as_ref().len()].copy_from_slice(text.as_ref());
    message
}

/// An abstract socket that listens, for `queue` connections and one.
pub fn listen(name: &[u8], queue: i32) -> OwnedFd {
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None);
    let socket = socket.unwrap();
    let address = SocketAddrUnix::new_abstract_name(name).unwrap();
    // A child of another test may have inherited one of this name.
    while rustix::net::bind(&socket, &address) == Err(rustix::io::Errno::ADDRINUSE) {
        thread::sleep(Duration::from_millis(50));
    }
    rustix::net::listen(&socket, queue).unwrap();
    socket
}
