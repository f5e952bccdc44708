//! The pcmk stack where the kernel's DLM alone keeps the group. dlm_controld, below corosync,
//! passes the nodes to the DLM, and a mount joins by its lock space (fs/ocfs2/stack_user.c).
//! Nothing has to be registered or left.

use super::cluster_stack::{ClusterStack, Group, Joined, NameOf};
use super::controld::socket::Socket;
use crate::cluster::dlm;
use crate::cluster::registered::RegisteredCluster;
use crate::disk::VolumeInfo;
use crate::heartbeat::Watch;
use crate::host::mounts::{DeviceNumber, Mount};
use crate::host::{System, is_there};
use crate::ids::{Service, StackName, Uuid};
use eyre::{Result, bail};
use std::time::{Duration, Instant};

/// The file that shows that the kernel's DLM notifies the filesystem of nodes that are gone.
const SUPPORT: &str = "/sys/fs/ocfs2/dlm_recover_callback_support";
/// The socket where dlm_controld answers queries, and the two queries that are used here. The
/// answers are texts of `name=value`, or `name=value` in lines (libdlmcontrol, dlm 4.0).
const QUERIES: &str = "dlmc_query_sock";
const DUMP_STATUS: u32 = 13;
const DUMP_CONFIG: u32 = 14;
/// The daemon answers at once or not at all.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Returns whether the volume has a lock space: that of its superblock, which lasts until it has
/// left, or of programs that lock the volume.
pub(super) fn has_lock_space(system: &System, uuid: Uuid) -> Result<bool> {
    is_there(&system.path(format!("/sys/kernel/dlm/{uuid}")))
}

/// The stack that the kernel's DLM serves.
pub struct KernelDlm<'s>(pub &'s System);

impl<'s> ClusterStack<'s> for KernelDlm<'s> {
    /// Returns whether the kernel's DLM alone is enough for the stack. Before its driver is loaded the
    /// answer is true: all kernels since 3.14 have the support.
    fn serves(&self, name: StackName) -> Result<bool> {
        let there = |path| is_there(&self.0.path(path));
        Ok(name == StackName::PCMK && (there(SUPPORT)? || !there("/sys/fs/ocfs2/cluster_stack")?))
    }

    /// # Errors
    /// Stack or cluster are not the volume's, the DLM is not up, or a mount would wait for quorum.
    fn of_volume(&self, volume: &VolumeInfo, running: StackName) -> Result<Box<dyn Group + 's>> {
        let cluster = super::checked_cluster(volume, running)?;
        let Some(live) = dlm::cluster(self.0)? else {
            let here = match RegisteredCluster::if_loaded(self.0)? {
                Some(other) => format!(
                    "this node runs cluster \"{}\" of the stack o2cb, and the kernel's DLM is not up",
                    other.name()
                ),
                None => "the kernel's DLM is not up on this node".into(),
            };
            bail!(
                "the volume belongs to cluster \"{cluster}\" (stack pcmk); {here} (start corosync and \
                 dlm_controld; with Pacemaker, the resource ocf:pacemaker:controld)"
            );
        };
        if live != cluster.as_str() {
            bail!(
                "the volume belongs to cluster \"{cluster}\" (stack pcmk); this node's DLM runs \"{}\" (mount it \
                 on a node of \"{cluster}\", or, once no node has it mounted, move it with \
                 tunefs.ocfs2 --update-cluster-stack)",
                crate::report::printable(&live)
            );
        }
        // A further mount of a superblock waits for nothing.
        if !has_lock_space(self.0, volume.superblock.uuid)? && lacks_quorum(self.0) {
            bail!(
                "cluster \"{cluster}\" has no quorum on this node, and the mount would wait for it \
                 (bring up more of its nodes; corosync-quorumtool shows those that are there)"
            );
        }
        Ok(Box::new(LockSpace))
    }

    fn of_name(&self, _: Uuid, _: Option<DeviceNumber>) -> Result<Box<dyn Group + 's>> {
        Ok(Box::new(LockSpace))
    }

    fn of_mount(&self, _: &Mount, _: NameOf) -> Result<Box<dyn Group + 's>> {
        Ok(Box::new(LockSpace))
    }

    /// Returns the cluster; none without quorum.
    fn cluster(&self) -> Result<Option<String>> {
        Ok(dlm::cluster(self.0)?.filter(|_| !lacks_quorum(self.0)))
    }

    fn describe(&self, name: Uuid) -> Result<String> {
        let joined = u8::from(has_lock_space(self.0, name)?);
        let cluster = dlm::cluster(self.0)?.unwrap_or_default();
        let cluster = crate::report::printable(cluster);
        Ok(format!("{name}: {joined} refs\n\tcluster {cluster}\n"))
    }
}

/// The users of a volume: those that have joined its lock space, which a mount does by itself.
struct LockSpace;

impl Group for LockSpace {
    fn join(&self, _: &Service, _: &mut Watch) -> Result<Option<Box<dyn Joined + '_>>> {
        Ok(None)
    }

    fn why_idle(&self) -> Option<&'static str> {
        Some("with this stack the kernel's DLM knows who uses the volume")
    }

    fn wait_in_mount(&self) -> Option<fn(&System) -> &'static str> {
        Some(mount_waits_for)
    }
}

/// Names what mount(2) waits for without a bound: the kernel's DLM waits until dlm_controld has let
/// the node into the volume's lock space (`do_uevent` in fs/dlm/lockspace.c).
pub(super) fn mount_waits_for(system: &System) -> &'static str {
    match lacks_quorum(system) {
        true => "waiting for quorum, which the cluster has lost (bring up more of its nodes)",
        false => "waiting for mount(2) (dlm_tool ls shows whether the DLM holds it up)",
    }
}

/// Returns whether dlm_controld reports that it waits for a missing quorum. If it reports nothing,
/// the mount has to find out.
fn lacks_quorum(system: &System) -> bool {
    let says = |question, word: &str| {
        let answer = ask(system, question).unwrap_or_default();
        let mut words = answer.split(|byte: &u8| byte.is_ascii_whitespace() || *byte == 0);
        words.any(|found| found == word.as_bytes())
    };
    says(DUMP_STATUS, "quorate=0") && !says(DUMP_CONFIG, "enable_quorum_lockspace=0")
}

/// Sends a query, which is only a header; the daemon answers and closes. Integers are in the
/// machine's byte order.
fn ask(system: &System, question: u32) -> Result<Vec<u8>> {
    const MAGIC: u32 = 0xD13C_D13C;
    const VERSION: u32 = 0x0001_0001;
    const LENGTH: usize = 96;
    let watch: &mut Watch = &mut |_, _| Ok(());
    let socket = Socket::connect(system, "dlm_controld", QUERIES, TIMEOUT, watch)?;
    let Some(mut socket) = socket else {
        return Ok(Vec::new());
    };
    let fields = [MAGIC, VERSION, question, 0, LENGTH as u32];
    let mut header = fields.map(u32::to_ne_bytes).concat();
    header.resize(LENGTH, 0);
    socket.send(&header)?;
    let mut answer = vec![0; 16 * 1024];
    let read = socket.receive(&mut answer, Instant::now(), watch)?;
    answer.truncate(read);
    Ok(answer)
}
