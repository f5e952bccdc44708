//! Joining: registers a service, and reports the result to the daemon.

use super::leave::Answer;
use super::ledger::{Entry, Ledger};
use super::wire::{Daemon, Message, Refused};
use super::{DaemonUsers, THEIRS, clusters, name_of};
use crate::cluster::stack;
use crate::group::cluster_stack::Joined;
use crate::heartbeat::{Completion, POLL_INTERVAL, Unprotected, Wait, Watch};
use crate::ids::Service;
use crate::syscall::signal::Interrupted;
use eyre::{Report, Result, WrapErr, bail};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::time::Instant;

/// What an interrupt by the user means while the daemon joins.
const GIVEN_UP: &str = "ocfs2_controld has not joined the volume's group yet, and rolls that back by \
                        itself; the next mount waits for it";
/// What it means that the daemon did not receive the result of a mount.
const UNTOLD: &str = "ocfs2_controld may not have heard of it, takes it for mounted then, and keeps \
                      the group until the unmount";
const NO_GROUP: Unprotected = Unprotected(
    "ocfs2_controld has no group for it, so that no other node would recover this one's journal \
     (see the daemon's log, then mount the volume again)",
);

impl DaemonUsers<'_> {
    pub(super) fn register(
        &self,
        service: &Service,
        watch: &mut Watch,
    ) -> Result<Registration<'_>> {
        let (Some(device), Some((stack, cluster))) = (&self.device, &self.cluster) else {
            bail!("a cluster needs a block device (for an image: a loop device)");
        };
        let name = name_of(service);
        // All messages are made before the first is sent.
        let path = device.path.as_os_str().as_bytes();
        let words = [cluster.as_str().as_bytes(), path, name.as_bytes()];
        let mount = self.message(b"MOUNT", &words)?;
        self.result(&name, i32::MAX)?;
        let mut ledger = Ledger::lock(self.system, self.uuid, watch)?;
        let lives = self.lives(&ledger)?;
        if let Some(other) = ledger.device()
            && lives
            && other.number != device.number
        {
            bail!(
                "the volume {} is mounted from {}, which is another device (a copy of the \
                 volume, or one path of several to it)",
                self.uuid,
                other.path.display()
            );
        }
        self.settle(&mut ledger, lives, cluster.as_str(), watch)?;
        let of_mount = matches!(service, Service::Mount(_));
        let mut registration = Registration {
            controld: self,
            open: None,
            ledger,
        };
        let ledger = &mut registration.ledger;
        let mut ours = ledger.entries().iter();
        if of_mount && ours.any(|known| known.taken && known.service == name) {
            // The service of another mount here, which was moved or has left its service behind.
            return Ok(registration);
        }
        // A daemon that does not run leaves nothing in doubt.
        let mut daemon = self.connect(watch)?;
        let mut entry = ledger.ask(Some(device), &name)?;
        let mut asked = daemon.ask_patiently(&mount, watch);
        // The service of a mount whose ledger was lost, and whose superblock is gone.
        let stale = of_mount && !lives && matches!(&asked, Ok(Err(known)) if known.is_mounted());
        if stale && self.leave_one(ledger, &name, watch)? == Answer::Done {
            entry = ledger.ask(Some(device), &name)?;
            asked = daemon.ask_patiently(&mount, watch);
        }
        let further = match asked {
            Ok(Ok(())) => false,
            Ok(Err(refused)) if refused.goes_ahead() => true,
            Ok(Err(refused)) => {
                drop(daemon);
                match refused.may_be_stale() {
                    true => self.take_back(ledger, &entry),
                    false => ledger.forget(&entry),
                }
                return Err(self.explained(refused, watch));
            }
            Err(report) if report.is::<Interrupted>() => return Err(report.wrap_err(GIVEN_UP)),
            Err(report) => {
                drop(daemon);
                self.take_back(ledger, &entry);
                return Err(report);
            }
        };
        registration.open = Some(OpenMount {
            daemon,
            entry: entry.clone(),
            further,
        });
        if of_mount {
            registration.ledger.take(&entry)?;
        }
        stack::set(self.system, *stack)?;
        Ok(registration)
    }

    /// Leaves what is in doubt, and without a superblock all that is ours: services of calls that
    /// were killed or interrupted, or of superblocks whose end no process saw. Waits until the
    /// group is left where that may be under way. A MOUNT meanwhile would make the daemon use
    /// memory that it has freed (ocfs2_controld/mount.c, `start_mount`).
    fn settle(
        &self,
        ledger: &mut Ledger,
        lives: bool,
        cluster: &str,
        watch: &mut Watch,
    ) -> Result<()> {
        for entry in ledger.entries().to_vec() {
            // With a superblock, the C tools' service may be in use again.
            if lives && (entry.taken || entry.service == THEIRS) {
                continue;
            }
            let answer = self.leave_one(ledger, &entry.service, watch)?;
            if answer != Answer::NotThere || entry.taken {
                continue;
            }
            let begun = Instant::now();
            while !(lives && ledger.entries().iter().any(|known| known.taken))
                && self.is_listed(cluster, watch)?
            {
                watch(Wait::Group, begun.elapsed())
                    .wrap_err("ocfs2_controld has not left the volume's group yet")?;
                std::thread::sleep(POLL_INTERVAL);
            }
            ledger.forget(&entry);
        }
        Ok(())
    }

    /// Explains a refusal. Of another cluster's volume the daemon reports only that it is invalid.
    fn explained(&self, refused: Refused, watch: &mut Watch) -> Report {
        let asks = refused.is_invalid();
        let report = Report::new(refused);
        let Some((_, own)) = self.cluster.as_ref().filter(|_| asks) else {
            return report;
        };
        let running = self
            .connect(watch)
            .and_then(|daemon| clusters(daemon, watch));
        match running {
            Ok(runs) if !runs.iter().any(|name| name == own.as_str()) => {
                let runs = crate::report::printable(runs.join(", "));
                report.wrap_err(format!(
                    "the volume belongs to cluster \"{own}\"; this node runs \"{runs}\""
                ))
            }
            _ => report,
        }
    }

    /// Rolls back a service that the daemon may know or not. The daemon rolls back a join whose
    /// connection ends before its answer; after that it counts the mount as made. What stays in
    /// doubt stays recorded for the next call.
    fn take_back(&self, ledger: &mut Ledger, entry: &Entry) {
        let timeout = self.system.rollback_timeout;
        let _ = self.leave_one_within(ledger, &entry.service, timeout, &mut |_, _| Ok(()));
    }

    fn result(&self, service: &OsStr, errno: i32) -> Result<Message> {
        let errno = errno.to_string();
        self.message(b"MRESULT", &[errno.as_bytes(), service.as_bytes()])
    }
}

/// A registered service, and the connection that has to carry the result. Dropped, it is rolled
/// back.
#[must_use]
pub struct Registration<'c> {
    controld: &'c DaemonUsers<'c>,
    /// None once the result is sent, and for a mount whose service was registered before.
    open: Option<OpenMount>,
    ledger: Ledger,
}

struct OpenMount {
    daemon: Daemon,
    entry: Entry,
    /// The group was joined before.
    further: bool,
}

impl Joined for Registration<'_> {
    /// # Errors
    /// The daemon did not receive the result, and a success remains valid.
    fn complete(mut self: Box<Self>, service: &Service, purpose: &io::Result<()>) -> Completion {
        match purpose {
            Ok(()) => self.succeed(matches!(service, Service::Mount(_))),
            Err(error) => {
                self.fail(error.raw_os_error().unwrap_or(libc::EIO))?;
                Ok(Ok(()))
            }
        }
    }
}

impl Registration<'_> {
    /// Reports success. The service of a mount stays recorded; a program leaves its own, which is
    /// recorded only while it is in doubt.
    fn succeed(&mut self, of_mount: bool) -> Completion {
        let Some(mut open) = self.open.take() else {
            return Ok(Ok(()));
        };
        let message = self.controld.result(&open.entry.service, 0)?;
        let told = open.daemon.ask(&message, &mut |_, _| Ok(()));
        drop(open.daemon);
        let kept = match told.wrap_err(UNTOLD)? {
            Err(refused) if refused.is_detached() => Err(NO_GROUP),
            told => Ok(told.wrap_err(UNTOLD)?),
        };
        if !of_mount || kept.is_err() {
            self.ledger.forget(&open.entry);
        }
        Ok(kept)
    }

    /// Reports failure, and rolls back.
    fn fail(&mut self, errno: i32) -> Result<()> {
        let Some(mut open) = self.open.take() else {
            return Ok(());
        };
        // With an errno the daemon forgets to remove the client from the group that it leaves
        // joined, and refuses what comes next (ocfs2_controld/mount.c, `complete_mount`).
        let errno = if open.further { 0 } else { errno };
        let message = self.controld.result(&open.entry.service, errno)?;
        self.ledger.doubt(&open.entry);
        let told = open.daemon.ask(&message, &mut |_, _| Ok(()));
        drop(open.daemon);
        match open.further || !matches!(told, Ok(Ok(()))) {
            true => self.controld.take_back(&mut self.ledger, &open.entry),
            false => self.ledger.forget(&open.entry),
        }
        Ok(told??)
    }
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        let _ = self.fail(libc::ECANCELED);
    }
}
