//! The files that determine the node's cluster.

use crate::config::atomic_file;
use crate::config::cluster_conf::{self, Cluster, Config, Document, Flaw, Node};
use crate::config::sysconfig::{self, Sysconfig};
use crate::host::{System, read_attribute};
use crate::ids::ClusterName;
use crate::report;
use eyre::{Result, WrapErr, bail};
use rustix::fs::Mode;
use std::cell::OnceCell;
use std::path::{Path, PathBuf};

/// The places of Red Hat and SUSE, then Debian's.
const SYSCONFIG: [&str; 2] = ["/etc/sysconfig/o2cb", "/etc/default/o2cb"];

/// Reads each file on demand: an error in a file that a command does not need cannot stop it.
pub(super) struct Settings<'s> {
    system: &'s System,
    config: PathBuf,
    sysconfig: OnceCell<Sysconfig>,
}

impl<'s> Settings<'s> {
    pub(super) fn new(system: &'s System, config: Option<PathBuf>) -> Self {
        Self {
            system,
            config: config.unwrap_or_else(|| system.path(cluster_conf::PLACE)),
            sysconfig: OnceCell::new(),
        }
    }

    /// Returns the parsed `/etc/default/o2cb`; without the file, nothing is set. It is read once,
    /// so that it warns once.
    pub(super) fn sysconfig(&self) -> Result<&Sysconfig> {
        if let Some(known) = self.sysconfig.get() {
            return Ok(known);
        }
        let read = self.parse_sysconfig(Sysconfig::parse)?;
        let place = self.sysconfig_place();
        for note in &read.warnings {
            report::warn(format_args!("{place}: {note}"));
        }
        Ok(self.sysconfig.get_or_init(|| read))
    }

    /// Reads `/etc/default/o2cb` now, without warnings, and returns what `parse` makes of it.
    pub(super) fn parse_sysconfig<T>(&self, parse: fn(&[u8]) -> Result<T, Flaw>) -> Result<T> {
        let place = self.sysconfig_place();
        let text = atomic_file::read(&self.system.path(place)).wrap_err(place)?;
        parse(&text.unwrap_or_default()).wrap_err(place)
    }

    /// Returns the path of the file that exists, or else the one whose directory exists.
    pub(super) fn sysconfig_place(&self) -> &'static str {
        let [_, debian] = SYSCONFIG;
        let there = |place: &&str| self.system.path(place).exists();
        let directory = |place: &&str| self.system.path(place).parent().is_some_and(Path::is_dir);
        let places = || SYSCONFIG.into_iter();
        let found = places().find(there).or_else(|| places().find(directory));
        found.unwrap_or(debian)
    }

    /// Sets keys of `/etc/default/o2cb`, which must not have been read yet.
    pub(super) fn set(&self, changes: &[(&str, String)]) -> Result<()> {
        let place = self.sysconfig_place();
        let path = self.system.path(place);
        make_directory_of(&path);
        atomic_file::edit(&path, &mut |text| sysconfig::edit::set(text, changes)).wrap_err(place)
    }

    /// Returns the whole configuration; none where there is no file.
    pub(super) fn config(&self) -> Result<Option<Config>> {
        let parsed = atomic_file::read(&self.config).and_then(|text| {
            let config = text.map(|text| Config::parse(&text));
            Ok(config.transpose()?)
        });
        parsed.wrap_err_with(|| self.shown())
    }

    /// Returns the configuration, and warns of anything odd in it.
    ///
    /// # Errors
    /// There is no configuration.
    pub(super) fn noted_config(&self) -> Result<Config> {
        let shown = self.shown();
        let Some(config) = self.config()? else {
            bail!(
                "{shown} does not exist (copy it from another node of the cluster, or make it: \
                 o2cb add-cluster)"
            )
        };
        for note in &config.warnings {
            report::warn(format_args!("{shown}: {note}"));
        }
        Ok(config)
    }

    /// Changes the configuration, and warns of what is odd in it from now on.
    pub(super) fn edit(&self, change: &mut dyn FnMut(&mut Document) -> Result<()>) -> Result<()> {
        let shown = self.shown();
        if self.config == self.system.path(cluster_conf::PLACE) {
            make_directory_of(&self.config);
        }
        let edited = atomic_file::edit(&self.config, &mut |text| {
            let mut document = Document::parse(text.to_owned())?;
            let old = document.config().warnings.clone();
            change(&mut document)?;
            for note in &document.config().warnings {
                if old.iter().all(|old| old.reason != note.reason) {
                    report::warn(format_args!("{shown}: {note}"));
                }
            }
            Ok(document.text().to_vec())
        });
        edited.wrap_err(shown)
    }

    /// Returns the file's name, for messages.
    pub(super) fn shown(&self) -> String {
        self.config.display().to_string()
    }

    /// Returns the cluster `name`, or the boot cluster, or the only one.
    pub(super) fn cluster(&self, name: Option<&ClusterName>) -> Result<Cluster> {
        let config = self.noted_config()?;
        let found = match name {
            Some(name) => config.need(name).wrap_err_with(|| self.shown())?,
            None => match self.boot_cluster(&config, self.sysconfig()?)? {
                Some(set) => set,
                None => self.only_cluster(&config)?,
            },
        };
        Ok(found.clone())
    }

    /// Returns the cluster to bring up where none is named, if one is set.
    ///
    /// # Errors
    /// The configuration does not have it.
    pub(super) fn boot_cluster<'c>(
        &self,
        config: &'c Config,
        sysconfig: &Sysconfig,
    ) -> Result<Option<&'c Cluster>> {
        let Some(name) = &sysconfig.boot_cluster else {
            return Ok(None);
        };
        if let Some(cluster) = config.cluster(name) {
            return Ok(Some(cluster));
        }
        let right = match config.clusters.as_slice() {
            [only] => only.name.as_str(),
            _ => "NAME",
        };
        bail!(
            "{}: O2CB_BOOTCLUSTER names cluster \"{name}\", which {} does not have (run: o2cb \
             configure O2CB_BOOTCLUSTER={right})",
            self.sysconfig_place(),
            self.shown()
        )
    }

    /// Returns the only cluster of a configuration already read.
    pub(super) fn only_cluster<'c>(&self, config: &'c Config) -> Result<&'c Cluster> {
        let shown = self.shown();
        match config.clusters.as_slice() {
            [only] => Ok(only),
            [] => bail!("{shown} has no cluster"),
            _ => bail!("{shown} has several clusters; say which (o2cb list-clusters)"),
        }
    }

    /// Returns the node of `cluster` that this host is.
    pub(super) fn node_of<'c>(
        &self,
        cluster: &'c Cluster,
        sysconfig: &Sysconfig,
    ) -> Result<&'c Node> {
        let name = match sysconfig.node_name.clone() {
            Some(name) => name,
            None => read_attribute(&self.system.path("/proc/sys/kernel/hostname"))
                .wrap_err("reading the hostname")?
                .unwrap_or_default(),
        };
        cluster.local_node(&name)
    }
}

/// Makes the directory of a file. If mkdir(2) fails, the error of the file reports it.
fn make_directory_of(file: &Path) {
    if let Some(directory) = file.parent() {
        let _ = rustix::fs::mkdir(directory, Mode::from_raw_mode(0o755));
    }
}
