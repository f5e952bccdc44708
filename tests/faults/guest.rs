//! The part that runs on a node: it tries the cells of one case on one volume, one after the
//! other, and prints a verdict for each.

use crate::cases::{Aim, Before, Case, Stack};
use crate::cell::{Cell, Outcome, Verdict};
use crate::trace::{self, Trace};
use crate::volume::{Volume, clusters, ordinary};
use std::fs::{self, File};
use std::io::{self, BufRead, Write};

/// `count`: runs the case unharmed and prints the numbers of the calls that each process makes,
/// a line for each. Else tries the cells that stand on standard input.
pub fn main(args: &[String]) -> Result<(), String> {
    let [what, case, device, uuid] = args else {
        return Err("usage: guest count|try CASE DEVICE UUID".into());
    };
    let case = Case::named(case).ok_or("no such case")?;
    let stage = Stage {
        case,
        volume: Volume {
            device: device.clone(),
            uuid: uuid.clone(),
            stack: case.stack,
        },
    };
    for directory in [stage.volume.directory(), stage.volume.second()] {
        fs::create_dir_all(directory).map_err(|error| error.to_string())?;
    }
    match what.as_str() {
        "count" => {
            let (trace, said) = stage.run(None)?;
            let refused = matches!(case.aim, Aim::Refused(_));
            if (trace.code != 0) != refused {
                return Err(format!("{}: exit code {}: {said}", case.name, trace.code));
            }
            stage.check_aim(&said)?;
            trace.calls.iter().try_for_each(|calls| {
                let calls: Vec<_> = calls.iter().map(i64::to_string).collect();
                print(calls.join(" "))
            })
        }
        "try" => {
            for line in io::stdin().lock().lines() {
                let cell: Cell = line.map_err(|error| error.to_string())?.parse()?;
                let verdict = stage.attempt(cell);
                print(&verdict)?;
                // The volume cannot be used again, or its state is unknown.
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

/// A case and the volume that it is tried on.
pub struct Stage {
    pub case: &'static Case,
    pub volume: Volume,
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
            ("DIRECTORY", self.volume.directory()),
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
        let (device, directory, second) = (&volume.device, &volume.directory(), &volume.second());
        let online = !clusters().is_empty();
        match self.case.before {
            _ if self.case.stack == Stack::Cman => {}
            Before::Offline if online => ordinary(&["/usr/sbin/o2cb", "offline"])?,
            Before::Offline => return Ok(None),
            _ if !online => ordinary(&["/usr/sbin/o2cb", "online"])?,
            _ => {}
        }
        let wanted: &[&String] = match self.case.before {
            Before::Mounted | Before::Busy => &[directory],
            Before::MountedTwice => &[directory, second],
            Before::Abandoned => &[directory],
            Before::Offline | Before::Idle | Before::Held(_) => &[],
        };
        let look = volume.look()?;
        for place in look.places.iter().filter(|place| !wanted.contains(place)) {
            ordinary(&["/usr/sbin/umount.ocfs2", place])?;
        }
        for place in wanted {
            if !look.places.contains(place) {
                ordinary(&["/usr/sbin/mount.ocfs2", device, place])?;
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
                    volume.hb_ctl("-S")?;
                }
                for _ in wanted..now {
                    volume.hb_ctl("-K")?;
                }
            }
            Before::Abandoned => ordinary(&["/usr/bin/umount", "-i", directory])?,
            Before::Busy => {
                let file = File::create(format!("{directory}/open"));
                return file.map(Some).map_err(|error| error.to_string());
            }
            _ => {}
        }
        Ok(None)
    }
}
