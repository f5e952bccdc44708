//! A user-space cluster stack whose daemon, ocfs2_controld, keeps the group. The daemon joins for
//! the first service of a volume on this node and leaves after the last.
//!
//! A mount's service is its mount point. The kernel pins nothing here, so a service of a mount is
//! left only after its superblock has ended: no mount of it is visible, and the device is not
//! claimed. Then all services go that mounts of ours have registered.

mod join;
mod leave;
mod ledger;
pub(super) mod socket;
mod wire;

use super::cluster_stack::{ClusterStack, Group, Joined, NameOf};
use super::kernel_dlm;
use crate::disk::VolumeInfo;
use crate::heartbeat::{LeaveCause, LeaveOutcome, Watch};
use crate::host::System;
use crate::host::mounts::{self, DeviceNumber, Mount};
use crate::ids::{ClusterName, Service, StackName, Uuid};
use eyre::{Report, Result, WrapErr, bail, eyre};
use ledger::{Device, Ledger};
use std::ffi::OsString;
use wire::{Daemon, Message, OCFS2};

/// The C tools' service, for all mounts of a volume together.
const THEIRS: &str = "ocfs2";
/// The most clusters that an answer may list; a daemon has one.
const CLUSTERS_MAX: usize = 8;

/// The stack whose daemon is ocfs2_controld.
pub struct Controld<'s>(pub &'s System);

impl<'s> ClusterStack<'s> for Controld<'s> {
    fn serves(&self, name: StackName) -> Result<bool> {
        Ok(name == StackName::CMAN || name == StackName::PCMK)
    }

    fn of_volume(&self, volume: &VolumeInfo, running: StackName) -> Result<Box<dyn Group + 's>> {
        let cluster = super::checked_cluster(volume, running)?.clone();
        let path = volume.canonical.clone();
        Ok(Box::new(DaemonUsers {
            cluster: Some((running, cluster)),
            device: volume.number.map(|number| Device { number, path }),
            ..DaemonUsers::of_name(self.0, volume.superblock.uuid)
        }))
    }

    fn of_name(&self, name: Uuid, _: Option<DeviceNumber>) -> Result<Box<dyn Group + 's>> {
        Ok(Box::new(DaemonUsers::of_name(self.0, name)))
    }

    fn of_mount(&self, mount: &Mount, name: NameOf) -> Result<Box<dyn Group + 's>> {
        let known = ledger::volume_on(self.0, mount.device);
        let device = Device {
            number: mount.device,
            path: mount.source.clone(),
        };
        Ok(Box::new(DaemonUsers {
            device: Some(device),
            ..DaemonUsers::of_name(self.0, known.map_or_else(name, Ok)?)
        }))
    }

    /// Returns none without the daemon.
    fn cluster(&self) -> Result<Option<String>> {
        let watch: &mut Watch = &mut |_, _| Ok(());
        let daemon = Daemon::if_running(self.0, self.0.daemon_timeout, watch)?;
        let clusters = daemon.map_or(Ok(Vec::new()), |daemon| clusters(daemon, watch))?;
        Ok(clusters.into_iter().next())
    }

    fn describe(&self, name: Uuid) -> Result<String> {
        DaemonUsers::of_name(self.0, name).describe()
    }

    fn asks_first(&self) -> bool {
        true
    }

    fn tidy(&self) {
        leave::tidy(self.0);
    }
}

/// The users of a volume whose group the daemon keeps.
struct DaemonUsers<'s> {
    system: &'s System,
    uuid: Uuid,
    /// The stack and cluster to join with.
    cluster: Option<(StackName, ClusterName)>,
    device: Option<Device>,
}

impl<'s> DaemonUsers<'s> {
    /// Returns the users of a volume by its name, to leave or to ask.
    fn of_name(system: &'s System, uuid: Uuid) -> Self {
        Self {
            system,
            uuid,
            cluster: None,
            device: None,
        }
    }

    /// Returns whether the superblock is alive: a mount is visible, or the device is claimed, as
    /// there is no pin. Only the process with the ledger's lock asks, as an O_EXCL open might make
    /// a mount(2) fail.
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
            // A device that has another filesystem by now does not have this volume.
            return Ok(mount.kind == "ocfs2");
        }
        let number = mounts::number_at(self.system, &device.path).ok().flatten();
        let is_it = number == Some(device.number);
        match is_it.then(|| self.system.kernel().is_claimed(&device.path)) {
            Some(Ok(claimed)) => Ok(claimed),
            // A disk that is gone cannot be asked.
            _ => kernel_dlm::has_lock_space(self.system, self.uuid),
        }
    }

    /// Describes to the user what the daemon knows of the volume and the cluster.
    fn describe(&self) -> Result<String> {
        let watch: &mut Watch = &mut |_, _| Ok(());
        let clusters = clusters(self.connect(watch)?, watch)?;
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
            .list(&[b"DUMP"], watch)
            .wrap_err("asking what ocfs2_controld remembers")?;
        for line in String::from_utf8_lossy(&dump.concat()).lines() {
            text += &format!("\t{}\n", crate::report::printable(line));
        }
        Ok(format!("{}: {joined} refs\n{text}", self.uuid))
    }

    /// Returns whether the daemon has the volume's group, which may be in a join or a leave just
    /// now.
    fn is_listed(&self, cluster: &str, watch: &mut Watch) -> Result<bool> {
        let volumes = self
            .connect(watch)?
            .list(&[b"LISTFS", OCFS2, cluster.as_bytes()], watch)
            .wrap_err("asking for the cluster's volumes")?;
        let own = self.uuid.to_string();
        Ok(volumes.iter().any(|name| name == own.as_bytes()))
    }

    /// Makes a message about the volume.
    fn message(&self, command: &[u8], words: &[&[u8]]) -> Result<Message> {
        let uuid = self.uuid.to_string();
        Message::new(&[&[command, OCFS2, uuid.as_bytes()], words].concat())
    }

    fn connect(&self, watch: &mut Watch) -> Result<Daemon> {
        Daemon::connect(self.system, self.system.daemon_timeout, watch)
    }
}

impl Group for DaemonUsers<'_> {
    fn join(&self, service: &Service, watch: &mut Watch) -> Result<Option<Box<dyn Joined + '_>>> {
        Ok(Some(Box::new(self.register(service, watch)?)))
    }

    fn leave(&self, service: &Service) -> Result<LeaveOutcome> {
        self.leave_service(service)
    }

    fn superblock_leaves(&self, cause: LeaveCause) -> Result<LeaveOutcome> {
        self.leave_superblock(cause)
    }

    fn why_idle(&self) -> Option<&'static str> {
        None
    }

    fn stays(&self) -> &'static str {
        "group stays joined"
    }

    fn nothing_to_leave(&self, name: Uuid) -> Report {
        eyre!("the volume {name} has no such service with ocfs2_controld")
    }

    fn wait_in_mount(&self) -> Option<fn(&System) -> &'static str> {
        Some(kernel_dlm::mount_waits_for)
    }
}

/// Returns the names of the daemon's clusters, of which there is one.
fn clusters(mut daemon: Daemon, watch: &mut Watch) -> Result<Vec<String>> {
    let names = daemon.list(&[b"LISTCLUSTERS"], watch);
    let names = names.wrap_err("asking for the cluster's name")?.into_iter();
    let names = names.map(|name| String::from_utf8_lossy(&name).into_owned());
    Ok(names.collect())
}

fn name_of(service: &Service) -> OsString {
    match service {
        Service::Mount(point) => point.clone().into_os_string(),
        Service::Program(name) => name.into(),
        Service::Standing(name) => name.clone(),
        Service::OldMount => "mount".into(),
    }
}
