//! What a worker does: one tool, or one thing of its own.

use super::Action::{self, *};
use super::Worker;
use crate::expected::{self, Kind};
use crate::processes;
use crate::state::{Shared, locked};
use crate::tool::{self, KILLED, Kill};
use std::fs::File;
use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Longer than a first mount.
const LATEST_KILL: Duration = Duration::from_secs(16);

/// What came of a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    Refused,
    Killed,
}

impl Worker<'_> {
    pub(super) fn act(&mut self, volume: usize, action: Action) {
        let node = self.node;
        let device = node.volumes[volume].volume.device.as_str();
        let mounted = self.mounted(volume);
        let places = self.places(volume);
        let free = places.iter().find(|place| !mounted.contains(place));
        let one = (!mounted.is_empty()).then(|| self.chance.below(mounted.len()));
        let one = one.map(|index| mounted[index].clone()).unwrap_or_default();
        let free = free.cloned().unwrap_or_default();
        let (kind, line) = match action {
            Mount if self.chance.one_in(2) => {
                (Kind::Mount, format!("mount -t ocfs2 {device} {free}"))
            }
            Mount => (Kind::Mount, format!("mount.ocfs2 {device} {free}")),
            Bind => (Kind::Bind, format!("mount --bind {one} {free}")),
            Move => (Kind::Bind, format!("mount --move {one} {free}")),
            Unmount if self.chance.one_in(2) => (Kind::Unmount, format!("umount {one}")),
            Unmount => (Kind::Unmount, format!("umount.ocfs2 {one}")),
            UnmountLazily => (Kind::Unmount, format!("umount -l {one}")),
            Start => (Kind::Start, self.hb_ctl("-S", volume)),
            Stop => (Kind::Stop, self.hb_ctl("-K", volume)),
            Exec => (Kind::Exec, format!("o2cb exec -d {device} -- sleep 0.2")),
            ExecAlone => (
                Kind::ExecAlone,
                format!("o2cb exec -x -d {device} -- sleep 0.2"),
            ),
            Online => (Kind::Online, "o2cb online".to_owned()),
            Offline => (Kind::Offline, "o2cb offline".to_owned()),
            Look if self.chance.one_in(2) => (Kind::Look, format!("ocfs2_hb_ctl -I -d {device}")),
            Look => (Kind::Look, "ocfs2_hb_ctl -I --long".to_owned()),
            Share => return self.share(volume, &one),
            UnmountOpen => return self.unmount_open(volume, &one),
            KillWaiter => return self.kill_waiter(),
            Audit => return self.audit(volume),
            Rest => return std::thread::sleep(self.chance.moment(Duration::from_secs(4))),
        };
        self.run_tool(volume, kind, &line);
    }

    pub(super) fn run_tool(&mut self, volume: usize, kind: Kind, line: &str) {
        let node = self.node;
        let kill = (self.kills && self.chance.one_in(4)).then(|| Kill {
            after: self.chance.moment(LATEST_KILL),
            group: self.chance.one_in(2),
        });
        // What concerns the node concerns each volume.
        let concerned: Vec<&Shared> = match kind {
            Kind::Online | Kind::Offline | Kind::Look => node.volumes.iter().collect(),
            _ => vec![&node.volumes[volume]],
        };
        let running = concerned.iter().map(|shared| shared.tools.read());
        let _running: Vec<_> = running.collect();
        let dying = std::cell::Cell::new(false);
        let end = tool::run(node, self.number, line, kill, &|| {
            dying.set(true);
            for shared in &concerned {
                let mut doubt = shared.doubt();
                doubt.dying += 1;
                doubt.any = true;
                doubt.mount |= kind == Kind::Mount;
                doubt.cluster |= matches!(kind, Kind::Online | Kind::Offline);
            }
        });
        let doubt = *node.volumes[volume].doubt();
        let outcome = match end.code {
            0 if end.said.is_empty() => Outcome::Done,
            KILLED if dying.get() => {
                while kind == Kind::Unmount && processes::is_unmounting() {
                    std::thread::sleep(Duration::from_millis(100));
                }
                Outcome::Killed
            }
            _ => match expected::reason(kind, &end, &doubt) {
                Some(why) => {
                    node.count(&format!("refused: {why}"));
                    Outcome::Refused
                }
                None => self.fail(&format!("{line}: {} {}", end.code, end.said)),
            },
        };
        node.count(&format!("{kind:?} {outcome:?}"));
        self.count_references(volume, kind, outcome);
        if dying.get() {
            for shared in &concerned {
                shared.doubt().dying -= 1;
            }
        }
    }

    /// Writes a file for the other node, and reads the other's.
    fn share(&mut self, volume: usize, place: &str) {
        let node = self.node;
        let mut files = locked(&node.volumes[volume].files);
        let what = format!("share on {place}");
        locked(&node.busy).insert(self.number, (Instant::now(), what.clone()));
        let written = files.write(place, &node.name);
        written.unwrap_or_else(|error| self.fail(&format!("{what}: writing: {error}")));
        let before = files.seen;
        let read = files.read(place, &node.peer);
        read.unwrap_or_else(|error| self.fail(&format!("{what}: reading: {error}")));
        locked(&node.busy).remove(&self.number);
        self.log(&format!(
            "{what}: wrote {}, read {}",
            files.written, files.seen
        ));
        if files.seen > before {
            node.count("read anew what the other node wrote");
        }
    }

    /// The superblock outlives its mounts until the file is closed, and can be written to.
    fn unmount_open(&mut self, volume: usize, place: &str) {
        let path = format!("{place}/open-{}-{}", self.node.name, self.number);
        let mut open = File::create(&path);
        let mut write = || {
            let file = open.as_mut().map_err(|error| error.to_string())?;
            let written = file.write_all(b"open\n").and_then(|()| file.sync_all());
            written.map_err(|error| error.to_string())
        };
        let mut written = write();
        self.run_tool(volume, Kind::Unmount, &format!("umount -l {place}"));
        for _ in 0..self.chance.below(4) {
            std::thread::sleep(self.chance.moment(Duration::from_secs(2)));
            written = written.and_then(|()| write());
        }
        if let Err(error) = written {
            self.fail(&format!("writing {path}: {error}"));
        }
        let begun = Instant::now();
        self.log(&format!("> closes {path}"));
        locked(&self.node.busy).insert(self.number, (begun, format!("closing {path}")));
        tool::close(open);
        locked(&self.node.busy).remove(&self.number);
        self.log(&format!(
            "< closed {path} after {:.3} s",
            begun.elapsed().as_secs_f64()
        ));
    }

    fn count_references(&mut self, volume: usize, kind: Kind, outcome: Outcome) {
        let shared = &self.node.volumes[volume];
        match (kind, outcome) {
            (Kind::Start, Outcome::Done) => {
                self.references[volume] += 1;
                shared.held.fetch_add(1, Ordering::Relaxed);
            }
            (Kind::Stop, Outcome::Done | Outcome::Killed) => {
                self.references[volume] -= 1;
                shared.held.fetch_sub(1, Ordering::Relaxed);
            }
            _ => {}
        }
        if outcome == Outcome::Killed && matches!(kind, Kind::Start | Kind::Stop) {
            shared.doubt().references += 1;
        }
    }

    /// While no tool runs the references are counted, and those of killed programs given back.
    fn audit(&mut self, volume: usize) {
        let shared = &self.node.volumes[volume];
        let _alone = shared.tools.write();
        let leaked = shared.leaked();
        let leaked = leaked.unwrap_or_else(|error| self.fail(&error));
        self.log(&format!(
            "audit of {}: {leaked} leaked",
            shared.volume.device
        ));
        let line = self.hb_ctl("-K", volume);
        for _ in 0..leaked {
            let end = tool::run(self.node, self.number, &line, None, &|| ());
            if end.code == 0 && end.said.is_empty() {
                shared.doubt().references -= 1;
            } else if expected::reason(Kind::Stop, &end, &shared.doubt().clone()).is_none() {
                self.fail(&format!("audit: {} {}", end.code, end.said));
            }
        }
        if shared.leaked() == Ok(0) {
            shared.doubt().references = 0;
        }
    }

    fn hb_ctl(&self, action: &str, volume: usize) -> String {
        let device = &self.node.volumes[volume].volume.device;
        format!("ocfs2_hb_ctl {action} -d {device} w{}", self.number)
    }

    /// Ends a process that waits for a superblock's end, which the next call makes up for. An unmount
    /// whose tool was killed holds the signal back.
    fn kill_waiter(&mut self) {
        if !self.kills || !self.chance.one_in(2) {
            return;
        }
        for process in processes::orphans("umount.ocfs2") {
            for shared in &self.node.volumes {
                shared.doubt().any = true;
            }
            self.log(&format!("ends the waiting process {process}"));
            self.node.count("Waiter Ended");
            if let Some(pid) = rustix::process::Pid::from_raw(process) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            }
        }
    }
}
