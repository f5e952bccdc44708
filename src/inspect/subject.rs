//! One inspected volume, and what was found.

use super::{Inspected, Node};
use crate::cluster::node_names::NodeNames;
use crate::cluster::stack;
use crate::disk::observer::{About, Observer};
use crate::heartbeat::State;
use crate::heartbeat::survey;
use crate::host::{System, places};
use crate::ids::{StackName, Uuid};
use crate::ondisk::Membership;
use crate::ondisk::heartbeat_slots::Sign;
use crate::ondisk::slot_history::Track;
use crate::report::plain;
use eyre::{Result, bail};

/// One inspected volume.
pub(super) struct Subject {
    /// The UUID; none for a device that has not answered yet.
    pub uuid: Option<Uuid>,
    pub observer: Option<Observer>,
    pub track: Track,
    pub trouble: Option<String>,
}

impl Subject {
    pub fn hear(&mut self) {
        let Some(observer) = &mut self.observer else {
            return;
        };
        self.trouble = match observer.take() {
            Some((now, Ok(beats))) => {
                self.track.add(&beats, now);
                None
            }
            Some((_, Err(why))) => Some(plain(format_args!("{why:#}"))),
            None => {
                let since = observer.silent_since().map(|since| since.elapsed());
                let seconds = since.unwrap_or_default().as_secs();
                Some(format!(
                    "the device does not answer, for {seconds} s by now"
                ))
            }
        };
        if self.trouble.is_some() {
            self.track.miss();
        }
        if let (None, Some(about)) = (self.uuid, observer.about()) {
            self.uuid = Some(about.superblock.uuid);
        }
    }

    pub fn inspected(&self, system: &System) -> Result<Inspected> {
        let observer = self.observer.as_ref();
        let device = observer.map(|observer| observer.device().to_owned());
        let about = observer.and_then(Observer::about).cloned();
        let Some(uuid) = self.uuid else {
            let why = self.trouble.as_deref().unwrap_or("it was not read");
            bail!("{}: {why}", device.unwrap_or_default().display());
        };
        let mut region = survey::of_volume(system, uuid);
        let mut trouble = self.trouble.clone();
        if let Some(about) = &about {
            if about.superblock.uuid != uuid {
                trouble = Some(format!(
                    "the device holds another volume now, {}",
                    about.superblock.uuid
                ));
            }
            if let (Ok(seen), Some(number)) = (&mut region.seen, about.number)
                && seen.state == State::Absent
            {
                // It is mounted without a heartbeat of its own.
                seen.places = places::of(system, number).unwrap_or_default();
            }
        }
        let running = stack::running(system);
        let stack = running.is_ok_and(|stack| stack != StackName::O2CB);
        Ok(Inspected {
            stack: stack.then(|| match crate::group::describe(system, uuid) {
                Ok(text) => text,
                Err(report) => format!("\t{}\n", plain(format_args!("{report:#}"))),
            }),
            nodes: self.nodes(system, about.as_ref()),
            region,
            device,
            about,
            trouble,
        })
    }

    fn nodes(&self, system: &System, about: Option<&About>) -> Vec<Node> {
        if self.track.is_empty() {
            return Vec::new();
        }
        let roster = match about.map(|about| &about.superblock.membership) {
            Some(Membership::O2cb { cluster, .. }) => NodeNames::of(system, cluster.as_ref()),
            _ => NodeNames::default(),
        };
        let signs = self.track.signs();
        let nodes = signs.map(|(number, sign)| Node {
            number,
            name: roster.name(number).map(str::to_owned),
            known: roster.knows(number),
            own: roster.own == Some(number),
            sign,
            silence: self.track.silence(number),
            history: self.track.history(number).to_vec(),
        });
        let named = |node: &Node| node.name.is_some() || node.sign != Sign::Never;
        nodes.filter(named).collect()
    }
}
