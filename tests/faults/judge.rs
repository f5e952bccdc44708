//! What has to be true after a command was harmed.

use crate::cases::{Aim, Before};
use crate::cell::{Cell, ERRORS, Outcome};
use crate::guest::Stage;
use crate::trace::{Harm, Trace};
use crate::volume::{clusters, ordinary};
use std::io;

/// What later calls say of a region that this kernel cannot use again.
const REBOOT: &str = "was left half-started";

/// The mark of a superblock that has no reference yet. It stays where a mount is killed, or says
/// that it could not hand its reference over.
const MOUNTING: u32 = 3;
/// The exit code of a command that was killed.
const KILLED: i32 = 128 + 9;

impl Stage {
    /// Holds what came of a harmed command against the promises; leaves the volume as some
    /// ordinary use of it does.
    pub fn judge(&self, cell: Cell, trace: &Trace, said: &str) -> Result<Outcome, String> {
        if !trace.remaining.is_empty() {
            return Err(format!("still running: {:?}", trace.remaining));
        }
        let look = self.volume.look()?;
        if (look.superblock || !look.places.is_empty()) && !look.beats() {
            return Err(format!("mounted without a heartbeat: {look:?}"));
        }
        let has_no_reference = |(count, mark)| match mark {
            0 => false,
            MOUNTING => trace.code != KILLED && !said.contains("handing the reference"),
            _ => mark > 1 || mark > count,
        };
        if look.references.is_some_and(has_no_reference) {
            return Err(format!("a mark without a reference: {look:?}"));
        }
        if trace.code == 0 && said.is_empty() {
            match self.check_aim(said) {
                Ok(()) if trace.harmed.is_some() => return Ok(Outcome::Done),
                Ok(()) => return Ok(Outcome::NotReached),
                // A child that is harmed may have been about to do the rest.
                Err(_) if cell.point.process != 0 => {}
                Err(error) => return Err(error),
            }
        }
        if trace.harmed.is_none() && matches!(self.case.aim, Aim::Refused(_)) {
            return self.check_aim(said).map(|()| Outcome::NotReached);
        }
        if trace.harmed.is_none() {
            return Err(format!("failed unharmed with {}", trace.code));
        }
        let killed = matches!(cell.harm, Harm::Kill | Harm::KillAll);
        match trace.code {
            // The C library gives up in words of its own.
            _ if trace.in_startup => {}
            0 => {}
            1..128 => self.check_message(said)?,
            code if !killed => return Err(format!("ended by signal {}", code - 128)),
            _ => {}
        }
        match self.tidy(cell) {
            // Who is harmed with the applet, or starts the heartbeat for it.
            Err(error)
                if error.contains(REBOOT)
                    && (cell.harm == Harm::KillAll
                        || cell.harm == Harm::Kill && cell.point.process != 0) =>
            {
                Ok(Outcome::Refused)
            }
            Err(error) => Err(error),
            Ok(false) if trace.code == 0 => Ok(Outcome::Done),
            Ok(false) => Ok(Outcome::Undone),
            Ok(true) => Ok(Outcome::Tidied),
        }
    }

    pub fn check_aim(&self, said: &str) -> Result<(), String> {
        let look = self.volume.look()?;
        let fulfilled = match self.case.aim {
            Aim::Mounted(places) => look.places.len() == places && look.beats() && look.is_owned(),
            Aim::Refused(places) => {
                look.places.len() == places && look.is_owned() && !said.is_empty()
            }
            Aim::Held(0) => return self.volume.is_clean_soon(),
            Aim::Held(count) => look.beats() && look.references == Some((count, 0)),
            Aim::Online => {
                return ordinary(&["/usr/sbin/o2cb", "cluster-status", "webc"]);
            }
            Aim::Offline => clusters().is_empty(),
        };
        match fulfilled {
            true => Ok(()),
            false => Err(format!("success, but {look:?} {said}")),
        }
    }

    /// More than the name of an error: what was being done.
    fn check_message(&self, said: &str) -> Result<(), String> {
        let applet = self.case.command[0].rsplit('/').next().unwrap_or_default();
        let first = said.lines().next().unwrap_or_default();
        let Some(message) = first.strip_prefix(&format!("{applet}: ")) else {
            return Err(format!("not a message of {applet}'s: {first:?}"));
        };
        let device = format!("{}: ", self.volume.device);
        let message = message.strip_prefix(&device).unwrap_or(message);
        let errors = ERRORS.map(|(_, errno)| {
            let text = io::Error::from_raw_os_error(errno).to_string();
            text.split(" (os error")
                .next()
                .unwrap_or_default()
                .to_owned()
        });
        match errors.iter().any(|error| message == error) {
            true => Err(format!("no step is named: {first:?}")),
            false => Ok(()),
        }
    }

    /// The next ordinary calls. Was there anything to make up for?
    fn tidy(&self, cell: Cell) -> Result<bool, String> {
        if self.case.is_the_nodes() {
            return self.tidy_node();
        }
        let volume = &self.volume;
        let device = volume.device.as_str();
        let look = volume.look()?;
        let held = match self.case.aim {
            Aim::Held(_) if look.beats() && look.references.is_some_and(|(_, mark)| mark == 0) => {
                look.count()
            }
            _ => 0,
        };
        if !look.places.is_empty() {
            // The mount is there, or the unmount has not begun.
            if !look.is_owned() {
                for place in look.places.iter().rev() {
                    ordinary(&["/usr/sbin/umount.ocfs2", place])?;
                }
                volume.is_clean_soon()?;
                return Ok(true);
            }
            return Ok(false);
        }
        if held > 0 && matches!(self.case.before, Before::Idle | Before::Held(_)) {
            // Programs whose references last: they are what there was before, or what was
            // wanted.
            for _ in 0..held {
                volume.hb_ctl("-K")?;
            }
            volume.is_clean_soon()?;
            return Ok(false);
        }
        if look.is_clean() {
            return Ok(false);
        }
        match (cell.point.process + cell.point.call) % 2 {
            0 => {
                ordinary(&["/usr/sbin/mount.ocfs2", device, &volume.directory()])?;
                ordinary(&["/usr/sbin/umount.ocfs2", &volume.directory()])?;
            }
            _ => {
                volume.hb_ctl("-S")?;
                volume.hb_ctl("-K")?;
            }
        }
        volume.is_clean_soon()?;
        Ok(true)
    }

    /// Both calls work whatever was left.
    fn tidy_node(&self) -> Result<bool, String> {
        let whole = ordinary(&["/usr/sbin/o2cb", "cluster-status", "webc"]).is_ok();
        let none = clusters().is_empty();
        let left = !self.volume.look()?.is_clean();
        ordinary(&["/usr/sbin/o2cb", "online", "webc"])?;
        ordinary(&["/usr/sbin/o2cb", "cluster-status", "webc"])?;
        let look = self.volume.look()?;
        if look.region.is_none() && look.references.is_some() {
            // Semaphores without a region are forgotten by who next wants one.
            self.volume.hb_ctl("-S")?;
            self.volume.hb_ctl("-K")?;
        }
        ordinary(&["/usr/sbin/o2cb", "offline", "webc"])?;
        if !clusters().is_empty() {
            return Err("offline, but a cluster is left".into());
        }
        self.volume.is_clean_soon()?;
        Ok(left || !(whole || none))
    }
}
