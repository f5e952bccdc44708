//! The files that say what the node's cluster is to be.

use crate::cluster::config::{Cluster, Config, Node};
use crate::cluster::sysconfig::Sysconfig;
use crate::ids::ClusterName;
use crate::report;
use crate::system::{System, read_attribute};
use eyre::{Result, WrapErr, bail, eyre};
use std::cell::OnceCell;
use std::io;
use std::path::PathBuf;

const CLUSTER_CONF: &str = "/etc/ocfs2/cluster.conf";
/// Red Hat's and SUSE's place, then Debian's.
const SYSCONFIG: [&str; 2] = ["/etc/sysconfig/o2cb", "/etc/default/o2cb"];

/// Reads each file when it is wanted, so that a command is not stopped by one it needs not.
pub(super) struct Settings<'s> {
    system: &'s System,
    config: PathBuf,
    sysconfig: OnceCell<Sysconfig>,
}

impl<'s> Settings<'s> {
    pub(super) fn new(system: &'s System, config: Option<PathBuf>) -> Self {
        Self {
            system,
            config: config.unwrap_or_else(|| system.path(CLUSTER_CONF)),
            sysconfig: OnceCell::new(),
        }
    }

    /// The system's defaults file; without one, nothing is set. Read once, so that it warns
    /// once.
    pub(super) fn sysconfig(&self) -> Result<&Sysconfig> {
        if let Some(known) = self.sysconfig.get() {
            return Ok(known);
        }
        let read = self.read_sysconfig()?;
        Ok(self.sysconfig.get_or_init(|| read))
    }

    fn read_sysconfig(&self) -> Result<Sysconfig> {
        for place in SYSCONFIG {
            let path = self.system.path(place);
            match std::fs::read(&path) {
                Ok(text) => {
                    let sysconfig = Sysconfig::parse(&text).wrap_err(place)?;
                    for note in &sysconfig.warnings {
                        report::warn(format_args!("{place}: {note}"));
                    }
                    return Ok(sysconfig);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error).wrap_err(place),
            }
        }
        Ok(Sysconfig::default())
    }

    /// The cluster `name`, or the one to boot, or the only one.
    pub(super) fn cluster(&self, name: Option<&ClusterName>) -> Result<Cluster> {
        let shown = self.config.display();
        let text = match std::fs::read(&self.config) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                bail!("{shown} does not exist (copy it from another node of the cluster)")
            }
            Err(error) => return Err(error).wrap_err_with(|| format!("reading {shown}")),
        };
        let config = Config::parse(&text).wrap_err_with(|| shown.to_string())?;
        for note in &config.warnings {
            report::warn(format_args!("{shown}: {note}"));
        }
        let wanted = match name {
            Some(name) => Some(name.clone()),
            None => self.sysconfig()?.boot_cluster.clone(),
        };
        let known = || {
            let names: Vec<_> = config
                .clusters
                .iter()
                .map(|known| known.name.as_str())
                .collect();
            names.join(", ")
        };
        match (wanted, config.clusters.as_slice()) {
            (Some(name), _) => config
                .cluster(&name)
                .cloned()
                .ok_or_else(|| eyre!("{shown} has no cluster \"{name}\" (it has: {})", known())),
            (None, [only]) => Ok(only.clone()),
            (None, []) => bail!("{shown} has no cluster"),
            (None, _) => bail!("{shown} has several clusters ({}); say which", known()),
        }
    }

    /// The node of `cluster` that this host is.
    pub(super) fn local_node<'c>(&self, cluster: &'c Cluster) -> Result<&'c Node> {
        let name = match self.sysconfig()?.node_name.clone() {
            Some(name) => name,
            None => read_attribute(&self.system.path("/proc/sys/kernel/hostname"))
                .wrap_err("reading the hostname")?
                .unwrap_or_default(),
        };
        Ok(cluster.local_node(&name)?)
    }
}
