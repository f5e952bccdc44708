//! One worker: a random walk over what can be done with the volumes.

mod act;

use crate::chance::Chance;
use crate::expected::Kind;
use crate::state::Node;
use std::fs;
use std::time::{Duration, Instant};

/// For what others have to end before it can be given up.
const TIMEOUT: Duration = Duration::from_secs(180);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Mount,
    Bind,
    Move,
    Share,
    Unmount,
    UnmountLazily,
    UnmountOpen,
    Start,
    Stop,
    Exec,
    ExecAlone,
    Online,
    Offline,
    Look,
    KillWaiter,
    Audit,
    Rest,
}

use Action::*;

pub struct Worker<'n> {
    node: &'n Node,
    number: usize,
    chance: Chance,
    /// The references that it has taken with `-S`, by volume.
    references: Vec<u32>,
    /// Tools are killed.
    kills: bool,
}

impl<'n> Worker<'n> {
    pub fn new(node: &'n Node, number: usize) -> Self {
        Self {
            node,
            number,
            chance: Chance::new(node.seed, &node.name, number),
            references: vec![0; node.volumes.len()],
            kills: true,
        }
    }

    /// Works until the time is over, then gives up all that it has.
    pub fn run(mut self) {
        for volume in 0..self.node.volumes.len() {
            for place in self.places(volume) {
                let made = fs::create_dir_all(&place);
                made.unwrap_or_else(|error| self.fail(&format!("{place}: {error}")));
            }
        }
        while self.node.goes_on() {
            let volume = self.chance.below(self.node.volumes.len());
            let possible = self.possible(volume);
            let action = self.chance.pick(&possible);
            self.act(volume, action);
            let pause = self.chance.moment(Duration::from_millis(500));
            std::thread::sleep(pause);
        }
        self.kills = false;
        for volume in 0..self.node.volumes.len() {
            self.give_up(volume);
        }
    }

    /// An action stands there as often as it is likely.
    fn possible(&self, volume: usize) -> Vec<Action> {
        let mounted = self.mounted(volume).len();
        let held = self.references[volume];
        let ebb = self.node.is_ebb();
        let mut all = vec![Look, KillWaiter, Rest, Offline, Online];
        let mut add = |possible, actions: &[Action]| {
            if possible {
                all.extend_from_slice(actions);
            }
        };
        add(ebb, &[Offline, Offline, Online, Audit, Rest, Rest]);
        add(!ebb && mounted == 0, &[Mount, Mount, Mount, Mount]);
        add(!ebb && mounted == 1, &[Mount, Bind, Bind]);
        add(!ebb && mounted > 0 && mounted < 3, &[Move]);
        add(
            mounted > 0,
            &[Share, Share, Unmount, Unmount, UnmountLazily, UnmountOpen],
        );
        add(mounted > 0 && ebb, &[Unmount, Unmount, Unmount]);
        add(held > 0, &[Stop, Stop]);
        add(!ebb && held < 2, &[Start, Start]);
        add(!ebb, &[Exec, ExecAlone]);
        all
    }

    fn give_up(&mut self, volume: usize) {
        let begun = Instant::now();
        while let Some(place) = self.mounted(volume).pop() {
            self.run_tool(volume, Kind::Unmount, &format!("umount {place}"));
        }
        while self.references[volume] > 0 {
            self.act(volume, Stop);
            if begun.elapsed() > TIMEOUT {
                self.fail("cannot give its references back");
            }
        }
    }

    fn places(&self, volume: usize) -> [String; 3] {
        let name = self.node.volumes[volume].volume.name();
        [0, 1, 2].map(|place| format!("/mnt/w{}-{name}-{place}", self.number))
    }

    /// Its own places that are mounted, as the kernel has it.
    fn mounted(&self, volume: usize) -> Vec<String> {
        let look = self.node.volumes[volume].volume.look();
        let mut places = look.unwrap_or_else(|error| self.fail(&error)).places;
        let own = self.places(volume);
        places.retain(|place| own.contains(place));
        places
    }

    fn log(&self, what: &str) {
        self.node.log(&format!("w{}", self.number), what);
    }

    fn fail(&self, what: &str) -> ! {
        self.node.fail(&format!("w{}", self.number), what)
    }
}
