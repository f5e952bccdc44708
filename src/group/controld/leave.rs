//! Leaving: which services go, and when.

use super::ledger::{self, Ledger};
use super::wire::{Daemon, Message, OCFS2};
use super::{Controld, THEIRS, name_of, refusal};
use crate::heartbeat::{Asker, Left, Watch};
use crate::ids::Service;
use crate::sys::fork;
use crate::system::{System, mounts, waiter};
use eyre::{Report, Result, bail};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

/// Why a group stays.
const MOUNTED: &str = "the volume is mounted, and its group must not be left (unmount it first)";

impl Controld<'_> {
    pub(in crate::group) fn leave(&self, service: &Service) -> Result<Left> {
        let watch: &mut Watch = &mut |_, _| Ok(());
        let mut ledger = Ledger::lock(self.system, self.uuid, watch)?;
        let name = name_of(service);
        if !matches!(service, Service::Mount(_)) {
            let others = ledger.entries().iter();
            let others = others.filter(|known| known.taken && known.service != name);
            // It may be the daemon's last.
            if others.count() == 0 && self.lives(&ledger)? {
                bail!(MOUNTED);
            }
            return Ok(match self.leave_one(&name, watch)? {
                true => Left::InUse,
                false => Left::NothingThere,
            });
        }
        let left = self.leave_ended(&mut ledger, vec![name, THEIRS.into()])?;
        drop(ledger);
        if left == Left::StillAlive {
            self.leave_later()?;
        }
        Ok(left)
    }

    /// The kernel's call-out comes when the superblock has left its lock domain, but not yet
    /// its device. Whoever has the lock for longer may be in mount(2), which waits for the
    /// call-out if it fails late: it is waited for elsewhere.
    pub(in crate::group) fn superblock_leaves(&self, asker: Asker) -> Result<Left> {
        const CALL_OUT_PATIENCE: Duration = Duration::from_secs(3);
        let watch: &mut Watch = &mut |_, _| Ok(());
        let services = vec![THEIRS.into()];
        if asker != Asker::Kernel {
            let mut ledger = Ledger::lock(self.system, self.uuid, watch)?;
            return match self.leave_ended(&mut ledger, services)? {
                Left::StillAlive | Left::StillMounted(_) => bail!(MOUNTED),
                left => Ok(left),
            };
        }
        match Ledger::lock_within(self.system, self.uuid, CALL_OUT_PATIENCE, watch)? {
            Some(mut ledger) => self.leave_all(&mut ledger, services, watch),
            None => self.leave_later().map(|()| Left::InUse),
        }
    }

    /// As soon as the superblock has ended, in a process that goes on by itself. By then a
    /// service that only its caller knows may be that of another mount: the ledger is asked.
    fn leave_later(&self) -> Result<()> {
        waiter::start(self.system, &mut || {
            let ledger = Ledger::lock(self.system, self.uuid, &mut |_, _| Ok(()));
            let left = ledger.map(|mut ledger| self.leave_ended(&mut ledger, Vec::new()));
            // Without it there is no telling; what the daemon says may pass.
            !matches!(left, Ok(Ok(Left::StillAlive) | Err(_)))
        })
    }

    /// Leaves all services, if the superblock has ended.
    fn leave_ended(&self, ledger: &mut Ledger, others: Vec<OsString>) -> Result<Left> {
        for device in [self.device.as_ref(), ledger.device()]
            .into_iter()
            .flatten()
        {
            let points = mounts::points_of(self.system, device.number)?;
            if !points.is_empty() {
                return Ok(Left::StillMounted(points));
            }
        }
        match self.lives(ledger)? {
            true => Ok(Left::StillAlive),
            false => self.leave_all(ledger, others, &mut |_, _| Ok(())),
        }
    }

    /// Leaves the services of the ledger; `others` where it has none, as after its loss.
    pub(super) fn leave_all(
        &self,
        ledger: &mut Ledger,
        others: Vec<OsString>,
        watch: &mut Watch,
    ) -> Result<Left> {
        let ours = ledger.entries().iter().map(|entry| entry.service.clone());
        let mut services: Vec<OsString> = ours.collect();
        if services.is_empty() {
            services = others;
        }
        let mut left = Left::NothingThere;
        for service in &services {
            if self.leave_one(service, watch)? {
                left = Left::Stopped;
            }
        }
        ledger.clear();
        Ok(left)
    }

    /// `false`: the daemon does not know it.
    pub(super) fn leave_one(&self, service: &OsStr, watch: &mut Watch) -> Result<bool> {
        self.leave_one_within(service, self.system.daemon_patience(), watch)
    }

    pub(super) fn leave_one_within(
        &self,
        service: &OsStr,
        patience: Duration,
        watch: &mut Watch,
    ) -> Result<bool> {
        let uuid = self.uuid.to_string();
        let message = Message::new(&[b"UNMOUNT", OCFS2, uuid.as_bytes(), service.as_bytes()])?;
        let mut daemon = Daemon::connect(self.system, patience, watch)?;
        match refusal(daemon.ask(&message, watch))? {
            None => Ok(true),
            Some(refused) if refused.errno == libc::ENOENT => Ok(false),
            Some(refused) => Err(Report::new(refused)),
        }
    }
}

/// Makes up for processes that were killed, and for superblocks whose end nobody saw.
pub fn tidy(system: &System) {
    const PATIENCE: Duration = Duration::from_secs(5);
    let volumes = ledger::all(system);
    if volumes.is_empty() {
        return;
    }
    // In a child: this caller has no business with a daemon that hangs.
    let _ = fork::in_child_for(PATIENCE, || {
        for uuid in volumes {
            if let Ok(Some(mut ledger)) = Ledger::try_lock(system, uuid) {
                let _ = Controld::of_name(system, uuid).leave_ended(&mut ledger, Vec::new());
            }
        }
    });
}
