//! Leaving: which services are left, and when.

use super::ledger::{self, Ledger};
use super::wire::Daemon;
use super::{DaemonUsers, THEIRS, name_of};
use crate::heartbeat::{LeaveCause, LeaveOutcome, Watch};
use crate::host::{System, mounts, waiter};
use crate::ids::Service;
use crate::syscall::fork;
use eyre::{Result, bail};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// Why a group stays.
const MOUNTED: &str = "the volume is mounted, and its group must not be left (unmount it first)";

/// The daemon's answer to a request to leave a service.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// The service is left, and the group with the last one.
    Done,
    /// There is no group.
    NoGroup,
    /// The group does not have the service. It has others, or is being left.
    NotThere,
}

impl DaemonUsers<'_> {
    pub(super) fn leave_service(&self, service: &Service) -> Result<LeaveOutcome> {
        let watch: &mut Watch = &mut |_, _| Ok(());
        let mut ledger = Ledger::lock(self.system, self.uuid, watch)?;
        let name = name_of(service);
        if !matches!(service, Service::Mount(_)) {
            // The service may be the daemon's last.
            if self.lives(&ledger)? && !self.has_other_mount(&ledger, &name)? {
                bail!(MOUNTED);
            }
            return Ok(match self.leave_one(&mut ledger, &name, watch)? {
                Answer::Done => LeaveOutcome::InUse,
                Answer::NoGroup | Answer::NotThere => LeaveOutcome::NothingThere,
            });
        }
        let left = self.leave_ended(&mut ledger, vec![name, THEIRS.into()])?;
        drop(ledger);
        if left == LeaveOutcome::StillAlive {
            self.leave_later()?;
        }
        Ok(left)
    }

    /// Returns whether the daemon has a service of another place where the volume is mounted than
    /// `service`. The ledger alone is not enough: a place may have been unmounted.
    fn has_other_mount(&self, ledger: &Ledger, service: &OsStr) -> Result<bool> {
        let Some(device) = self.device.as_ref().or(ledger.device()) else {
            return Ok(false);
        };
        let real = |path: &Path| std::fs::canonicalize(self.system.path(path)).ok();
        let points = mounts::points_of(self.system, device.number)?;
        let points: Vec<_> = points.iter().filter_map(|point| real(point)).collect();
        let mut others = ledger.entries().iter();
        Ok(others.any(|known| {
            let place = real(Path::new(&known.service));
            known.taken && known.service != service && place.is_some_and(|at| points.contains(&at))
        }))
    }

    /// Leaves for the superblock. The kernel's callout comes when the superblock has left its lock
    /// domain, but not yet its device. A process that has the lock for longer may be in mount(2),
    /// which waits for the callout if it fails late: a background process waits instead.
    pub(super) fn leave_superblock(&self, cause: LeaveCause) -> Result<LeaveOutcome> {
        const CALL_OUT_TIMEOUT: Duration = Duration::from_secs(3);
        let watch: &mut Watch = &mut |_, _| Ok(());
        let services = vec![THEIRS.into()];
        if cause != LeaveCause::Kernel {
            let mut ledger = Ledger::lock(self.system, self.uuid, watch)?;
            return match self.leave_ended(&mut ledger, services)? {
                LeaveOutcome::StillAlive | LeaveOutcome::StillMounted(_) => bail!(MOUNTED),
                left => Ok(left),
            };
        }
        match Ledger::lock_within(self.system, self.uuid, CALL_OUT_TIMEOUT, watch)? {
            Some(mut ledger) => self.leave_all(&mut ledger, services),
            None => self.leave_later().map(|()| LeaveOutcome::InUse),
        }
    }

    /// Leaves as soon as the superblock has ended, in a background process. By then a service that
    /// only its caller knows may be that of another mount, so the ledger decides.
    fn leave_later(&self) -> Result<()> {
        waiter::start(self.system, &mut || {
            let ledger = Ledger::lock(self.system, self.uuid, &mut |_, _| Ok(()));
            let left = ledger.map(|mut ledger| self.leave_ended(&mut ledger, Vec::new()));
            // Without the ledger this is unknown; an error of the daemon may pass.
            !matches!(left, Ok(Ok(LeaveOutcome::StillAlive) | Err(_)))
        })
    }

    /// Leaves all services, if the superblock has ended.
    fn leave_ended(&self, ledger: &mut Ledger, others: Vec<OsString>) -> Result<LeaveOutcome> {
        let devices = [self.device.as_ref(), ledger.device()];
        for device in devices.into_iter().flatten() {
            let points = mounts::points_of(self.system, device.number)?;
            if !points.is_empty() {
                return Ok(LeaveOutcome::StillMounted(points));
            }
        }
        match self.lives(ledger)? {
            true => Ok(LeaveOutcome::StillAlive),
            false => self.leave_all(ledger, others),
        }
    }

    /// Leaves the services of the ledger; `others` where it has none, as after its loss.
    fn leave_all(&self, ledger: &mut Ledger, others: Vec<OsString>) -> Result<LeaveOutcome> {
        let ours = ledger.entries().iter().map(|entry| entry.service.clone());
        let mut services: Vec<OsString> = ours.collect();
        if services.is_empty() {
            services = others;
        }
        let mut left = LeaveOutcome::NothingThere;
        let mut failed = None;
        for service in &services {
            match self.leave_one(ledger, service, &mut |_, _| Ok(())) {
                Ok(Answer::Done) => left = LeaveOutcome::Stopped,
                Ok(_) => {}
                // An error of one service is no reason to keep the others.
                Err(report) => failed = failed.or(Some(report)),
            }
        }
        failed.map_or(Ok(left), Err)
    }

    /// Leaves one service, which is in doubt until the daemon answers.
    pub(super) fn leave_one(
        &self,
        ledger: &mut Ledger,
        service: &OsStr,
        watch: &mut Watch,
    ) -> Result<Answer> {
        self.leave_one_within(ledger, service, self.system.daemon_timeout, watch)
    }

    pub(super) fn leave_one_within(
        &self,
        ledger: &mut Ledger,
        service: &OsStr,
        timeout: Duration,
        watch: &mut Watch,
    ) -> Result<Answer> {
        let mut entries = ledger.entries().iter();
        let known = entries.find(|known| known.service == service).cloned();
        let message = self.message(b"UNMOUNT", &[service.as_bytes()]);
        if let (Err(_), Some(entry)) = (&message, &known) {
            // No daemon has a service that no message can name.
            ledger.forget(entry);
            return Ok(Answer::NotThere);
        }
        let message = message?;
        let mut daemon = Daemon::connect(self.system, timeout, watch)?;
        let entry = match &known {
            Some(entry) => {
                ledger.doubt(entry);
                known.clone()
            }
            None => ledger.ask(self.device.as_ref(), service).ok(),
        };
        let answer = match daemon.ask(&message, watch)? {
            Ok(()) => Answer::Done,
            Err(refused) if refused.has_no_group() => Answer::NoGroup,
            Err(refused) if refused.is_unknown() => Answer::NotThere,
            Err(refused) => {
                match (&known, entry) {
                    (Some(known), _) if known.taken => ledger.take(known)?,
                    (None, Some(entry)) => ledger.forget(&entry),
                    _ => {}
                }
                bail!(refused);
            }
        };
        // What was in doubt before may be the reason why the group is being left just now.
        let may_leave = answer == Answer::NotThere && known.is_some_and(|known| !known.taken);
        if let Some(entry) = entry.filter(|_| !may_leave) {
            ledger.forget(&entry);
        }
        Ok(answer)
    }
}

/// Cleans up after processes that were killed, and superblocks whose end no process saw.
pub fn tidy(system: &System) {
    const TIMEOUT: Duration = Duration::from_secs(5);
    let volumes = ledger::all(system);
    if volumes.is_empty() {
        return;
    }
    // In a child: this caller does not wait for a daemon that hangs.
    let _ = fork::call_in_child(TIMEOUT, || {
        for uuid in volumes {
            if let Ok(Some(mut ledger)) = Ledger::try_lock(system, uuid) {
                let _ = DaemonUsers::of_name(system, uuid).leave_ended(&mut ledger, Vec::new());
            }
        }
        Ok(())
    });
}
