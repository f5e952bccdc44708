//! Turns stanzas into clusters, and checks each attribute.

use super::syntax::{Attribute, Stanza};
use super::{Cluster, Flaw, NUMBERS, Node, PORTS, listed, node_name, shown};
use crate::ids::{BadName, ClusterName, HeartbeatMode, Uuid};
use std::net::{Ipv4Addr, Ipv6Addr};

pub(super) const MODE: &str = "heartbeat_mode";

/// Every kind of stanza that has a meaning, with its attributes; the optional one is [`MODE`].
const KINDS: [(&str, &[&str]); 3] = [
    ("cluster", &["name", "node_count", MODE]),
    (
        "node",
        &["cluster", "name", "number", "ip_address", "ip_port"],
    ),
    ("heartbeat", &["cluster", "region"]),
];

/// Makes clusters of all stanzas. The order of their kinds is free, so clusters go first.
pub(super) fn clusters(stanzas: &[Stanza], warnings: &mut Vec<Flaw>) -> Result<Vec<Cluster>, Flaw> {
    let mut drafts: Vec<Draft> = Vec::new();
    for stanza in stanzas {
        names(stanza, warnings)?;
        if stanza.kind == "cluster" {
            let draft = Draft::begin(stanza)?;
            let name = &draft.cluster.name;
            if let Some(first) = drafts.iter().find(|known| known.cluster.name == *name) {
                let first = first.head.line;
                let reason = format!("line {first} begins a cluster \"{name}\" already");
                return Err(Flaw::new(stanza.line, reason));
            }
            drafts.push(draft);
        }
    }
    let known = listed(drafts.iter().map(|draft| draft.cluster.name.as_str()));
    for stanza in stanzas {
        if stanza.kind == "node" || stanza.kind == "heartbeat" {
            // The C tools ignore a node or a region whose cluster is not in the file.
            let owner = stanza.need("cluster")?;
            let is_owner =
                |draft: &&mut Draft| draft.cluster.name.as_str().as_bytes() == owner.value;
            let draft = drafts.iter_mut().find(is_owner).ok_or_else(|| {
                let name = shown(&owner.value);
                owner.wrong(format!(
                    "no cluster stanza has the name {name} (the file's clusters: {known})"
                ))
            })?;
            match stanza.kind.as_str() {
                "node" => draft.add_node(stanza, warnings)?,
                _ => draft.add_region(stanza)?,
            }
        }
    }
    let finish = |draft: Draft| draft.finish(warnings);
    Ok(drafts.into_iter().map(finish).collect())
}

/// Notes attributes and stanzas without a meaning. A known kind in the wrong case is an
/// error: the C tools would ignore such a node.
fn names(stanza: &Stanza, warnings: &mut Vec<Flaw>) -> Result<(), Flaw> {
    let kind = &stanza.kind;
    let is_kind = |(name, _): &&(&str, _)| name.eq_ignore_ascii_case(kind);
    let Some((right, known)) = KINDS.iter().find(is_kind) else {
        let reason = format!("the stanza \"{kind}:\" has no meaning here and is ignored");
        warnings.push(Flaw::new(stanza.line, reason));
        return Ok(());
    };
    if right != kind {
        let reason = format!("the stanza \"{kind}:\" must be spelled \"{right}:\"");
        return Err(Flaw::new(stanza.line, reason));
    }
    for attribute @ Attribute { line, name, .. } in &stanza.attributes {
        if !known.contains(&name.as_str()) {
            let right = listed(known.iter().copied());
            warnings.push(attribute.wrong(format!(
                "a \"{kind}\" stanza has no attribute \"{name}\": ignored (it has {right})"
            )));
        } else if stanza.get(name).is_some_and(|last| last.line != *line) {
            let reason = format!("\"{name}\" is given again below; the last one counts");
            warnings.push(attribute.wrong(reason));
        }
    }
    Ok(())
}

/// A cluster under construction.
struct Draft<'s> {
    cluster: Cluster,
    head: &'s Stanza,
    /// The number of nodes that the file states.
    count: usize,
    /// The line of each node's stanza, with the node's number.
    lines: Vec<(u8, usize)>,
}

impl<'s> Draft<'s> {
    fn begin(head: &'s Stanza) -> Result<Self, Flaw> {
        let name = head.parse("name", cluster_name)?;
        let count = head.node_count()?;
        let heartbeat_mode = match head.get(MODE) {
            None => HeartbeatMode::Local,
            Some(mode) if mode.value.eq_ignore_ascii_case(b"local") => HeartbeatMode::Local,
            Some(mode) if mode.value.eq_ignore_ascii_case(b"global") => HeartbeatMode::Global,
            Some(mode) => {
                let given = shown(&mode.value);
                let reason = format!("\"{MODE}\" must be local or global, not {given}");
                return Err(mode.wrong(reason));
            }
        };
        Ok(Self {
            cluster: Cluster::new(name, heartbeat_mode),
            head,
            count,
            lines: Vec::new(),
        })
    }

    fn add_node(&mut self, stanza: &Stanza, warnings: &mut Vec<Flaw>) -> Result<(), Flaw> {
        let node = Node {
            name: stanza.parse("name", node_name)?,
            number: stanza.number("number", NUMBERS)?,
            address: stanza.parse("ip_address", address)?,
            port: stanza.number("ip_port", PORTS)?,
        };
        if !is_one_machine(node.address) {
            let address = node.address;
            let reason =
                format!("{address} is not one machine's address: no peer can connect to it");
            warnings.push(stanza.need("ip_address")?.wrong(reason));
        }
        if let Some((other, attribute, what)) = self.cluster.rival(&node) {
            let first = self
                .lines
                .iter()
                .find(|(number, _)| *number == other.number);
            let first = first.map_or(0, |(_, line)| *line);
            let reason = format!("node \"{}\" (line {first}) has {what} already", other.name);
            return Err(stanza.need(attribute)?.wrong(reason));
        }
        self.lines.push((node.number, stanza.line));
        self.cluster.nodes.push(node);
        Ok(())
    }

    fn add_region(&mut self, stanza: &Stanza) -> Result<(), Flaw> {
        stanza.parse("region", |value| self.cluster.add_region(region(value)?))
    }

    /// Finishes the cluster, and notes what works, yet is unlikely to be meant.
    fn finish(self, warnings: &mut Vec<Flaw>) -> Cluster {
        let (cluster, head, count) = (self.cluster, self.head, self.count);
        let (name, nodes) = (&cluster.name, cluster.nodes.len());
        let mut warn = |attribute, reason| {
            let line = head.get(attribute).map_or(head.line, |found| found.line);
            warnings.push(Flaw::new(line, reason));
        };
        if count != nodes {
            let reason = format!("\"node_count\" is {count}, but cluster \"{name}\" has {nodes}");
            warn("node_count", reason);
        }
        let odd = match (cluster.heartbeat_mode, cluster.regions.is_empty()) {
            (HeartbeatMode::Global, true) => "is global, but has no heartbeat region",
            (HeartbeatMode::Local, false) => "is local: its heartbeat regions are unused",
            _ => return cluster,
        };
        warn(MODE, format!("cluster \"{name}\" {odd}"));
        cluster
    }
}

/// Parses a cluster's name: letters and digits only, as the C tools refuse to register any other.
pub(super) fn cluster_name(value: &[u8]) -> Result<ClusterName, String> {
    let text = String::from_utf8_lossy(value);
    if let Some(at) = text.chars().position(|c| !c.is_ascii_alphanumeric()) {
        return Err(format!(
            "cluster name {}: character {} is neither an ASCII letter nor a digit",
            shown(value),
            at + 1
        ));
    }
    text.parse().map_err(|why: BadName| why.to_string())
}

fn address(value: &[u8]) -> Result<Ipv4Addr, String> {
    let (text, given) = (String::from_utf8_lossy(value), shown(value));
    text.parse().map_err(|_| match text.parse::<Ipv6Addr>() {
        Ok(_) => format!("{given} is an IPv6 address, but OCFS2 in the kernel knows IPv4 only"),
        Err(_) => format!(
            "\"ip_address\" must be an IPv4 address such as 192.0.2.1 (no host name, no leading \
             zeros), not {given}"
        ),
    })
}

/// Parses the name of a heartbeat region.
pub(super) fn region(value: &[u8]) -> Result<Uuid, String> {
    let region = String::from_utf8_lossy(value).parse();
    region.map_err(|_: BadName| {
        let given = shown(value);
        format!("\"region\" must be the UUID of a volume (32 hex digits), not {given}")
    })
}

/// Returns whether peers could connect to the address.
pub(super) fn is_one_machine(address: Ipv4Addr) -> bool {
    !(address.is_unspecified() || address.is_multicast() || address.is_broadcast())
}
