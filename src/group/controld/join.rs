//! Joining: a service is registered, and the daemon hears what came of it.

use super::ledger::{Entry, Ledger};
use super::wire::{Daemon, Message, OCFS2, Refused};
use super::{Controld, clusters, name_of, refusal};
use crate::cluster::stack;
use crate::heartbeat::Watch;
use crate::ids::Service;
use eyre::{Report, Result, bail};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

/// For an undoing after the daemon has shown that it does not behave.
const SHORT_PATIENCE: Duration = Duration::from_secs(5);

impl Controld<'_> {
    pub(in crate::group) fn register(
        &self,
        service: &Service,
        watch: &mut Watch,
    ) -> Result<Registration<'_>> {
        let (Some(device), Some((stack, cluster))) = (&self.device, &self.cluster) else {
            bail!("a cluster needs a block device (for an image: a loop device)");
        };
        let name = name_of(service);
        // All that will have to be said, before anything is.
        let mount = Message::new(&[
            b"MOUNT",
            OCFS2,
            self.uuid.to_string().as_bytes(),
            cluster.as_str().as_bytes(),
            device.path.as_os_str().as_bytes(),
            name.as_bytes(),
        ])?;
        self.result(&name, i32::MAX)?;
        let mut ledger = Ledger::lock(self.system, self.uuid, watch)?;
        let lives = self.lives(&ledger)?;
        if !lives {
            // Of mounts that were killed, or of superblocks that nobody saw end.
            self.leave_all(&mut ledger, Vec::new(), watch)?;
        } else if let Some(other) = ledger
            .device()
            .filter(|other| other.number != device.number)
        {
            bail!(
                "the volume {} is mounted from {}, which is another device (a copy of the \
                 volume, or one path of several to it)",
                self.uuid,
                other.path.display()
            );
        }
        let of_mount = matches!(service, Service::Mount(_));
        let mut registration = Registration {
            controld: self,
            entry: None,
            daemon: None,
            service: name,
            ledger,
        };
        let name = &registration.service;
        let ours = registration.ledger.entries().iter();
        if of_mount
            && ours
                .clone()
                .any(|known| known.taken && known.service == *name)
        {
            // Another mount has been here, and was moved or has left its service behind.
            return Ok(registration);
        }
        if of_mount {
            registration.entry = Some(registration.ledger.ask(device, name)?);
        }
        // Of a mount whose ledger was lost: its superblock is gone, and so is nobody's.
        let stale = (of_mount && !lives).then_some(&*registration.service);
        let daemon = match self.join(&mount, stale, watch) {
            Ok(daemon) => daemon,
            Err(report) => {
                match report.is::<Refused>() {
                    true => registration.forget(),
                    false => registration.take_back(),
                }
                return Err(report);
            }
        };
        if let Some(entry) = &registration.entry {
            registration.ledger.take(entry);
        }
        registration.daemon = Some(daemon);
        stack::set(self.system, *stack)?;
        Ok(registration)
    }

    /// The connection on which the result has to travel. A service that is `stale` may be
    /// registered already, and is left then.
    fn join(&self, mount: &Message, stale: Option<&OsStr>, watch: &mut Watch) -> Result<Daemon> {
        let mut daemon = self.connect(watch)?;
        let refused = match refusal(daemon.ask(mount, watch))? {
            None => return Ok(daemon),
            // The group is joined already: just mount.
            Some(refused) if refused.errno == libc::EALREADY => return Ok(daemon),
            Some(refused) => refused,
        };
        match stale {
            Some(service) if refused.errno == libc::EBUSY && self.leave_one(service, watch)? => {
                self.join(mount, None, watch)
            }
            _ => Err(self.explained(refused, watch)),
        }
    }

    /// Of another cluster's volume the daemon says only that it is invalid.
    fn explained(&self, refused: Refused, watch: &mut Watch) -> Report {
        let asks = refused.errno == libc::EINVAL;
        let report = Report::new(refused);
        let Some((_, own)) = self.cluster.as_ref().filter(|_| asks) else {
            return report;
        };
        match clusters(self.system, watch) {
            Ok(runs) if !runs.iter().any(|name| name == own.as_str()) => {
                let runs = crate::report::printable(runs.join(", "));
                report.wrap_err(format!(
                    "the volume belongs to cluster \"{own}\"; this node runs \"{runs}\""
                ))
            }
            _ => report,
        }
    }

    fn result(&self, service: &OsStr, errno: i32) -> Result<Message> {
        let (uuid, errno) = (self.uuid.to_string(), errno.to_string());
        let service = service.as_bytes();
        Message::new(&[
            b"MRESULT",
            OCFS2,
            uuid.as_bytes(),
            errno.as_bytes(),
            service,
        ])
    }
}

/// A service that is registered, and the connection on which the result has to travel. Dropped,
/// it is undone.
#[must_use]
pub struct Registration<'c> {
    controld: &'c Controld<'c>,
    /// A mount's.
    entry: Option<Entry>,
    /// Taken out when the result is on its way. There is none for a mount whose service was
    /// registered before.
    daemon: Option<Daemon>,
    service: OsString,
    ledger: Ledger,
}

impl Registration<'_> {
    /// The result of what it was for.
    ///
    /// # Errors
    /// The daemon could not be told: a success stands all the same.
    pub fn finish(mut self, purpose: &io::Result<()>) -> Result<()> {
        self.tell(purpose)
    }

    fn tell(&mut self, purpose: &io::Result<()>) -> Result<()> {
        let Some(mut daemon) = self.daemon.take() else {
            return Ok(());
        };
        let errno = match purpose {
            Ok(()) => 0,
            Err(error) => error.raw_os_error().unwrap_or(libc::EIO),
        };
        let message = self.controld.result(&self.service, errno)?;
        let told = daemon.ask(&message, &mut |_, _| Ok(()));
        drop(daemon);
        match (told, purpose) {
            (Ok(()), Ok(())) => Ok(()),
            (Ok(()), Err(_)) => {
                self.forget();
                Ok(())
            }
            (Err(report), Ok(())) => Err(report.wrap_err(
                "ocfs2_controld may not have heard of it, takes it for mounted then, and keeps \
                 the group until the unmount",
            )),
            (Err(report), Err(_)) => {
                self.take_back();
                Err(report)
            }
        }
    }

    /// The daemon does not know it.
    fn forget(&mut self) {
        if let Some(entry) = self.entry.take() {
            self.ledger.forget(&entry);
        }
    }

    /// The daemon may know it or not. It undoes a join whose connection it sees end before
    /// its answer; after that it takes the mount for made. What stays in doubt, stays written
    /// down for the next call.
    fn take_back(&mut self) {
        let controld = self.controld;
        if controld.lives(&self.ledger).unwrap_or(true) {
            return;
        }
        let patience = SHORT_PATIENCE.min(controld.system.daemon_patience());
        let left = controld.leave_one_within(&self.service, patience, &mut |_, _| Ok(()));
        if left.is_ok() {
            self.forget();
        }
    }
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        let dropped = Err(io::Error::from_raw_os_error(libc::ECANCELED));
        let _ = self.tell(&dropped);
    }
}
