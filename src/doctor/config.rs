//! The files, and whether this machine and its kernel agree with them.

use super::finding::{Findings, Kind};
use super::{Site, diff, stated};
use crate::cluster::registered::RegisteredNode;
use crate::cluster::stack;
use crate::config::cluster_conf::Node;
use crate::host::address;
use crate::ids::StackName;
use eyre::{Result, WrapErr, bail};
use std::io::ErrorKind;
use std::net::SocketAddrV4;

/// Checks cluster.conf and `/etc/default/o2cb`.
pub(super) fn files(site: &Site, findings: &mut Findings) -> Result<()> {
    let stack = stack::running(site.system)?;
    if stack != StackName::O2CB {
        bail!("this node runs the stack {stack}, whose cluster is its daemon's business");
    }
    let place = &site.config_place;
    match &site.config {
        Ok(None) => findings.add(Kind::CONFIG_MISSING, format!("there is no {place}")),
        Err(report) => findings.add(Kind::CONFIG_INVALID, report),
        Ok(Some(config)) => {
            for note in &config.warnings {
                findings.add(Kind::CONFIG_ODD, format!("{place}: {note}"));
            }
            if let Err(report) = &site.cluster {
                findings.add(Kind::CONFIG_INVALID, report);
            }
        }
    }
    let place = site.sysconfig_place;
    match &site.sysconfig {
        Err(report) => findings.add(Kind::SETTINGS_INVALID, report),
        Ok(sysconfig) => {
            for note in &sysconfig.warnings {
                findings.add(Kind::CONFIG_ODD, format!("{place}: {note}"));
            }
            if let Some(program) = &sysconfig.hb_ctl_path
                && !site.system.path(program).exists()
            {
                let program = program.display();
                let what =
                    format!("{place}: O2CB_HB_CTL_PATH names {program}, which does not exist");
                findings.add(Kind::HB_CTL_MISSING, what);
            }
        }
    }
    if let Err(report) = &site.boot_cluster {
        findings.add(Kind::SETTINGS_INVALID, report);
    }
    Ok(())
}

/// Checks the node that this machine is.
pub(super) fn local(site: &Site, findings: &mut Findings) -> Result<()> {
    if site.cluster.is_err() || site.sysconfig.is_err() {
        // The error is a finding already; without the files there is nothing to compare with.
        return Ok(());
    }
    match &site.local {
        Err(report) => findings.add(Kind::NOT_A_NODE, report),
        Ok(node) if !address::is_own(site.system, node.address)? => {
            let (name, address) = (&node.name, node.address);
            findings.add(
                Kind::ADDRESS_MISSING,
                format!("no interface has {address}, the address of node \"{name}\""),
            );
        }
        Ok(node) => return port(site, node, findings),
    }
    Ok(())
}

/// Checks whether the kernel listens on the node's port, or can.
fn port(site: &Site, node: &Node, findings: &mut Findings) -> Result<()> {
    if site.regions().is_none() {
        // The kernel may listen there for a cluster that is not visible here.
        return Ok(());
    }
    let at = SocketAddrV4::new(node.address, node.port);
    if let Ok(Some(live)) = &site.live {
        let listens = |known: &RegisteredNode| {
            known.local && SocketAddrV4::new(known.node.address, known.node.port) == at
        };
        if live.nodes()?.iter().any(listens) {
            return Ok(());
        }
    }
    match site.system.kernel().can_listen(at) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            let what = format!("another program listens on this node's port, {at}");
            findings.add(Kind::PORT_TAKEN, what);
            Ok(())
        }
        tried => tried.wrap_err_with(|| format!("binding a socket to {at}")),
    }
}

/// Checks whether a cluster is online, and is the one of the files.
pub(super) fn applied(site: &Site, findings: &mut Findings) -> Result<()> {
    if stack::running(site.system)? != StackName::O2CB {
        return Ok(());
    }
    let Some(live) = stated(&site.live)? else {
        // Where configfs is not mounted, that is a finding already.
        if site.regions().is_some() {
            let what = "the cluster is not online on this node";
            findings.add(Kind::CLUSTER_OFFLINE, what);
        }
        return Ok(());
    };
    if !live.is_online()? {
        let what = format!("cluster \"{}\" is only half online", live.name());
        findings.add(Kind::CLUSTER_OFFLINE, what);
    }
    if let (Ok(cluster), Ok(local), Ok(sysconfig)) = (&site.cluster, &site.local, &site.sysconfig) {
        let differences = diff::of_kernel(site.system, cluster, local, sysconfig, Some(live))?;
        for difference in differences {
            findings.add(Kind::CONFIG_NOT_APPLIED, difference);
        }
    }
    Ok(())
}
