//! The o2cb stack: a disk heartbeat of the volume's own (local), or the cluster's (global).

mod cluster;

use super::cluster_stack::{ClusterStack, Group, Joined, NameOf};
use crate::cluster::driver::{self, CallOut};
use crate::cluster::registered::{self, RegisteredCluster};
use crate::disk::VolumeInfo;
use crate::heartbeat::{
    self, Completion, Heartbeat, HeartbeatGuard, LeaveCause, LeaveOutcome, Source, UnmountState,
    Watch,
};
use crate::host::System;
use crate::host::mounts::{DeviceNumber, Mount};
use crate::ids::{HeartbeatMode, Service, StackName, Uuid};
use crate::syscall::fork;
use crate::syscall::ioprio::Level;
use eyre::{Result, bail, eyre};
use std::io;
use std::time::Duration;

/// The o2cb stack.
pub struct O2cb<'s>(pub &'s System);

impl<'s> ClusterStack<'s> for O2cb<'s> {
    fn serves(&self, name: StackName) -> Result<bool> {
        Ok(name == StackName::O2CB)
    }

    fn of_volume(&self, volume: &VolumeInfo, running: StackName) -> Result<Box<dyn Group + 's>> {
        let Self(system) = *self;
        let membership = &volume.superblock.membership;
        let name = membership.cluster();
        let on_disk = membership.heartbeat().unwrap_or(HeartbeatMode::Local);
        if running != StackName::O2CB {
            let cluster = name.map_or("a cluster".into(), |name| format!("cluster \"{name}\""));
            bail!(
                "the volume belongs to {cluster} (stack o2cb); this node runs the stack {running} \
                 (to change that: unmount what uses it, then o2cb unload and o2cb online)"
            );
        }
        let live = cluster::online(system, name)?;
        let mode = live.heartbeat_mode()?;
        if mode != on_disk {
            bail!(
                "the volume is made for {on_disk} heartbeat, cluster \"{}\" runs {mode} heartbeat \
                 (set heartbeat_mode in cluster.conf on all nodes, or change the volume with \
                 tunefs.ocfs2 --update-cluster-stack)",
                live.name(),
            );
        }
        if mode.is_global() {
            return Ok(Box::new(ClusterHeartbeat(system)));
        }
        let heartbeat = Heartbeat::new(system, live.path(), volume.superblock.uuid);
        Ok(Box::new(HeartbeatUsers {
            system,
            source: source(volume),
            ending: heartbeat.ending(volume.number)?,
            heartbeat,
        }))
    }

    fn of_name(&self, name: Uuid, device: Option<DeviceNumber>) -> Result<Box<dyn Group + 's>> {
        let Self(system) = *self;
        let live = RegisteredCluster::if_loaded(system)?
            .ok_or_else(|| eyre!("no cluster is online on this node"))?;
        if live.heartbeat_mode()?.is_global() {
            return Ok(Box::new(ClusterHeartbeat(system)));
        }
        let heartbeat = Heartbeat::new(system, live.path(), name);
        Ok(Box::new(HeartbeatUsers {
            system,
            source: None,
            ending: heartbeat.ending(device)?,
            heartbeat,
        }))
    }

    fn of_mount(&self, mount: &Mount, name: NameOf) -> Result<Box<dyn Group + 's>> {
        let region = registered::region_on(self.0, mount.device)?;
        self.of_name(region.map_or_else(name, Ok)?, Some(mount.device))
    }

    fn cluster(&self) -> Result<Option<String>> {
        Ok(match RegisteredCluster::if_loaded(self.0)? {
            Some(live) if live.is_online()? => Some(live.name().to_string()),
            _ => None,
        })
    }

    fn describe(&self, name: Uuid) -> Result<String> {
        let count = heartbeat::references(self.0, name)?;
        Ok(format!("{name}: {count} refs\n"))
    }

    /// Removes the regions that only a dead superblock refers to. Leaves a region alone that another
    /// process works on, or that cannot be removed.
    fn tidy(&self) {
        /// A region's thread ends within its interval of 2 s, unless its disk hangs.
        const TIMEOUT: Duration = Duration::from_secs(5);
        let Ok(Some(live)) = RegisteredCluster::find(self.0) else {
            return;
        };
        if !matches!(live.heartbeat_mode(), Ok(HeartbeatMode::Local)) {
            return;
        }
        let regions = live.regions().unwrap_or_default().into_iter();
        let heartbeats: Vec<_> = regions
            .map(|region| Heartbeat::new(self.0, live.path(), region))
            .filter(|heartbeat| heartbeat.looks_idle().unwrap_or(false))
            .collect();
        if !heartbeats.is_empty() {
            // In a child: this caller does not wait for a disk that hangs.
            let _ = fork::call_in_child(TIMEOUT, || {
                for heartbeat in &heartbeats {
                    let _ = heartbeat.tidy_unless_locked();
                }
                Ok(())
            });
        }
    }
}

const IS_GLOBAL: &str = "the cluster has global heartbeat, whose regions are no volume's own (o2cb \
                         start-heartbeat and stop-heartbeat start and stop them)";

/// The cluster's own heartbeat (global): nothing is started or stopped for a volume.
struct ClusterHeartbeat<'s>(&'s System);

impl Group for ClusterHeartbeat<'_> {
    fn join(&self, service: &Service, _: &mut Watch) -> Result<Option<Box<dyn Joined + '_>>> {
        if !matches!(service, Service::Standing(_) | Service::OldMount) {
            cluster::check_beat(self.0)?;
        }
        Ok(None)
    }

    fn why_idle(&self) -> Option<&'static str> {
        Some(IS_GLOBAL)
    }

    fn prefer_heartbeat_io(&self, _: Level) -> Result<()> {
        bail!("nothing done: {IS_GLOBAL}")
    }
}

/// The users of a volume's own heartbeat (local), in the cluster that is online here.
struct HeartbeatUsers<'s> {
    system: &'s System,
    heartbeat: Heartbeat<'s>,
    /// Where to start it; unknown where only the region's name is known.
    source: Option<Source>,
    /// The superblock's state before an unmount.
    ending: UnmountState,
}

impl HeartbeatUsers<'_> {
    fn leave_or_refuse(
        &self,
        leave: &dyn Fn(&Heartbeat) -> Result<LeaveOutcome>,
    ) -> Result<LeaveOutcome> {
        match self.heartbeat.leave_after_superblock(leave)? {
            LeaveOutcome::StillAlive | LeaveOutcome::StillMounted(_) => {
                Err(self.heartbeat.refusal())
            }
            left => Ok(left),
        }
    }
}

impl Group for HeartbeatUsers<'_> {
    fn join(&self, service: &Service, watch: &mut Watch) -> Result<Option<Box<dyn Joined + '_>>> {
        let source = self.source.as_ref().ok_or_else(|| {
            eyre!("a heartbeat needs a block device (for an image: a loop device)")
        })?;
        // The C tools' callout decrements the references and leaves the mark in place.
        let marked = driver::call_out(self.system)? != CallOut::Foreign;
        let guard = self.heartbeat.hold(source, service, marked, watch)?;
        Ok(Some(Box::new(guard)))
    }

    fn leave(&self, service: &Service) -> Result<LeaveOutcome> {
        match service {
            Service::Mount(_) => {
                let leave = |here: &Heartbeat| here.leave_superblock(LeaveCause::Tool, self.ending);
                let left = self.heartbeat.in_child(&leave)?;
                if left == LeaveOutcome::StillAlive {
                    self.heartbeat.leave_superblock_later(self.ending)?;
                }
                Ok(left)
            }
            Service::Program(_) => self.heartbeat.leave_process(),
            Service::Standing(_) => self.leave_or_refuse(&|here| here.leave_program()),
            Service::OldMount => self.superblock_leaves(LeaveCause::OldMount),
        }
    }

    fn superblock_leaves(&self, cause: LeaveCause) -> Result<LeaveOutcome> {
        self.leave_or_refuse(&|here| here.leave_superblock(cause, self.ending))
    }

    fn why_idle(&self) -> Option<&'static str> {
        None
    }

    fn prefer_heartbeat_io(&self, level: Level) -> Result<()> {
        self.heartbeat.prefer_io(level)
    }
}

impl Joined for HeartbeatGuard<'_> {
    fn complete(self: Box<Self>, service: &Service, purpose: &io::Result<()>) -> Completion {
        match (purpose, service) {
            (Err(_), _) => self.release()?,
            (Ok(()), Service::Mount(_)) => return self.give_to_superblock(),
            (Ok(()), Service::Standing(_) | Service::OldMount) => self.make_lasting()?,
            (Ok(()), Service::Program(_)) => self.keep(),
        }
        Ok(Ok(()))
    }
}

/// Returns where the heartbeat region is; none for an image in a file, or a volume without
/// heartbeat.
pub(super) fn source(volume: &VolumeInfo) -> Option<Source> {
    Some(Source {
        device: volume.canonical.clone(),
        number: volume.number?,
        geometry: volume.geometry?,
    })
}
