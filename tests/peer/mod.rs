//! A peer for the tests of stacks with a control daemon: it keeps the rules that ocfs2_controld
//! does for one node, writes down all that it hears and says, and misbehaves on demand.
//!
//! It runs in a thread of a test, or in a node of a lab as a process of its own. Orders and
//! notes are files, so that both can be watched and told the same way.
//!
//! An order in `FOLDER/orders` is a line of a command and what to do instead of what the rules
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
//! | `MOUNT slow N` | what the rules say, after N ms |

// Every test program uses another part of it.
#![allow(dead_code)]

mod groups;
mod rules;

use groups::Groups;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// As the tools look for it.
pub const SOCKET: &str = "ocfs2_controld_sock";
const LENGTH: usize = 256;

/// A daemon that runs, or will.
#[derive(Clone)]
pub struct Peer {
    folder: PathBuf,
    groups: Arc<Mutex<Groups>>,
    /// Nothing is noted between the reading and the removal of the notes.
    noting: Arc<Mutex<()>>,
}

impl Peer {
    /// One whose orders and notes are in `folder`.
    pub fn new(cluster: &str, folder: &Path) -> Peer {
        fs::create_dir_all(folder).unwrap();
        Peer {
            folder: folder.to_owned(),
            groups: Arc::new(Mutex::new(Groups::new(cluster))),
            noting: Arc::default(),
        }
    }

    /// Serves the abstract socket `name` in a thread, from when this returns.
    pub fn start(&self, name: &[u8]) {
        let listener = listen(name, 16);
        let peer = self.clone();
        thread::spawn(move || peer.accept(&listener));
    }

    /// Serves for ever.
    pub fn serve(&self, name: &[u8]) -> ! {
        self.accept(&listen(name, 16))
    }

    /// From now on, instead of what was ordered before.
    pub fn order(&self, orders: &str) {
        fs::write(self.folder.join("orders"), orders).unwrap();
    }

    /// The notes since the last time: `1 < text` is heard on connection 1, `1 > text` said on
    /// it, `1 .` its end from the other side.
    pub fn notes(&self) -> Vec<String> {
        let _alone = self.noting.lock().unwrap();
        let notes = self.folder.join("notes");
        let text = fs::read_to_string(&notes).unwrap_or_default();
        let _ = fs::remove_file(notes);
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
        self.groups.lock().unwrap().describe()
    }

    fn note(&self, line: &str) {
        let _alone = self.noting.lock().unwrap();
        let path = self.folder.join("notes");
        // At the end of a test there is no folder any more.
        if let Ok(mut file) = File::options().append(true).create(true).open(path) {
            file.write_all(format!("{line}\n").as_bytes()).unwrap();
        }
    }

    fn ordered(&self, command: &str) -> Option<String> {
        let orders = fs::read_to_string(self.folder.join("orders")).unwrap_or_default();
        let mut lines = orders.lines();
        lines.find_map(|line| Some(line.strip_prefix(command)?.strip_prefix(' ')?.to_owned()))
    }

    fn accept(&self, listener: &OwnedFd) -> ! {
        for number in 1.. {
            let stream = UnixStream::from(rustix::net::accept(listener).expect("a connection"));
            let peer = self.clone();
            thread::spawn(move || peer.talk(number, stream));
        }
        unreachable!("connections do not run out")
    }

    fn talk(&self, number: usize, mut stream: UnixStream) {
        if let Some(order) = self.ordered("connect") {
            let _ = self.misbehave(number, &mut stream, &order, Vec::new());
        }
        loop {
            let mut message = [0; LENGTH];
            if stream.read_exact(&mut message).is_err() {
                self.note(&format!("{number} ."));
                self.groups.lock().unwrap().lost(number);
                return;
            }
            let text = message.split(|&byte| byte == 0).next().unwrap();
            let text = String::from_utf8_lossy(text).into_owned();
            self.note(&format!("{number} < {text}"));
            let command = text.split(' ').next().unwrap();
            let order = self.ordered(command);
            let kept = ["raw", "then-end", "slow"];
            let broken = |order: &&String| !kept.iter().any(|word| order.starts_with(word));
            if let Some(order) = order.as_ref().filter(broken) {
                if !self.misbehave(number, &mut stream, order, Vec::new()) {
                    return;
                }
                continue;
            }
            let answers = self.groups.lock().unwrap().answer(number, &text);
            let goes_on = match order {
                Some(order) => self.misbehave(number, &mut stream, &order, answers),
                None => {
                    answers
                        .iter()
                        .for_each(|answer| self.say(number, &mut stream, answer));
                    true
                }
            };
            if !goes_on {
                self.groups.lock().unwrap().lost(number);
                return;
            }
        }
    }

    /// `false`: the connection ends.
    fn misbehave(
        &self,
        number: usize,
        stream: &mut UnixStream,
        order: &str,
        answers: Vec<String>,
    ) -> bool {
        let (word, rest) = order.split_once(' ').unwrap_or((order, ""));
        let half = &[b'S'; LENGTH / 2];
        match word {
            "silence" => {}
            "end" => return false,
            "half" | "stall" => {
                self.note(&format!("{number} > half"));
                let _ = stream.write_all(half);
                return word == "stall";
            }
            "drip" => {
                self.note(&format!("{number} > drip"));
                // Until nobody listens any more.
                while stream.write_all(b"S").is_ok() {
                    thread::sleep(Duration::from_millis(100));
                }
                return false;
            }
            "say" => {
                // In one piece, so that all is there when the first is read.
                let texts = rest.split('|').map(|text| padded(text).to_vec());
                let _ = stream.write_all(&texts.collect::<Vec<_>>().concat());
                self.note(&format!("{number} > {rest}"));
            }
            "raw" => {
                let _ = stream.write_all(&[rest.parse().expect("a byte"); LENGTH]);
                self.note(&format!("{number} > raw"));
            }
            "slow" => {
                thread::sleep(Duration::from_millis(rest.parse().expect("milliseconds")));
                answers
                    .iter()
                    .for_each(|answer| self.say(number, stream, answer));
            }
            "then-end" => {
                answers
                    .iter()
                    .for_each(|answer| self.say(number, stream, answer));
                return false;
            }
            _ => panic!("no such order: {order}"),
        }
        true
    }

    fn say(&self, number: usize, stream: &mut UnixStream, text: &str) {
        self.note(&format!("{number} > {text}"));
        let _ = stream.write_all(&padded(text));
    }
}

fn padded(text: &str) -> [u8; LENGTH] {
    let mut message = [0; LENGTH];
    message[..text.len()].copy_from_slice(text.as_bytes());
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
