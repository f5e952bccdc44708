//! The part that runs on a node: it tries the cells of one case on one volume, one after the
//! other, and prints a verdict for each.

use crate::cases::{Aim, Before, Case};
use crate::cell::{Cell, Outcome, Verdict};
use crate::trace::{self, Harm, Trace};
use crate::volume::{Volume, clusters, ordinary};
use std::fs::{self, File};
use std::io::{self, BufRead, Write};

/// What later calls say of a region that this kernel cannot use again.
const REBOOT: &str = "was left half-started";

/// `count`: runs the case unharmed and prints how many calls each process makes. Else tries
/// the cells that stand on standard input.
pub fn main(args: &[String]) -> Result<(), String> {
    let [what, case, device, uuid] = args else {
        return Err("usage: guest count|try CASE DEVICE UUID".into());
    };
    let stage = Stage {
        case: Case::named(case).ok_or("no such case")?,
        volume: Volume {
            device: device.clone(),
            uuid: uuid.clone(),
        },
    };
    for folder in [stage.volume.folder(), stage.volume.second()] {
        fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    }
    match what.as_str() {
        "count" => {
            let (trace, said) = stage.run(None)?;
            if trace.code != 0 {
                return Err(format!("{case}: exit code {}: {said}", trace.code));
            }
            stage.check_aim(&said)?;
            let calls: Vec<_> = trace.calls.iter().map(usize::to_string).collect();
            print(calls.join(" "))
        }
        "try" => {
            for line in io::stdin().lock().lines() {
                let cell: Cell = line.map_err(|error| error.to_string())?.parse()?;
                let verdict = stage.attempt(cell);
                print(&verdict)?;
                // The volume cannot be used again, or nobody knows how it is.
                if matches!(verdict.outcome, Outcome::Refused | Outcome::Broken) {
                    break;
                }
            }
            Ok(())
        }
        _ => Err(format!("{what} is neither count nor try")),
    }
}

fn print(line: impl std::fmt::Display) -> Result<(), String> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(|error| error.to_string())
}

struct Stage {
    case: &'static Case,
    volume: Volume,
}

impl Stage {
    fn attempt(&self, cell: Cell) -> Verdict {
        let mut verdict = Verdict {
            cell,
            outcome: Outcome::Broken,
            call: -1,
            code: -1,
            text: String::new(),
        };
        let judged = self.run(Some(cell)).and_then(|(trace, said)| {
            verdict.call = trace.harmed.unwrap_or(-1);
            verdict.code = trace.code;
            let outcome = self.judge(cell, &trace, &said);
            verdict.text = said;
            outcome
        });
        match judged {
            Ok(outcome) => verdict.outcome = outcome,
            Err(broken) => verdict.text = format!("{broken} ({})", verdict.text),
        }
        verdict
    }

    /// What the command said goes to a file: a pipe would be held open by its children.
    fn run(&self, cell: Option<Cell>) -> Result<(Trace, String), String> {
        let name = self.volume.name();
        let mut open_file = self
            .prepare()
            .map_err(|error| format!("before the command: {error}"))?;
        let path = format!("/run/{name}.said");
        let errors = File::create(&path).map_err(|error| error.to_string())?;
        let volume = [
            ("DEVICE", self.volume.device.clone()),
            ("FOLDER", self.volume.folder()),
            ("SECOND", self.volume.second()),
            ("UUID", self.volume.uuid.clone()),
        ];
        let argv: Vec<&str> = self
            .case
            .command
            .iter()
            .map(|word| {
                let own = volume.iter().find(|(place, _)| place == word);
                own.map_or(*word, |(_, value)| value)
            })
            .collect();
        let harm = cell.map(|cell| (cell.point, cell.harm));
        let trace = trace::run(&argv, &errors, harm, || drop(open_file.take()))
            .map_err(|error| format!("tracing: {error}"))?;
        let said = fs::read(&path).map_err(|error| error.to_string())?;
        Ok((trace, String::from_utf8_lossy(&said).into_owned()))
    }

    /// From any state that `judge` leaves to the one that the case begins with.
    fn prepare(&self) -> Result<Option<File>, String> {
        let volume = &self.volume;
        let (device, folder, second) = (&volume.device, &volume.folder(), &volume.second());
        let online = !clusters().is_empty();
        match self.case.before {
            Before::Offline if online => ordinary(&["/usr/sbin/o2cb", "offline"])?,
            Before::Offline => return Ok(None),
            _ if !online => ordinary(&["/usr/sbin/o2cb", "online"])?,
            _ => {}
        }
        let wanted: &[&String] = match self.case.before {
            Before::Mounted | Before::Busy => &[folder],
            Before::MountedTwice => &[folder, second],
            Before::Abandoned => &[folder],
            Before::Offline | Before::Idle | Before::Held(_) => &[],
        };
        let look = volume.look()?;
        for place in look.places.iter().filter(|place| !wanted.contains(place)) {
            ordinary(&["/usr/bin/umount", place])?;
        }
        for place in wanted {
            if !look.places.contains(place) {
                ordinary(&["/usr/bin/mount", "-t", "ocfs2", device, place])?;
            }
        }
        match self.case.before {
            Before::Idle | Before::Held(_) => {
                let wanted = match self.case.before {
                    Before::Held(count) => count,
                    _ => 0,
                };
                let now = volume.look()?.count();
                for _ in now..wanted {
                    ordinary(&["/usr/sbin/ocfs2_hb_ctl", "-S", "-d", device, "judge"])?;
                }
                for _ in wanted..now {
                    ordinary(&["/usr/sbin/ocfs2_hb_ctl", "-K", "-d", device, "judge"])?;
                }
            }
            Before::Abandoned => ordinary(&["/usr/bin/umount", "-i", folder])?,
            Before::Busy => {
                let file = File::create(format!("{folder}/open"));
                return file.map(Some).map_err(|error| error.to_string());
            }
            _ => {}
        }
        Ok(None)
    }

    /// Holds what came of a harmed command against the promises; leaves the volume as some
    /// ordinary use of it does.
    fn judge(&self, cell: Cell, trace: &Trace, said: &str) -> Result<Outcome, String> {
        if !trace.remaining.is_empty() {
            return Err(format!("still running: {:?}", trace.remaining));
        }
        let look = self.volume.look()?;
        if (look.superblock || !look.places.is_empty()) && !look.beats() {
            return Err(format!("mounted without a heartbeat: {look:?}"));
        }
        if look
            .references
            .is_some_and(|(count, mark)| mark > 1 || mark > count)
        {
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
            Err(error) if error.contains(REBOOT) && cell.harm == Harm::KillAll => {
                Ok(Outcome::Refused)
            }
            Err(error) => Err(error),
            Ok(false) if trace.code == 0 => Ok(Outcome::Done),
            Ok(false) => Ok(Outcome::Undone),
            Ok(true) => Ok(Outcome::Tidied),
        }
    }

    fn check_aim(&self, said: &str) -> Result<(), String> {
        let look = self.volume.look()?;
        let fulfilled = match self.case.aim {
            Aim::Mounted(places) => {
                look.places.len() == places && look.beats() && look.references == Some((1, 1))
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
        let errors = crate::cell::ERRORS.map(|(_, errno)| {
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
        let judge = |action| ordinary(&["/usr/sbin/ocfs2_hb_ctl", action, "-d", device, "judge"]);
        let look = volume.look()?;
        let held = match self.case.aim {
            Aim::Held(_) if look.references.is_some_and(|(_, mark)| mark == 0) => look.count(),
            _ => 0,
        };
        if !look.places.is_empty() {
            // The mount stands, or the unmount has not begun.
            if look.references != Some((1, 1)) {
                for place in look.places.iter().rev() {
                    ordinary(&["/usr/bin/umount", place])?;
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
                judge("-K")?;
            }
            volume.is_clean_soon()?;
            return Ok(false);
        }
        if look.is_clean() {
            return Ok(false);
        }
        match (cell.point.process + cell.point.call) % 2 {
            0 => {
                ordinary(&["/usr/bin/mount", "-t", "ocfs2", device, &volume.folder()])?;
                ordinary(&["/usr/bin/umount", &volume.folder()])?;
            }
            _ => {
                judge("-S")?;
                judge("-K")?;
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
        ordinary(&["/usr/sbin/o2cb", "offline", "webc"])?;
        if !clusters().is_empty() {
            return Err("offline, but a cluster is left".into());
        }
        self.volume.is_clean_soon()?;
        Ok(left || !(whole || none))
    }
}
