//! All that can be told of volumes' heartbeats: what this node has of them, what stands on their
//! disks, and which nodes write there. Only looks; needs neither cluster nor drivers.
//!
//! A program asks for one volume, or for all regions of its node:
//!
//! ```
//! use ocfs2box::inspect::{Inspector, Target};
//! use ocfs2box::host::System;
//! use ocfs2box::ondisk::heartbeat_slots::Sign;
//!
//! # let image = std::env::temp_dir().join(format!("inspect-{}.img", std::process::id()));
//! # std::fs::File::create(&image)?.set_len(64 << 20)?;
//! # let mkfs = "-q -b 512 -C 4K -N 1 -J size=4M -L data".split(' ');
//! # let made = std::process::Command::new("/usr/sbin/mkfs.ocfs2").args(mkfs).arg(&image).output()?;
//! # assert!(made.status.success(), "{made:?}");
//! let system = System::real();
//! // A device, or an image in a file, such as one that mkfs.ocfs2 -L data has just made.
//! let mut inspector = Inspector::new(&system, Target::Device(image.clone()), 1)?;
//! inspector.look_for_nodes(&mut || Ok(()))?;
//! let volume = inspector.inspected()?.remove(0);
//! let about = volume.about.expect("it was read");
//! assert_eq!(about.superblock.label.as_bytes(), b"data");
//! assert_eq!(about.geometry.expect("a place for heartbeats").blocks, 255);
//! let lives = |sign: &Sign| matches!(sign, Sign::Alive(_));
//! assert!(!volume.nodes.iter().any(|node| lives(&node.sign)));
//! # std::fs::remove_file(image)?;
//! # Ok::<(), eyre::Report>(())
//! ```

mod answer;
mod subject;

pub use answer::beats;

use crate::cluster::registered::RegisteredCluster;
use crate::disk::find;
use crate::disk::observer::{self, About, Observer};
use crate::heartbeat::survey::{self, Surveyed};
use crate::heartbeat::{State, survey::Snapshot};
use crate::host::System;
use crate::ids::{HeartbeatMode, Uuid};
use crate::ondisk::heartbeat_slots::{APART, Sign};
use crate::ondisk::slot_history::{Round, Track};
use crate::report::plain;
use eyre::Result;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};
use subject::Subject;

/// For the first answer of a device.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// A node that seems silent may only write late, and is given some more readings.
const READINGS: u32 = 4;

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Every region of this node.
    All,
    /// The volume on a device, or on an image in a file.
    Device(PathBuf),
    /// The volume of this name, wherever it is.
    Volume(Uuid),
}

/// A volume's heartbeat.
#[derive(Debug, Clone)]
pub struct Inspected {
    /// What this node has of it.
    pub region: Surveyed,
    /// The device, where one is known.
    pub device: Option<PathBuf>,
    /// What the device holds, once that was read.
    pub about: Option<About>,
    /// Why the device, or its slots, could not be read: a line.
    pub trouble: Option<String>,
    /// What a stack of user space says of it: lines.
    pub stack: Option<String>,
    /// The nodes of its cluster, as far as they are known, and whoever else has written a slot;
    /// by number. None before the slots were read.
    pub nodes: Vec<Node>,
}

/// What a heartbeat slot says of its node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The slot's number, which is the node's.
    pub number: u8,
    /// As the cluster calls it.
    pub name: Option<String>,
    /// Does the cluster have it? None where the cluster is not known here.
    pub known: Option<bool>,
    /// This node.
    pub own: bool,
    /// What the slot says.
    pub sign: Sign,
    /// How long it has not been seen to change.
    pub silence: Duration,
    /// The last rounds, the newest last.
    pub history: Vec<Round>,
}

/// Looks at volumes, once or for as long as it is asked to.
pub struct Inspector<'s> {
    system: &'s System,
    target: Target,
    rounds: usize,
    subjects: Vec<Subject>,
}

impl<'s> Inspector<'s> {
    /// Looks for what is asked for. Devices are opened to find those of regions that do not beat. A
    /// history
    /// of `rounds` is kept.
    ///
    /// # Errors
    /// The cluster's regions cannot be listed.
    pub fn new(system: &'s System, target: Target, rounds: usize) -> Result<Self> {
        let mut inspector = Self {
            system,
            rounds,
            subjects: Vec::new(),
            target,
        };
        match inspector.target.clone() {
            Target::All => inspector.refresh()?,
            Target::Device(device) => inspector.add(None, Ok(device)),
            Target::Volume(uuid) => {
                let device = device_of(system, uuid).map(|(device, _)| device);
                inspector.add(Some(uuid), device);
            }
        }
        Ok(inspector)
    }

    /// What was asked for.
    pub fn target(&self) -> &Target {
        &self.target
    }

    fn add(&mut self, uuid: Option<Uuid>, device: Result<PathBuf>) {
        let (observer, trouble) = match device {
            Ok(device) => (Some(Observer::new(device)), None),
            Err(report) => (None, Some(plain(format_args!("{report:#}")))),
        };
        self.subjects.push(Subject {
            uuid,
            observer,
            track: Track::new(self.rounds),
            trouble,
        });
    }

    /// Regions that have come since are looked at too, and those that have gone no more.
    pub fn refresh(&mut self) -> Result<()> {
        if self.target != Target::All {
            return Ok(());
        }
        let live = RegisteredCluster::if_loaded(self.system)?;
        let regions = live.map_or(Ok(Vec::new()), |live| live.regions())?;
        self.subjects
            .retain(|subject| subject.uuid.is_some_and(|uuid| regions.contains(&uuid)));
        let mut nowhere = Vec::new();
        for uuid in regions {
            let device = survey::of_volume(self.system, uuid).device(self.system);
            let known = (self.subjects.iter_mut()).find(|subject| subject.uuid == Some(uuid));
            match (known, device) {
                (None, Some(device)) => self.add(Some(uuid), Ok(device)),
                (None, None) => nowhere.push(uuid),
                // It has begun to beat.
                (Some(subject), Some(device)) if subject.observer.is_none() => {
                    subject.observer = Some(Observer::new(device));
                }
                _ => {}
            }
        }
        if !nowhere.is_empty() {
            let search = find::search(self.system, &nowhere)?;
            for uuid in nowhere {
                let device = search.device(self.system, uuid).map(PathBuf::from);
                self.add(Some(uuid), device);
            }
        }
        Ok(())
    }

    /// Has every device read once, and waits for the answers until `deadline` at most. `tick` is
    /// called some five times a second; its error ends the wait.
    pub fn read(&mut self, deadline: Instant, tick: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        for observer in self.subjects.iter_mut().filter_map(Subject::observer) {
            observer.ask(self.system)?;
        }
        let mut observers: Vec<_> = (self.subjects.iter_mut())
            .filter_map(Subject::observer)
            .collect();
        observer::listen(&mut observers, deadline, tick)?;
        self.subjects.iter_mut().for_each(Subject::hear);
        Ok(())
    }

    /// What the devices hold: one reading. A device has [`TIMEOUT`].
    pub fn look_at_devices(&mut self, tick: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        self.read(Instant::now() + TIMEOUT, tick)
    }

    /// Who lives: two readings at least, an interval apart. A device that hangs is not waited for
    /// again.
    pub fn look_for_nodes(&mut self, tick: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        let mut began = Instant::now();
        self.look_at_devices(tick)?;
        if self.subjects.iter().all(|subject| subject.track.is_empty()) {
            return Ok(());
        }
        for reading in 1..READINGS {
            let wall = wall_clock();
            let mut tracks = self.subjects.iter().map(|subject| &subject.track);
            if reading > 1 && !tracks.any(|track| track.is_doubtful(wall)) {
                break;
            }
            began = Instant::now().max(began + APART);
            while Instant::now() < began {
                tick()?;
                std::thread::sleep(Duration::from_millis(100));
            }
            self.read(Instant::now() + APART, tick)?;
        }
        Ok(())
    }

    /// What has been found.
    ///
    /// # Errors
    /// The one device that was asked for tells nothing, not even whose it is.
    pub fn inspected(&self) -> Result<Vec<Inspected>> {
        self.subjects
            .iter()
            .map(|subject| subject.inspected(self.system))
            .collect()
    }
}

/// The device of a volume: by configfs, so that nothing is read, or else among all block devices.
/// Those that have not answered in time are told too.
///
/// # Errors
/// None has it, or two have: as [`find::Search::device`].
pub fn device_of(system: &System, uuid: Uuid) -> Result<(PathBuf, Option<String>)> {
    if let Some(device) = survey::of_volume(system, uuid).device(system) {
        return Ok((device, None));
    }
    let search = find::search(system, &[uuid])?;
    let device = search.device(system, uuid)?.to_owned();
    Ok((device, search.skipped()))
}

impl Inspected {
    /// Do its nodes beat elsewhere, on the regions of the cluster (global heartbeat)?
    pub fn beats_elsewhere(&self) -> bool {
        let superblock = self.about.as_ref().map(|about| &about.superblock);
        let there = |seen: &Snapshot| seen.state != State::Absent;
        superblock.is_some_and(|superblock| {
            superblock.membership.heartbeat() == Some(HeartbeatMode::Global)
                && !superblock.is_heartbeat_device()
        }) && !self.region.seen.as_ref().is_ok_and(there)
    }
}

/// Seconds since 1970.
pub fn wall_clock() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}
