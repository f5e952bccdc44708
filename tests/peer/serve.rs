//! The daemon's one thread: it hears its clients in turn, and corosync between them (main.c,
//! loop).

mod misbehave;

use super::groups::{Cluster, Failure, Groups, Status};
use super::{LENGTH, Peer, padded};
use rustix::net::SocketFlags;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

/// As much as the daemon remembers (DUMP_SIZE).
const DUMP: usize = 1 << 20;
/// Bytes of it in an item (main.c, DEBUG_BYTES_PER_ITEM).
const ITEM: usize = LENGTH - 6;

struct Client {
    /// For the notes: the daemon knows only the slot.
    number: usize,
    stream: UnixStream,
    heard: Vec<u8>,
    /// What to do in the place of the answer that the rules give.
    order: Option<String>,
}

struct Server<'p> {
    peer: &'p Peer,
    /// A slot is used again as soon as it is free (main.c, connection_add).
    clients: Vec<Option<Client>>,
}

/// Until a bug ends the daemon, and its connections with it.
pub fn serve(peer: &Peer, listener: OwnedFd) {
    rustix::io::ioctl_fionbio(&listener, true).unwrap();
    let mut server = Server {
        peer,
        clients: Vec::new(),
    };
    let mut number = 0;
    loop {
        let busy = server.turn();
        if server.has_ended() {
            return;
        }
        // A client that comes now is heard in the next turn.
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        match rustix::net::accept_with(&listener, flags) {
            Ok(socket) => {
                number += 1;
                server.add(number, UnixStream::from(socket));
            }
            Err(_) if busy => {}
            Err(_) => thread::sleep(Duration::from_millis(4)),
        }
    }
}

impl Server<'_> {
    fn add(&mut self, number: usize, stream: UnixStream) {
        let client = Client {
            number,
            stream,
            heard: Vec::new(),
            order: None,
        };
        let slot = self.clients.iter().position(Option::is_none);
        let slot = slot.unwrap_or_else(|| {
            self.clients.push(None);
            self.clients.len() - 1
        });
        self.clients[slot] = Some(client);
        if let Some(order) = self.peer.ordered("connect") {
            self.misbehave(slot, &order);
        }
    }

    /// Was there anything to do?
    fn turn(&mut self) -> bool {
        let mut busy = false;
        for slot in 0..self.clients.len() {
            busy |= self.hear(slot);
        }
        let answers = {
            let mut groups = self.peer.groups.lock().unwrap();
            if groups.is_due() {
                groups.timing = self.timing();
                groups.proceed();
            }
            std::mem::take(&mut groups.answers)
        };
        for (slot, answer) in answers {
            self.say_status(slot, &answer);
        }
        busy
    }

    fn has_ended(&self) -> bool {
        let broken = self.peer.groups.lock().unwrap().broken.take();
        let Some(why) = broken else {
            return false;
        };
        self.peer.note(format!("! {why}"));
        // The other bug is met later, or not at all.
        why.starts_with("MOUNT")
    }

    fn timing(&self) -> Cluster {
        let words = |command: &str| self.peer.ordered(command).unwrap_or_default();
        let slow = |command: &str| {
            let number = words(command)
                .strip_prefix("slow ")
                .map(|text| text.parse().unwrap());
            Duration::from_millis(number.unwrap_or(0))
        };
        let fails = words("register")
            .strip_prefix("fails ")
            .map(|text| text.parse().unwrap());
        Cluster {
            join: slow("MOUNT"),
            register: slow("register"),
            registered: fails.unwrap_or(0),
            leave: slow("leave"),
            join_held: words("MOUNT") == "held",
            leave_held: words("leave") == "held",
        }
    }

    fn hear(&mut self, slot: usize) -> bool {
        let Some(client) = &mut self.clients[slot] else {
            return false;
        };
        let mut bytes = [0; LENGTH];
        let rest = LENGTH - client.heard.len();
        match client.stream.read(&mut bytes[..rest]) {
            Ok(read @ 1..) => {
                client.heard.extend(&bytes[..read]);
                if client.heard.len() == LENGTH {
                    let message = std::mem::take(&mut client.heard);
                    self.answer(slot, &message);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Ok(0) | Err(_) => {
                self.peer.note(format!("{} .", client.number));
                self.end(slot);
            }
        }
        true
    }

    /// main.c, dead_client.
    fn end(&mut self, slot: usize) {
        self.peer.groups.lock().unwrap().lost(slot);
        self.clients[slot] = None;
    }

    /// main.c, process_client. What is malformed or has no handler (LISTMOUNTS) has no answer.
    fn answer(&mut self, slot: usize, message: &[u8]) {
        let text = message.split(|&byte| byte == 0).next().unwrap().to_vec();
        let client = self.clients[slot].as_mut().unwrap();
        let heard = [format!("{} < ", client.number).as_bytes(), &text].concat();
        self.peer.note(heard);
        let words: Vec<&[u8]> = text.splitn(2, |&byte| byte == b' ').collect();
        let command = String::from_utf8_lossy(words[0]).into_owned();
        let order = self.peer.ordered(&command);
        let kept = ["raw", "then-end", "slow", "held", "full"];
        match order {
            Some(order) if !kept.iter().any(|word| order.starts_with(word)) => {
                return self.misbehave(slot, &order);
            }
            order => client.order = order,
        }
        let count = match &*command {
            "MOUNT" => 6,
            "MRESULT" => 5,
            "UNMOUNT" => 4,
            "LISTFS" => 3,
            _ => 1,
        };
        let words: Vec<&[u8]> = text.splitn(count, |&byte| byte == b' ').collect();
        let mut groups = self.peer.groups.lock().unwrap();
        groups.timing = self.timing();
        let status = match (&*command, &words[1..]) {
            ("MOUNT", [kind, uuid, cluster, device, service]) => {
                let checked = groups.check(kind, Some(cluster));
                later(checked, || groups.mount(slot, uuid, device, service))
            }
            ("MRESULT", [kind, uuid, errno, service]) => {
                let checked = groups.check(kind, None);
                later(checked, || groups.result(slot, uuid, errno, service))
            }
            ("UNMOUNT", [kind, uuid, service]) => {
                let checked = groups.check(kind, None);
                later(checked, || groups.unmount(slot, uuid, service))
            }
            ("LISTFS", [kind, cluster]) => {
                let uuids = groups.uuids(kind, cluster);
                drop(groups);
                return match uuids {
                    Ok(uuids) => self.list(slot, &uuids),
                    Err(failure) => self.say_status(slot, &Err(failure)),
                };
            }
            ("LISTCLUSTERS", []) => {
                let cluster = groups.cluster();
                drop(groups);
                return self.list(slot, &[cluster]);
            }
            ("DUMP", []) => {
                let items = dump(&groups, self.clients[slot].as_ref().unwrap());
                drop(groups);
                return self.list(slot, &items);
            }
            _ => None,
        };
        drop(groups);
        if let Some(answer) = status {
            self.say_status(slot, &answer);
        }
    }

    fn say_status(&mut self, slot: usize, answer: &Result<(), Failure>) {
        let text = match answer {
            Ok(()) => b"STATUS 0 OK".to_vec(),
            Err((errno, text)) => [format!("STATUS {errno} ").as_bytes(), text].concat(),
        };
        self.say(slot, &text);
    }

    fn list(&mut self, slot: usize, items: &[Vec<u8>]) {
        self.say(slot, format!("ITEMCOUNT {}", items.len()).as_bytes());
        for item in items {
            self.say(slot, &[b"ITEM ", &item[..]].concat());
        }
        self.say_status(slot, &Ok(()));
    }

    /// A message that the rules give, unless an order for it says otherwise.
    fn say(&mut self, slot: usize, text: &[u8]) {
        let Some(client) = &mut self.clients[slot] else {
            return;
        };
        let order = client.order.clone().unwrap_or_default();
        match order.split_once(' ') {
            Some(("raw", _)) => return self.misbehave(slot, &order),
            // A join is slow by itself.
            Some(("slow", time)) if self.peer.ordered("MOUNT").as_ref() != Some(&order) => {
                thread::sleep(Duration::from_millis(time.parse().unwrap()));
            }
            _ => {}
        }
        self.write(slot, &padded(text), text);
        if order == "then-end" {
            self.end(slot);
        }
    }

    /// Waits for a client that does not read, as the daemon does.
    fn write(&mut self, slot: usize, bytes: &[u8], note: &[u8]) {
        let Some(client) = &mut self.clients[slot] else {
            return;
        };
        let said = [format!("{} > ", client.number).as_bytes(), note].concat();
        self.peer.note(said);
        let _ = client.stream.set_nonblocking(false);
        let _ = client.stream.write_all(bytes);
        let _ = client.stream.set_nonblocking(true);
    }
}

fn later(checked: Result<(), Failure>, act: impl FnOnce() -> Status) -> Status {
    match checked {
        Ok(()) => act(),
        Err(failure) => Some(Err(failure)),
    }
}

/// The services, which the daemon's own log has among much else; by order, as much as it can be:
/// a ring in two parts (main.c, dump_debug), cut inside characters.
fn dump(groups: &Groups, client: &Client) -> Vec<Vec<u8>> {
    let mut text = groups.describe().join(&b'\n');
    text.push(b'\n');
    let mut items = Vec::new();
    if client.order.as_deref() == Some("full") {
        let log = "Überlang é\n".repeat(DUMP / 10);
        let log = &log.as_bytes()[..DUMP - text.len() - 100];
        let (older, newer) = log.split_at(log.len() / 3);
        items.extend(older.chunks(ITEM).map(<[u8]>::to_vec));
        text = [b"\n", newer, b"\n", &text[..]].concat();
    }
    items.extend(text.chunks(ITEM).map(<[u8]>::to_vec));
    items
}
