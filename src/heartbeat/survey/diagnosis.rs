//! What is wrong with a region: the one diagnosis for everything that shows, repairs or decides.

use super::{Party, Snapshot};
use crate::heartbeat::{REBOOT, State, Thread};
use crate::host::places;
use crate::ids::Uuid;

/// What is wrong with a region, or may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The region was made and has no heartbeat: its start was cut off, or is under way.
    HalfStarted(Thread),
    /// The region is absent, and its semaphores are there.
    NoRegion,
    /// The device that the region heartbeats on is gone, so that it can never do that again.
    DeviceGone,
    /// No process and no mounted volume refers to the region.
    Idle,
    /// One of several references is marked as the superblock's, and the volume is not mounted.
    MarkStale,
    /// The volume is mounted, and has no reference: only the pin keeps its heartbeat.
    Uncounted,
    /// So many references belong to no mount and to no visible process: those of `ocfs2_hb_ctl -S`,
    /// and those that were lost.
    Unowned(u32),
}

/// What a repair does about a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Does nothing: nothing is wrong with the region, or nothing that matters.
    None,
    /// Removes the region and its semaphores, which are proven to be of no use.
    Remove,
    /// Gives back the reference of a superblock that is gone.
    PutSuperblock,
    /// Leaves the region alone, for this reason.
    Keep(String),
}

impl Snapshot {
    /// Returns all that is wrong with the region, what matters most first.
    pub fn faults(&self) -> Vec<Fault> {
        match self.state {
            // A process that works on the region may be about to make it.
            State::Absent if self.locked_by().is_some() => Vec::new(),
            State::Absent => match self.counters {
                Ok(Some(_)) => vec![Fault::NoRegion],
                _ => Vec::new(),
            },
            State::HalfStarted(thread) => vec![Fault::HalfStarted(thread)],
            // The remedy for this is the remedy for all others.
            State::Beating(_) if !self.device_there => vec![Fault::DeviceGone],
            // With global heartbeat no volume refers to a region.
            State::Beating(_) if self.global => Vec::new(),
            State::Beating(_) => self.faults_of_references(),
        }
    }

    fn faults_of_references(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        // References that cannot be counted may be those of any process.
        let Ok(counters) = &self.counters else {
            return faults;
        };
        let (count, held) = (counters.as_ref()).map_or((0, 0), |all| (all.references, all.held));
        let (mounted, marked) = (self.is_mounted(), self.marked() == Some(true));
        let stale = u32::from(marked && !mounted && count > held);
        match (mounted, count) {
            (true, 0) => faults.push(Fault::Uncounted),
            (false, all) if all == stale => return vec![Fault::Idle],
            _ if stale > 0 => faults.push(Fault::MarkStale),
            _ => {}
        }
        let others = count.saturating_sub(u32::from(mounted || marked) + held);
        let stranger = counters.as_ref().and_then(|all| all.stranger.as_ref());
        if others > 0 && matches!(stranger, None | Some(Party::Ended(_))) {
            faults.push(Fault::Unowned(others));
        }
        faults
    }

    /// Returns whether the region heartbeats, and neither a process nor a mounted volume refers to
    /// it.
    pub fn is_idle(&self) -> bool {
        self.faults().contains(&Fault::Idle)
    }

    /// Returns what a repair of the region, whose name is `name`, does.
    pub fn remedy(&self, name: Uuid) -> Remedy {
        let mut remedy = Remedy::None;
        for fault in self.faults() {
            remedy = match fault {
                Fault::HalfStarted(Thread::Ended) => Remedy::Keep(REBOOT.into()),
                Fault::DeviceGone if self.global => Remedy::Keep(
                    "it is the cluster's (replace the device, or take the cluster offline)".into(),
                ),
                Fault::DeviceGone if self.is_mounted() => Remedy::Keep(
                    "the kernel keeps the heartbeat of a mounted volume (unmount it, with umount \
                     -l if need be)"
                        .into(),
                ),
                Fault::HalfStarted(_) | Fault::NoRegion | Fault::DeviceGone | Fault::Idle => {
                    self.removal()
                }
                Fault::MarkStale => return Remedy::PutSuperblock,
                Fault::Unowned(_) if !self.is_mounted() => Remedy::Keep(format!(
                    "a program may count on it (if you know that none does: ocfs2_hb_ctl -K -u \
                     {name} NAME, once for each reference)"
                )),
                Fault::Uncounted | Fault::Unowned(_) => Remedy::None,
            }
        }
        remedy
    }

    /// Returns a removal, unless programs that hold locks need the region.
    fn removal(&self) -> Remedy {
        match self.lock_users() {
            Some(users) => Remedy::Keep(format!(
                "locks of the volume are held by process {users} (end it, then repeat this)"
            )),
            None => Remedy::Remove,
        }
    }

    /// Returns what uses the region, as a list.
    pub fn users(&self) -> String {
        let mut users = Vec::new();
        if !self.places.is_empty() {
            let places = places::listed(&self.places);
            users.push(format!("its volume, mounted on {places}"));
        }
        match self.references() {
            _ if self.is_mounted() => {}
            Some(1) => users.push("one program or mount".into()),
            Some(count @ 2..) => users.push(format!("{count} programs or mounts")),
            _ => {}
        }
        let holders = self.lock_users();
        users.extend(holders.map(|holders| format!("locks that process {holders} holds")));
        match users.is_empty() {
            true => "a volume that is mounted out of sight, or a lock domain".into(),
            false => users.join(", "),
        }
    }

    /// Returns the processes that hold locks of the volume, as a list.
    fn lock_users(&self) -> Option<String> {
        let holders = self.lock_holders.as_ref();
        Some(holders.filter(|holders| !holders.is_empty())?.join(", "))
    }

    /// Describes the fault, as a clause.
    pub fn describe(&self, fault: Fault) -> String {
        let device = self.device().unwrap_or_default();
        let count = self.references().unwrap_or_default();
        let references = match count {
            1 => "1 reference".to_owned(),
            _ => format!("{count} references"),
        };
        match fault {
            Fault::HalfStarted(Thread::Ended) => {
                "its start was cut off, and its thread has ended".into()
            }
            Fault::HalfStarted(_) => "its start was cut off".into(),
            Fault::NoRegion => format!("it has semaphores ({references}) and no region"),
            Fault::DeviceGone if self.is_mounted() => {
                format!("its device {device} is gone, and its volume is still mounted")
            }
            Fault::DeviceGone => format!(
                "its device {device} is gone, so that it cannot beat any more ({references})"
            ),
            Fault::Idle if count > 0 => {
                "its one reference is that of a mounted volume, which is gone".into()
            }
            Fault::Idle => format!("it beats on {device}, and nobody refers to it"),
            Fault::MarkStale => {
                format!("one of {references} is that of a mounted volume, which is gone")
            }
            Fault::Uncounted => {
                "its volume is mounted without a reference (the kernel keeps its heartbeat all the \
                 same)"
                    .into()
            }
            Fault::Unowned(1) => "1 reference belongs to no mount and no running process".into(),
            Fault::Unowned(count) => {
                format!("{count} references belong to no mount and no running process")
            }
        }
    }
}

#[cfg(test)]
mod tests;
