//! What the daemon knows, and its answers, bugs included (ocfs2-tools 1.8, ocfs2_controld;
//! the numbers are lines of its mount.c where no other file is named).

mod requests;

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// An error's errno and its text, which is cut (`mg_error_msg[128]`, 62).
pub type Failure = (i32, Vec<u8>);

/// What `complete_mount`, `start_mount` and so on answer at once; none: later.
pub type Status = Option<Result<(), Failure>>;

/// How long the cluster takes, and what dlm_controld says.
#[derive(Clone, Default)]
pub struct Cluster {
    pub join: Duration,
    pub register: Duration,
    /// An errno, as 95 without --enable_fscontrol=1.
    pub registered: i32,
    pub leave: Duration,
    /// Nothing is joined, or left, for as long as this is so.
    pub join_held: bool,
    pub leave_held: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Joined,
    Registered,
    Left,
}

/// The service of a mount, from MOUNT to its result, or the last one until the group is left.
struct InProgress {
    service: Vec<u8>,
    /// `ocfs2` once more (314, `ms_additional`).
    additional: bool,
}

/// A `struct mountgroup` (41-63).
struct Group {
    uuid: Vec<u8>,
    device: Vec<u8>,
    services: Vec<Vec<u8>>,
    in_progress: Option<InProgress>,
    /// `mg_mount_ci`: the client's slot, which a later client may have (main.c, connection_add).
    client: Option<usize>,
    /// Set by an answer and never cleared (177, 651).
    notified: bool,
    error: Option<Failure>,
    joined: bool,
    registered: bool,
    next: Option<(Instant, Step)>,
}

/// The groups of the node, the newest first (`list_add` in create_mg).
pub struct Groups {
    cluster: Vec<u8>,
    pub timing: Cluster,
    known: Vec<Group>,
    /// What dlm_controld has registered or is about to, which outlives the daemon's interest
    /// (dlmcontrol.c: only a mountgroup that is registered is unregistered).
    registrations: Vec<Vec<u8>>,
    /// Later answers, by slot.
    pub answers: Vec<(usize, Result<(), Failure>)>,
    /// Which memory the daemon has used after it was freed.
    pub broken: Option<&'static str>,
}

/// `fill_error`: no error replaces an earlier one (73), and 127 bytes are kept.
fn fill(error: &mut Option<Failure>, errno: i32, parts: &[&[u8]]) {
    error.get_or_insert_with(|| failure(errno, parts));
}

fn failure(errno: i32, parts: &[&[u8]]) -> Failure {
    let mut text = parts.concat();
    text.truncate(127);
    (errno, text)
}

fn meaning(errno: i32) -> Vec<u8> {
    let text = io::Error::from_raw_os_error(errno).to_string();
    text.split(" (os error").next().unwrap().into()
}

fn device_number(device: &[u8]) -> Result<u64, Failure> {
    let found = fs::metadata(Path::new(std::ffi::OsStr::from_bytes(device)));
    found.map(|found| found.rdev()).map_err(|error| {
        let errno = error.raw_os_error().unwrap();
        let why = meaning(errno);
        failure(errno, &[b"Failed to stat device \"", device, b"\": ", &why])
    })
}

impl Groups {
    pub fn new(cluster: &str) -> Groups {
        Groups {
            cluster: cluster.into(),
            timing: Cluster::default(),
            known: Vec::new(),
            registrations: Vec::new(),
            answers: Vec::new(),
            broken: None,
        }
    }

    pub fn describe(&self) -> Vec<Vec<u8>> {
        let known = self.known.iter();
        let line = |group: &Group| [&group.uuid[..], b" ", &group.services.join(&b',')].concat();
        known.map(line).collect()
    }

    pub fn cluster(&self) -> Vec<u8> {
        self.cluster.clone()
    }

    /// Also those that are being joined or left (send_mountgroups).
    pub fn uuids(&self, kind: &[u8], cluster: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
        self.check(kind, Some(cluster))?;
        Ok(self.known.iter().map(|group| group.uuid.clone()).collect())
    }

    /// main.c, do_mount and others.
    pub fn check(&self, kind: &[u8], cluster: Option<&[u8]>) -> Result<(), Failure> {
        if kind != b"ocfs2" {
            return Err(failure(libc::EINVAL, &[b"Invalid filesystem type"]));
        }
        match cluster {
            Some(cluster) if cluster != self.cluster => {
                Err(failure(libc::EINVAL, &[b"Invalid cluster name"]))
            }
            _ => Ok(()),
        }
    }

    fn at(&self, uuid: &[u8]) -> Option<usize> {
        self.known.iter().position(|group| group.uuid == uuid)
    }

    /// The newest group that has the slot, also by an earlier client of that slot
    /// (find_mg_by_client).
    fn of_client(&mut self, slot: usize) -> Option<usize> {
        let has = |group: &Group| group.client == Some(slot);
        self.known.iter().position(has)
    }

    /// remove_service: with the last one the group is left, which takes its time.
    fn remove(&mut self, at: usize, service: &[u8]) {
        let group = &mut self.known[at];
        group.services.retain(|known| known != service);
        if !group.services.is_empty() {
            return;
        }
        group.in_progress = Some(InProgress {
            service: service.into(),
            additional: false,
        });
        if group.registered {
            group.registered = false;
            self.registrations.retain(|name| *name != group.uuid);
        }
        // Otherwise it is left as soon as it is joined (mg_leave_on_join).
        if group.joined {
            if group.next.is_some_and(|(_, step)| step == Step::Registered) {
                self.broken = Some("given up while dlm_controld registered it");
                self.registrations.push(group.uuid.clone());
            }
            group.next = Some((Instant::now() + self.timing.leave, Step::Left));
        }
    }

    fn due(&self) -> Option<usize> {
        let held = |step| match step {
            Step::Joined => self.timing.join_held,
            Step::Registered => false,
            Step::Left => self.timing.leave_held,
        };
        let is_due = |(when, step)| when <= Instant::now() && !held(step);
        let due = |group: &Group| group.next.is_some_and(is_due);
        self.known.iter().position(due)
    }

    pub fn is_due(&self) -> bool {
        self.due().is_some()
    }

    /// What corosync and dlm_controld have done meanwhile.
    pub fn proceed(&mut self) {
        while let Some(at) = self.due() {
            let (_, step) = self.known[at].next.take().unwrap();
            match step {
                Step::Joined => self.joined(at),
                Step::Registered => self.register_result(at),
                Step::Left => {
                    let mut group = self.known.remove(at);
                    notify(&mut group, &mut self.answers);
                }
            }
        }
    }

    /// finish_join (386-438).
    fn joined(&mut self, at: usize) {
        let group = &mut self.known[at];
        let now = Instant::now();
        if group.services.is_empty() {
            group.next = Some((now + self.timing.leave, Step::Left));
            return;
        }
        group.joined = true;
        group.next = Some((now + self.timing.register, Step::Registered));
    }

    /// register_result (353-384).
    fn register_result(&mut self, at: usize) {
        let group = &mut self.known[at];
        let errno = match self.registrations.contains(&group.uuid) {
            true => libc::EALREADY,
            false => self.timing.registered,
        };
        if errno == 0 {
            self.registrations.push(group.uuid.clone());
            group.registered = true;
            notify(group, &mut self.answers);
            return;
        }
        let why = meaning(errno);
        let parts: [&[u8]; 4] = [
            b"Error registering mg ",
            &group.uuid,
            b" with dlm_controld: ",
            &why,
        ];
        fill(&mut group.error, errno, &parts);
        if let Some(now) = &group.in_progress {
            let service = now.service.clone();
            self.remove(at, &service);
        }
    }

    /// dlm_controld has a registration of an earlier daemon, or one that was given up.
    pub fn register(&mut self, uuid: &str) {
        self.registrations.push(uuid.into());
    }
}

/// notify_mount_client (151-184).
fn notify(group: &mut Group, answers: &mut Vec<(usize, Result<(), Failure>)>) {
    let error = group.error.take();
    if let Some(slot) = group.client {
        answers.push((slot, error.map_or(Ok(()), Err)));
        group.notified = true;
    }
}
