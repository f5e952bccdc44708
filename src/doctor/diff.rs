//! Where the files, the kernel's cluster and the volumes' stamps differ.

use super::parallel::{self, Look};
use super::{Site, TIMEOUT, devices, stated, volumes};
pub use crate::cluster::differences::{Difference, of_kernel};
use crate::disk::VolumeInfo;
use crate::ids::{ClusterName, HeartbeatMode};
use crate::ondisk::Membership;
use crate::report::printable;
use eyre::Result;
use std::path::Path;

/// The differences, and the places that could not be read.
#[derive(Debug, Default)]
pub struct Diff {
    /// The differences: the kernel's first, then the volumes', in the order of the devices.
    pub differences: Vec<Difference>,
    /// A clause for each place that could not be read.
    pub unknown: Vec<String>,
}

/// Compares everything; with no devices named, those that this node uses.
pub fn of(site: &Site) -> Diff {
    let mut diff = Diff::default();
    match kernel(site) {
        Ok(differences) => diff.differences = differences,
        Err(report) => (diff.unknown).push(format!("the cluster in the kernel: {report:#}")),
    }
    let mut findings = super::Findings::default();
    let devices = devices::of(site, &mut findings);
    diff.unknown
        .extend(findings.0.into_iter().map(|finding| finding.what));
    let looks = devices
        .iter()
        .map(|path| -> Look<Result<String, String>> { Box::new(|| stamp(site, path)) });
    let answers = parallel::all(&looks.collect::<Vec<_>>(), TIMEOUT);
    for (path, answer) in devices.iter().zip(answers) {
        let device = path.display().to_string();
        match answer.unwrap_or_else(|| Err("the device does not answer".to_owned())) {
            Ok(there) => (diff.differences).extend(of_volume(site, device, printable(there))),
            Err(why) => diff.unknown.push(format!("{device}: {}", printable(why))),
        }
    }
    diff
}

fn kernel(site: &Site) -> Result<Vec<Difference>> {
    let (cluster, local) = (stated(&site.cluster)?, stated(&site.local)?);
    let (sysconfig, live) = (stated(&site.sysconfig)?, stated(&site.live)?);
    of_kernel(site.system, cluster, local, sysconfig, live.as_ref())
}

/// Returns the superblock's stamp, empty where it names no cluster.
fn stamp(site: &Site, path: &Path) -> Result<String, String> {
    let volume = VolumeInfo::read_within(site.system, path, volumes::TIMEOUT);
    let volume = volume.map_err(|report| format!("{report:#}"))?;
    Ok(match volume.superblock.membership {
        Membership::O2cb {
            cluster: Some(cluster),
            heartbeat,
        } => stamped(&cluster, heartbeat),
        Membership::User { stack, cluster } => format!("{stack} {cluster}"),
        Membership::Local | Membership::O2cb { cluster: None, .. } => String::new(),
    })
}

fn stamped(cluster: &ClusterName, mode: HeartbeatMode) -> String {
    format!("o2cb {cluster} {mode}")
}

fn of_volume(site: &Site, what: String, there: String) -> Option<Difference> {
    let cluster = site.cluster.as_ref().ok()?;
    let file = stamped(&cluster.name, cluster.heartbeat_mode);
    // A volume without a stamp belongs to any cluster, or to one node alone.
    (!there.is_empty() && there != file).then(|| Difference {
        run: format!("tunefs.ocfs2 --update-cluster-stack {what}"),
        what,
        file: Some(file),
        kernel: None,
        volume: Some(there),
        live: false,
    })
}
