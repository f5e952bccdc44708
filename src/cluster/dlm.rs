//! The kernel's DLM as dlm_controld has configured it (configfs, fs/dlm/config.c).

use crate::host::{self, System, read_attribute};
use eyre::{Result, WrapErr};
use std::path::{Path, PathBuf};

/// Returns the cluster's name, once the DLM has its nodes; none where it is not up.
pub fn cluster(system: &System) -> Result<Option<String>> {
    let Some(directory) = directory(system)? else {
        return Ok(None);
    };
    let nodes = host::list(&directory.join("comms")).wrap_err("listing the DLM's nodes")?;
    Ok(name(&directory)?.filter(|_| !nodes.is_empty()))
}

/// Returns whether the DLM refuses, with EBADR, callers that do not name their cluster. It compares
/// names where it has one and dlm_controld wants callbacks (`new_lockspace` in fs/dlm/lockspace.c,
/// since 3.4).
pub fn wants_the_name(system: &System) -> Result<bool> {
    let Some(directory) = directory(system)? else {
        return Ok(false);
    };
    let compares = read_attribute(&directory.join("recover_callbacks"))
        .wrap_err("reading what the DLM compares")?;
    Ok(compares.is_some_and(|value| value != "0") && name(&directory)?.is_some())
}

fn directory(system: &System) -> Result<Option<PathBuf>> {
    let configfs = system.configfs()?;
    Ok(configfs.map(|configfs| configfs.join("dlm/cluster")))
}

fn name(directory: &Path) -> Result<Option<String>> {
    let name = read_attribute(&directory.join("cluster_name"))
        .wrap_err("reading the DLM's cluster name")?;
    Ok(name.filter(|name| !name.is_empty()))
}
