//! The other nodes over the network.
//!
//! The kernel of a peer sends its timeouts in a handshake, but only to what it takes for the node
//! itself: it knows the address, the number is the higher one, and it sees the heartbeat. It then
//! keeps that connection as the node's, and refuses the real one (o2net_accept_one in
//! fs/ocfs2/cluster/tcp.c). So this check never connects where it could be taken for the kernel:
//! while a heartbeat is active, it tries only nodes of higher numbers, which close at once. The
//! kernel's own connections are read from it; timeouts that disagree, from its log.

use super::finding::{Findings, Kind};
use super::{Look, Seen, Site};
use crate::config::cluster_conf::Node;
use crate::host::{kmsg, read_text};
use eyre::{Result, WrapErr};
use rustix::io::Errno;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

/// The timeout of a connection; a lost packet is sent again after one second, then two more.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A node that is not this one.
pub(super) struct Peer {
    node: Node,
    from: Ipv4Addr,
    way: Way,
}

/// The way to check a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The kernel is connected to it.
    Connected,
    /// This check connects to it.
    Try,
    /// It is not checked.
    Leave,
}

/// Returns the other nodes of the cluster, and how each can be checked without harm.
pub(super) fn of(site: &Site, findings: &mut Findings) -> Vec<Peer> {
    let (Ok(cluster), Ok(local)) = (&site.cluster, &site.local) else {
        return Vec::new();
    };
    let nodes = cluster.nodes.iter();
    let peers = nodes.filter(|node| node.number != local.number);
    let in_use = site.regions().is_none_or(|regions| !regions.is_empty());
    let mut connected = Vec::new();
    if in_use {
        match connections(site) {
            Ok(found) => connected = found,
            Err(report) => findings.unknown("the kernel's connections", report),
        }
    }
    let peer = |node: &Node| {
        let way = match connected.contains(&node.address) {
            true => Way::Connected,
            false if in_use && node.number < local.number => Way::Leave,
            false => Way::Try,
        };
        let from = local.address;
        let node = node.clone();
        Peer { node, from, way }
    };
    peers.map(peer).collect()
}

/// Returns the addresses that the kernel is connected to as this node: in its table of connections
/// the listener's port is at this end or at the other, whichever node has connected.
fn connections(site: &Site) -> Result<Vec<Ipv4Addr>> {
    const TABLE: &str = "/proc/net/tcp";
    const ESTABLISHED: &str = "01";
    let text = read_text(&site.system.path(TABLE)).wrap_err_with(|| format!("reading {TABLE}"))?;
    let mut found = Vec::new();
    let (Ok(cluster), Ok(local)) = (&site.cluster, &site.local) else {
        return Ok(found);
    };
    for line in text.lines() {
        let mut words = line.split_whitespace().skip(1);
        let (here, there) = (words.next().and_then(end), words.next().and_then(end));
        let (Some(here), Some(there), Some(ESTABLISHED)) = (here, there, words.next()) else {
            continue;
        };
        let called = |node: &Node| (node.address, node.port) == there;
        if here.0 == local.address && (here.1 == local.port || cluster.nodes.iter().any(called)) {
            found.push(there.0);
        }
    }
    Ok(found)
}

/// Parses `010200C0:1E61`: the address in host byte order, the port as a number.
fn end(text: &str) -> Option<(Ipv4Addr, u16)> {
    let (address, port) = text.split_once(':')?;
    let address = u32::from_str_radix(address, 16).ok()?.to_ne_bytes();
    let port = u32::from_str_radix(port, 16).ok()?;
    Some((address.into(), port.try_into().ok()?))
}

impl Peer {
    /// Returns the slow part of the check.
    pub(super) fn look<'l>(&'l self, site: &'l Site) -> Look<'l> {
        let to = SocketAddrV4::new(self.node.address, self.node.port);
        Box::new(move || {
            if self.way == Way::Try {
                site.system.kernel().connect(self.from, to, TIMEOUT)?;
            }
            Ok(Seen::default())
        })
    }

    /// Judges the answer, given what was seen on the disks.
    pub(super) fn judge(
        &self,
        site: &Site,
        disks: &[Seen],
        answer: Option<io::Result<Seen>>,
        findings: &mut Findings,
    ) {
        let Node {
            name,
            number,
            address,
            port,
        } = &self.node;
        // A node whose heartbeat has only just started may be connected by now.
        let now = || connections(site).is_ok_and(|known| known.contains(address));
        let alive_on = || disks.iter().filter(|disk| disk.alive.contains(number));
        let is_beside = alive_on().any(|disk| disk.beside);
        if self.way == Way::Connected || (is_beside && now()) {
            return;
        }
        let peer = format!("node \"{name}\" ({address}:{port})");
        if is_beside {
            let mut what = format!("{peer} beats, and the kernel is not connected to it");
            if let Some(line) = kmsg::last_of(site.system, "o2net: ", &format!("node {name} ")) {
                what += &format!("; the kernel's log: {line}");
            }
            return findings.add(Kind::PEER_CUT_OFF, what);
        }
        if self.way == Way::Leave {
            return findings.unknown(
                &peer,
                "a connection while this node beats might be taken for the kernel's own, and it \
                 beats nowhere beside this node (run this on it, or here with nothing mounted)",
            );
        }
        let Err(error) = answer.unwrap_or_else(|| Err(Errno::TIMEDOUT.into())) else {
            return;
        };
        let (kind, why) = match error.raw_os_error() {
            Some(libc::ECONNREFUSED) => (Kind::PEER_OFFLINE, "nothing listens there".into()),
            Some(libc::EINPROGRESS | libc::EAGAIN | libc::ETIMEDOUT) => (
                Kind::PEER_UNREACHABLE,
                format!("no answer within {} s", TIMEOUT.as_secs()),
            ),
            _ => (Kind::PEER_UNREACHABLE, error.to_string()),
        };
        match alive_on().next().is_some() {
            true => findings.add(Kind::PEER_CUT_OFF, format!("{peer} beats, but: {why}")),
            false => findings.add(kind, format!("{peer}: {why}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_of_a_connection_is_read() {
        let word = u32::from_ne_bytes([192, 0, 2, 1]);
        let text = format!("{word:08X}:1E61");
        let expected = (Ipv4Addr::new(192, 0, 2, 1), 7777);
        assert_eq!(end(&text), Some(expected));
        for bad in ["", ":", "C0000201", "X:1", "100000000:1E61", "1:FFFFF"] {
            assert_eq!(end(bad), None, "{bad}");
        }
    }
}
