//! A stack of user space whose daemon, ocfs2_controld, keeps the group: it joins for the first
//! service of a volume on this node and leaves after the last.
//!
//! A mount's service is its mount point. The kernel pins nothing here, so that no service of a
//! mount is left before its superblock has ended: no mount of it is to be seen, and nobody has
//! claimed the device. Then all go that mounts of ours have registered.

mod join;
mod leave;
mod ledger;
pub(super) mod socket;
mod wire;

pub use join::{NoGroup, Registration};
pub use leave::tidy;

use super::kernel_dlm;
use crate::disk::VolumeInfo;
use crate::heartbeat::Watch;
use crate::host::System;
use crate::host::mounts::{self, DeviceNumber, Mount};
use crate::ids::{ClusterName, Service, StackName, Uuid};
use eyre::{Result, WrapErr, bail};
use ledger::{Device, Ledger};
use std::borrow::Cow;
use std::ffi::OsString;
use wire::{Daemon, Message, OCFS2, Refused};

/// The C tools' service, for all mounts of a volume together.
const THEIRS: &str = "ocfs2";
/// A daemon has one.
const CLUSTERS_MAX: usize = 8;

/// A volume whose group the daemon keeps.
pub struct Controld<'s> {
    system: &'s System,
    uuid: Uuid,
    /// What to join with.
    cluster: Option<(StackName, ClusterName)>,
    device: Option<Device>,
}

impl<'s> Controld<'s> {
    /// To join; `running` is the node's stack.
    ///
    /// # Errors
    /// It is not the volume's.
    pub fn of_volume(system: &'s System, volume: &VolumeInfo, running: StackName) -> Result<Self> {
        let cluster = super::checked_cluster(volume, running)?.clone();
        let path = volume.canonical.clone();
        Ok(Self {
            system,
            uuid: volume.superblock.uuid,
            cluster: Some((running, cluster)),
            device: volume.number.map(|number| Device { number, path }),
        })
    }

    /// To leave a mount.
    pub fn of_mount(system: &'s System, uuid: Uuid, mount: &Mount) -> Self {
        Self {
            device: Some(Device {
                number: mount.device,
                path: mount.source.clone(),
            }),
            ..Self::of_name(system, uuid)
        }
    }

    /// To leave, or to ask.
    pub fn of_name(system: &'s System, uuid: Uuid) -> Self {
        Self {
            system,
            uuid,
            cluster: None,
            device: None,
        }
    }

    /// Is the superblock alive? No pin tells, but a mount that is to be seen, or a claim. Only
    /// whoever has the ledger's lock asks, as an O_EXCL open might make a mount(2) fail.
    fn lives(&self, ledger: &Ledger) -> Result<bool> {
        match (self.device.as_ref(), ledger.device()) {
            (None, None) => kernel_dlm::has_lock_space(self.system, self.uuid),
            (Some(own), Some(other)) if own != other => {
                Ok(self.is_alive(own)? || self.is_alive(other)?)
            }
            (Some(device), _) | (None, Some(device)) => self.is_alive(device),
        }
    }

    fn is_alive(&self, device: &Device) -> Result<bool> {
        let table = mounts::visible(self.system)?;
        if let Some(mount) = table.iter().find(|mount| mount.device == device.number) {
            // A device that has another filesystem by now has not ours.
            return Ok(mount.kind == "ocfs2");
        }
        let kernel = self.system.kernel();
        let number = rustix::fs::stat(&device.path).map(|found| found.st_rdev);
        let number = number.ok().map(DeviceNumber::from_raw);
        let claimed = match kernel.block_device(&device.path, number) == Some(device.number) {
            true => kernel.is_claimed(&device.path).ok(),
            false => None,
        };
        match claimed {
            Some(claimed) => Ok(claimed),
            // A disk that is gone cannot be asked.
            None => kernel_dlm::has_lock_space(self.system, self.uuid),
        }
    }

    /// What the daemon knows of the volume and the cluster, for the user.
    pub(super) fn describe(&self) -> Result<String> {
        let watch: &mut Watch = &mut |_, _| Ok(());
        let clusters = clusters(self.system, watch)?;
        if clusters.len() > CLUSTERS_MAX {
            bail!(
                "ocfs2_controld names {} clusters (see its log)",
                clusters.len()
            );
        }
        let mut joined = 0;
        let mut text = String::new();
        for cluster in &clusters {
            joined += usize::from(self.is_listed(cluster, watch)?);
            text += &format!("\tcluster {}\n", crate::report::printable(cluster));
        }
        let dump = self
            .connect(watch)?
            .list(&Message::new(&[b"DUMP"])?, watch)
            .wrap_err("asking what ocfs2_controld remembers")?;
        for line in String::from_utf8_lossy(&dump.concat()).lines() {
            text += &format!("\t{}\n", crate::report::printable(line));
        }
        Ok(format!("{}: {joined} refs\n{text}", self.uuid))
    }

    /// The daemon has the volume's group, which may be joined or left just now.
    fn is_listed(&self, cluster: &str, watch: &mut Watch) -> Result<bool> {
        let question = Message::new(&[b"LISTFS", OCFS2, cluster.as_bytes()])?;
        let volumes = self
            .connect(watch)?
            .list(&question, watch)
            .wrap_err("asking for the cluster's volumes")?;
        let own = self.uuid.to_string();
        Ok(volumes.iter().any(|name| name == own.as_bytes()))
    }

    fn connect(&self, watch: &mut Watch) -> Result<Daemon> {
        connect(self.system, watch)
    }
}

/// The cluster that this node is a member of; none without the daemon.
pub fn cluster(system: &System) -> Result<Option<String>> {
    match clusters(system, &mut |_, _| Ok(())) {
        Err(report) if socket::is_absent(&report) => Ok(None),
        other => Ok(other?.into_iter().next()),
    }
}

/// The names of the daemon's clusters, of which there is one.
fn clusters(system: &System, watch: &mut Watch) -> Result<Vec<String>> {
    let names = connect(system, watch)?
        .list(&Message::new(&[b"LISTCLUSTERS"])?, watch)
        .wrap_err("asking for the cluster's name")?;
    let names = names.iter().map(|name| String::from_utf8_lossy(name));
    Ok(names.map(Cow::into_owned).collect())
}

fn connect(system: &System, watch: &mut Watch) -> Result<Daemon> {
    Daemon::connect(system, system.daemon_timeout(), watch)
}

/// The volume on `device` that mounts of ours have registered.
pub fn volume_on(system: &System, device: DeviceNumber) -> Option<Uuid> {
    ledger::volume_on(system, device)
}

fn name_of(service: &Service) -> OsString {
    match service {
        Service::Mount(point) => point.clone().into_os_string(),
        Service::Program(name) => name.into(),
        Service::Standing(name) => name.clone(),
        Service::OldMount => "mount".into(),
    }
}

/// The daemon's own word, apart from what is no word of it.
fn refusal(answer: Result<()>) -> Result<Option<Refused>> {
    match answer {
        Ok(()) => Ok(None),
        Err(report) => report.downcast::<Refused>().map(Some),
    }
}
