//! One volume on a node, as the kernel shows it, and the ordinary calls that change it.

use crate::cases::Stack;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use ocfs2box::crc;
use ocfs2box::syscall::sem::Set;

pub const CLUSTERS: &str = "/sys/kernel/config/cluster";

pub struct Volume {
    pub device: String,
    pub uuid: String,
    pub stack: Stack,
}

/// What there is of a volume on this node.
#[derive(Debug, PartialEq, Eq)]
pub struct Look {
    /// Where it is mounted, as far as this mount namespace shows.
    pub places: Vec<String>,
    /// The driver has it, seen or not.
    pub superblock: bool,
    /// What the region's `dev` reads; none without a region.
    pub region: Option<String>,
    /// References and the superblock's mark; none without the semaphores.
    pub references: Option<(u32, u32)>,
    /// What the control daemon has; none without one.
    pub services: Vec<String>,
}

impl Look {
    pub fn is_clean(&self) -> bool {
        *self
            == Look {
                places: Vec::new(),
                superblock: false,
                region: None,
                references: None,
                services: Vec::new(),
            }
    }

    pub fn beats(&self) -> bool {
        self.region
            .as_ref()
            .is_some_and(|device| !device.is_empty())
            || !self.services.is_empty()
    }

    /// What keeps the mounts is theirs alone.
    pub fn is_owned(&self) -> bool {
        self.references == Some((1, 1))
            || self.region.is_none() && self.services.len() == self.places.len()
    }

    pub fn count(&self) -> u32 {
        self.references.map_or(0, |(count, _)| count)
    }
}

impl Volume {
    pub fn directory(&self) -> String {
        format!("/mnt/{}", self.name())
    }

    pub fn second(&self) -> String {
        format!("/mnt/{}.second", self.name())
    }

    pub fn name(&self) -> &str {
        self.device.trim_start_matches("/dev/")
    }

    pub fn region(&self) -> Option<PathBuf> {
        clusters()
            .into_iter()
            .map(|cluster| cluster.join("heartbeat").join(&self.uuid))
            .find(|path| path.exists())
    }

    /// Starts (`-S`) or stops (`-K`) the heartbeat for a program.
    pub fn hb_ctl(&self, action: &str) -> Result<(), String> {
        ordinary(&[
            "/usr/sbin/ocfs2_hb_ctl",
            action,
            "-d",
            &self.device,
            "judge",
        ])
    }

    pub fn look(&self) -> Result<Look, String> {
        let table = fs::read_to_string("/proc/mounts").map_err(|error| error.to_string())?;
        let places = table
            .lines()
            .filter_map(|line| line.strip_prefix(&format!("{} ", self.device)))
            .filter_map(|rest| rest.split(' ').next())
            .map(str::to_owned)
            .collect();
        let device = |region: PathBuf| {
            let device = fs::read_to_string(region.join("dev")).unwrap_or_default();
            device.trim_end().to_owned()
        };
        Ok(Look {
            places,
            superblock: Path::new("/sys/fs/ocfs2").join(self.name()).exists(),
            region: self.region().map(device),
            references: self.references().map_err(|error| error.to_string())?,
            services: match self.stack {
                Stack::O2cb => Vec::new(),
                Stack::Cman => self.services()?,
            },
        })
    }

    /// As the peer's DUMP shows them.
    fn services(&self) -> Result<Vec<String>, String> {
        let mut command = Command::new("/usr/sbin/ocfs2_hb_ctl");
        let output = command.args(["-I", "-u", &self.uuid]).output();
        let shown = output.map_err(|error| error.to_string())?;
        if !shown.status.success() {
            return Err(String::from_utf8_lossy(&shown.stderr).into_owned());
        }
        let text = String::from_utf8_lossy(&shown.stdout).into_owned();
        let own = format!("\t{} ", self.uuid);
        let services = text.lines().find_map(|line| line.strip_prefix(&own));
        let services = services.map(|services| services.split(',').map(str::to_owned));
        Ok(services.into_iter().flatten().collect())
    }

    fn references(&self) -> io::Result<Option<(u32, u32)>> {
        let crc = !crc::update(!0, self.uuid.as_bytes());
        let set = match Set::open(i32::from_ne_bytes(crc.to_ne_bytes())) {
            Ok(set) => set,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match (set.value(1), set.value(2)) {
            (Ok(count), mark) => Ok(Some((count, mark.unwrap_or(0)))),
            // Removed between the two.
            (Err(_), _) => Ok(None),
        }
    }

    /// Nothing of it is left, at the latest after some seconds: a child of an applet's may
    /// still be at it.
    pub fn is_clean_soon(&self) -> Result<(), String> {
        const TIMEOUT: Duration = Duration::from_secs(20);
        let begin = Instant::now();
        loop {
            let look = self.look()?;
            if look.is_clean() {
                return Ok(());
            }
            if begin.elapsed() > TIMEOUT {
                return Err(format!("left over: {look:?}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

pub fn clusters() -> Vec<PathBuf> {
    let directories = fs::read_dir(CLUSTERS).into_iter().flatten().flatten();
    directories.map(|entry| entry.path()).collect()
}

/// An ordinary call, which has to succeed.
pub fn ordinary(argv: &[&str]) -> Result<(), String> {
    let output = Command::new(argv[0])
        .args(&argv[1..])
        .output()
        .map_err(|error| format!("{}: {error}", argv[0]))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "the ordinary call {}: {}: {}",
            argv.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}
