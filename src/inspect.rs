//! All that is known of volumes' heartbeats: this node's part in them, what is on their disks, and
//! which nodes write there. It only reads; it needs neither cluster nor drivers.
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
//! assert_eq!(about.superblock.label, b"data");
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
use crate::wait::sleep_until;
use eyre::Result;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};
use subject::Subject;

/// The timeout of a device's first answer.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// The extra readings for a node that seems silent: it may only write late.
const READINGS: u32 = 4;

/// The target of an inspection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Every region of this node.
    All,
    /// The volume on a device, or on an image in a file.
    Device(PathBuf),
    /// The volume of this UUID, wherever it is.
    Volume(Uuid),
}

/// A volume's heartbeat.
#[derive(Debug, Clone)]
pub struct Inspected {
    /// This node's state of it.
    pub region: Surveyed,
    /// The device, where one is known.
    pub device: Option<PathBuf>,
    /// What the device holds, once it was read.
    pub about: Option<About>,
    /// The reason why the device, or its slots, could not be read: a line.
    pub trouble: Option<String>,
    /// The report of a user-space cluster stack: lines.
    pub stack: Option<String>,
    /// The known nodes of its cluster, and any other node that has written a slot; by number. None
    /// before the slots were read.
    pub nodes: Vec<Node>,
}

/// A node's state according to its heartbeat slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The slot's number, which is the node's.
    pub number: u8,
    /// The name in the cluster.
    pub name: Option<String>,
    /// Whether the cluster has the node; none where the cluster is not known here.
    pub known: Option<bool>,
    /// Whether it is this node.
    pub own: bool,
    /// The state of the slot.
    pub sign: Sign,
    /// The time since the slot was last seen to change.
    pub silence: Duration,
    /// The last rounds, the newest last.
    pub history: Vec<Round>,
}

/// Inspects volumes, once or repeatedly.
pub struct Inspector<'s> {
    system: &'s System,
    target: Target,
    rounds: usize,
    subjects: Vec<Subject>,
}

impl<'s> Inspector<'s> {
    /// Makes an inspector of `target`. It opens devices to find those of regions whose heartbeat is
    /// inactive, and keeps a history of `rounds`.
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

    /// Returns the target of the inspection.
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

    /// Adds regions that have come since, and drops those that have gone.
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
                // Its heartbeat has started.
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

    /// Reads every device once, and waits for the answers until `deadline` at most. `tick` is
    /// called some five times a second; its error ends the wait.
    pub fn read(&mut self, deadline: Instant, tick: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        let mut observers: Vec<_> = (self.subjects.iter_mut())
            .filter_map(|subject| subject.observer.as_mut())
            .collect();
        for observer in &mut observers {
            observer.ask(self.system)?;
        }
        observer::listen(&mut observers, deadline, tick)?;
        self.subjects.iter_mut().for_each(Subject::hear);
        Ok(())
    }

    /// Reads what the devices hold, once. A device has [`TIMEOUT`].
    pub fn look_at_devices(&mut self, tick: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        self.read(Instant::now() + TIMEOUT, tick)
    }

    /// Determines which nodes are alive: two readings at least, an interval apart. It waits only
    /// once for a device that hangs.
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
            sleep_until(began, tick)?;
            self.read(Instant::now() + APART, tick)?;
        }
        Ok(())
    }

    /// Returns what has been found.
    ///
    /// # Errors
    /// The only device asked for cannot be read, and its volume is unknown.
    pub fn inspected(&self) -> Result<Vec<Inspected>> {
        self.subjects
            .iter()
            .map(|subject| subject.inspected(self.system))
            .collect()
    }
}

/// Returns the device of a volume: by configfs, which reads nothing, or else among all block
/// devices. The text names the devices that have not answered in time.
///
/// # Errors
/// No device has it, or two have: as [`find::Search::device`].
pub fn device_of(system: &System, uuid: Uuid) -> Result<(PathBuf, Option<String>)> {
    if let Some(device) = survey::of_volume(system, uuid).device(system) {
        return Ok((device, None));
    }
    let search = find::search(system, &[uuid])?;
    let device = search.device(system, uuid)?.to_owned();
    Ok((device, search.skipped()))
}

impl Inspected {
    /// Returns whether its nodes heartbeat elsewhere, on the regions of the cluster (global
    /// heartbeat).
    pub fn beats_elsewhere(&self) -> bool {
        let superblock = self.about.as_ref().map(|about| &about.superblock);
        let there = |seen: &Snapshot| seen.state != State::Absent;
        superblock.is_some_and(|superblock| {
            superblock.membership.heartbeat() == Some(HeartbeatMode::Global)
                && !superblock.is_heartbeat_device()
        }) && !self.region.seen.as_ref().is_ok_and(there)
    }
}

/// Returns the seconds since 1970.
pub fn wall_clock() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}
