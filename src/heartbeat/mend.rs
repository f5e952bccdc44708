//! Mending: what is of no use to anybody goes, and of what stays it is said why.

use super::health::{Condition, Fault, Health};
use super::region::REBOOT;
use super::{Asker, Heartbeat, Left, State};
use eyre::{Result, WrapErr, bail};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Longer than the start of a heartbeat, in which the region is locked.
const PATIENCE: Duration = Duration::from_secs(20);
const SLICE: Duration = Duration::from_millis(250);

/// What came of a look at one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mended {
    /// How it is now.
    pub outcome: Outcome,
    /// What was found and what was done about it, as a clause for the user.
    pub text: String,
}

/// How a region is after a mending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was wrong.
    Sound,
    /// What was wrong is mended; or would be.
    Mended,
    /// Something is wrong, or may be, and was left alone.
    Left,
}

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Mend what may be mended.
    Mend,
    /// Only say what would be.
    DryRun,
}

impl Heartbeat<'_> {
    /// Removes what another user has made in the place of the region's semaphores.
    pub fn evict_stranger(&self) -> Result<()> {
        let evicted = self.references.evict().map(drop);
        evicted.wrap_err("removing the semaphores of another user")
    }

    /// Mends the region and its references, or tells what there would be to mend. Waits for
    /// whoever works on the region. With `global` heartbeat a region that beats is the cluster's.
    ///
    /// # Errors
    /// It cannot be told, as somebody works on the region and does not end; or the kernel refuses.
    pub fn mend(&self, mode: Mode, global: bool) -> Result<Mended> {
        let mut health = self.health_where(global)?;
        let started = Instant::now();
        if let (Mode::Mend, Condition::Faulty(_)) = (mode, &health.condition)
            && (health.is_mendable() || health.locked_by.is_some())
        {
            let locked = self.lock(&mut |_, since| self.check_patience(since))?;
            // Only now does it stand still.
            health = self.health_where(global)?;
            return match &health.condition {
                _ if !health.is_mendable() => Ok(self.as_found(&health)),
                Condition::Faulty(Fault::StaleMark) => {
                    locked.put_superblocks()?;
                    Ok(health.mended(mode))
                }
                _ => match self.clear(locked, Asker::Tool)? {
                    Left::StillAlive => Ok(health.kept(format!("{:#}", self.refusal()))),
                    _ => Ok(health.mended(mode)),
                },
            };
        }
        while health.locked_by.is_some() && matches!(health.condition, Condition::Faulty(_)) {
            self.check_patience(started.elapsed())?;
            sleep(SLICE);
            health = self.health_where(global)?;
        }
        match health.is_mendable() {
            true => Ok(health.mended(mode)),
            false => Ok(self.as_found(&health)),
        }
    }

    fn health_where(&self, global: bool) -> Result<Health> {
        let mut health = self.health()?;
        if global && matches!(self.region.state()?, State::Beating(_)) {
            health.condition = Condition::Used;
        }
        Ok(health)
    }

    fn check_patience(&self, since: Duration) -> Result<()> {
        if since < PATIENCE {
            return Ok(());
        }
        let holder = self.health()?.locked_by.unwrap_or_default();
        bail!(
            "process {holder} has been working on it for {} s (try again when that has ended)",
            PATIENCE.as_secs()
        )
    }

    /// Nothing was done.
    fn as_found(&self, health: &Health) -> Mended {
        let name = self.region.name();
        let sound = |text: &str| Mended {
            outcome: Outcome::Sound,
            text: text.to_owned(),
        };
        if let Some(holders) = &health.kept_by {
            return health.kept(format!("{holders} (end it, then repeat this)"));
        }
        match &health.condition {
            Condition::Absent => sound("nothing wrong: it has no heartbeat on this node"),
            Condition::Used => sound("nothing wrong: it beats, and somebody uses it"),
            Condition::Mounted => sound("nothing wrong: its volume is mounted"),
            Condition::Faulty(Fault::Poisoned) => health.kept(REBOOT.into()),
            Condition::Faulty(Fault::DiskGoneMounted(_)) => health.kept(
                "the kernel keeps the heartbeat of a mounted volume (unmount it, with umount -l if \
                 need be)"
                    .into(),
            ),
            Condition::Faulty(_) => health.kept(format!(
                "a program may count on it (if you know that none does: ocfs2_hb_ctl -K -u {name} \
                 NAME, once for each reference)"
            )),
        }
    }
}

impl Health {
    fn kept(&self, why: String) -> Mended {
        Mended {
            outcome: Outcome::Left,
            text: format!("{}: left alone: {why}", self.complaint()),
        }
    }

    fn mended(&self, mode: Mode) -> Mended {
        let taken = match self.condition {
            Condition::Faulty(Fault::StaleMark) => "taken back",
            _ => "removed",
        };
        let would = if mode == Mode::DryRun {
            "would be "
        } else {
            ""
        };
        Mended {
            outcome: Outcome::Mended,
            text: format!("{}: {would}{taken}", self.complaint()),
        }
    }

    /// What is wrong.
    fn complaint(&self) -> String {
        let references = match self.references {
            1 => "1 reference".to_owned(),
            count => format!("{count} references"),
        };
        match &self.condition {
            Condition::Faulty(Fault::CutOff) => "its start was cut off".into(),
            Condition::Faulty(Fault::Poisoned) => {
                "its start was cut off, and its thread has ended".into()
            }
            Condition::Faulty(Fault::Unused(device)) => {
                format!("it beats on {device}, and nobody refers to it")
            }
            Condition::Faulty(Fault::Orphaned) => {
                "its one reference is that of a mounted volume, which is gone".into()
            }
            Condition::Faulty(Fault::StaleMark) => {
                format!("one of {references} is that of a mounted volume, which is gone")
            }
            Condition::Faulty(Fault::DiskGone(device)) => format!(
                "its device {device} is gone, so that it cannot beat any more ({references})"
            ),
            Condition::Faulty(Fault::DiskGoneMounted(device)) => {
                format!("its device {device} is gone, and its volume is still mounted")
            }
            Condition::Faulty(Fault::NoRegion) => {
                format!("it has semaphores ({references}) and no region")
            }
            Condition::Faulty(Fault::Ownerless) => format!(
                "it has {references}, and no mounted volume is there nor a running process that \
                 may have one"
            ),
            Condition::Absent | Condition::Used | Condition::Mounted => String::new(),
        }
    }
}
