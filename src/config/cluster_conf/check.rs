//! Turns stanzas into clusters, and checks each attribute.

use super::fields::{address, cluster_name, get, need, number};
use super::syntax::{Attribute, Stanza};
use super::{Cluster, ConfigError, NUMBERS, Node, Note, PORTS, listed, node_name, shown};
use crate::ids::{HeartbeatMode, Uuid};
use std::collections::BTreeMap;

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

/// A cluster under construction, with the lines to name in messages.
struct Draft {
    cluster: Cluster,
    line: usize,
    mode_line: usize,
    count_line: usize,
    count: u32,
    node_lines: Vec<usize>,
}

/// Makes clusters of all stanzas. The order of their kinds is free, so clusters go first.
pub(super) fn clusters(
    stanzas: &[Stanza],
    warnings: &mut Vec<Note>,
) -> Result<Vec<Cluster>, ConfigError> {
    let mut drafts = Drafts::default();
    for stanza in stanzas {
        names(stanza, warnings)?;
        if stanza.kind == "cluster" {
            drafts.add(cluster(stanza)?)?;
        }
    }
    for stanza in stanzas {
        match stanza.kind.as_str() {
            "node" => drafts.owner(stanza)?.add_node(stanza, warnings)?,
            "heartbeat" => drafts.owner(stanza)?.add_region(stanza)?,
            _ => {}
        }
    }
    let finish = |draft: Draft| draft.finish(warnings);
    Ok(drafts.all.into_iter().map(finish).collect())
}

/// The clusters of a file, in its order.
#[derive(Default)]
struct Drafts {
    all: Vec<Draft>,
    /// Maps a name to its place in `all`.
    index: BTreeMap<String, usize>,
}

impl Drafts {
    fn add(&mut self, draft: Draft) -> Result<(), ConfigError> {
        let name = draft.cluster.name.as_str();
        if let Some(first) = self.index.get(name).and_then(|&at| self.all.get(at)) {
            let reason = format!("line {} begins a cluster \"{name}\" already", first.line);
            return Err(ConfigError::new(draft.line, reason));
        }
        self.index.insert(name.to_owned(), self.all.len());
        self.all.push(draft);
        Ok(())
    }

    /// Returns the cluster that a node or a region belongs to. The C tools ignore a node or a
    /// region whose cluster is not in the file.
    fn owner(&mut self, stanza: &Stanza) -> Result<&mut Draft, ConfigError> {
        let owner = need(stanza, "cluster")?;
        let name = String::from_utf8_lossy(&owner.value);
        let found = self.index.get(name.as_ref());
        found.and_then(|&at| self.all.get_mut(at)).ok_or_else(|| {
            let reason = format!(
                "no cluster stanza has the name {} (the file's clusters: {})",
                shown(&owner.value),
                listed(self.index.keys().map(String::as_str))
            );
            ConfigError::new(owner.line, reason)
        })
    }
}

/// Notes attributes and stanzas without a meaning. A known kind in the wrong case is an
/// error: the C tools would ignore such a node.
fn names(stanza: &Stanza, warnings: &mut Vec<Note>) -> Result<(), ConfigError> {
    let kind = &stanza.kind;
    let Some((_, known)) = KINDS.iter().find(|(name, _)| name == kind) else {
        if let Some((right, _)) = KINDS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(kind))
        {
            let reason = format!("the stanza \"{kind}:\" must be spelled \"{right}:\"");
            return Err(ConfigError::new(stanza.line, reason));
        }
        let text = format!("the stanza \"{kind}:\" has no meaning here and is ignored");
        Note::add(warnings, stanza.line, text);
        return Ok(());
    };
    for (at, Attribute { line, name, .. }) in stanza.attributes.iter().enumerate() {
        if !known.contains(&name.as_str()) {
            let right = listed(known.iter().copied());
            let text = format!(
                "a \"{kind}\" stanza has no attribute \"{name}\": ignored (it has {right})"
            );
            Note::add(warnings, *line, text);
        } else if stanza
            .attributes
            .iter()
            .skip(at + 1)
            .any(|later| later.name == *name)
        {
            let text = format!("\"{name}\" is given again below; the last one counts");
            Note::add(warnings, *line, text);
        }
    }
    Ok(())
}

fn cluster(stanza: &Stanza) -> Result<Draft, ConfigError> {
    let attribute = need(stanza, "name")?;
    let name =
        cluster_name(&attribute.value).map_err(|why| ConfigError::new(attribute.line, why))?;
    let count = number(stanza, "node_count", 0, u32::MAX.into())?;
    let mode = get(stanza, MODE);
    let heartbeat_mode = match mode {
        None => HeartbeatMode::Local,
        Some(mode) if mode.value.eq_ignore_ascii_case(b"local") => HeartbeatMode::Local,
        Some(mode) if mode.value.eq_ignore_ascii_case(b"global") => HeartbeatMode::Global,
        Some(mode) => {
            let reason = format!(
                "\"{MODE}\" must be local or global, not {}",
                shown(&mode.value)
            );
            return Err(ConfigError::new(mode.line, reason));
        }
    };
    Ok(Draft {
        cluster: Cluster {
            name,
            heartbeat_mode,
            nodes: Vec::new(),
            regions: Vec::new(),
        },
        line: stanza.line,
        mode_line: mode.map_or(stanza.line, |mode| mode.line),
        count_line: get(stanza, "node_count").map_or(stanza.line, |count| count.line),
        count,
        node_lines: Vec::new(),
    })
}

impl Draft {
    fn add_node(&mut self, stanza: &Stanza, warnings: &mut Vec<Note>) -> Result<(), ConfigError> {
        let name = need(stanza, "name")?;
        let node = Node {
            name: node_name(&name.value).map_err(|why| ConfigError::new(name.line, why))?,
            number: number(
                stanza,
                "number",
                (*NUMBERS.start()).into(),
                (*NUMBERS.end()).into(),
            )?,
            address: address(need(stanza, "ip_address")?, warnings)?,
            port: number(
                stanza,
                "ip_port",
                (*PORTS.start()).into(),
                (*PORTS.end()).into(),
            )?,
        };
        self.no_clash(&node, stanza)?;
        self.cluster.nodes.push(node);
        self.node_lines.push(stanza.line);
        Ok(())
    }

    fn no_clash(&self, node: &Node, stanza: &Stanza) -> Result<(), ConfigError> {
        let Some((at, attribute, what)) = self.cluster.rival(node) else {
            return Ok(());
        };
        let other = self.cluster.nodes.get(at).map_or("", |other| &other.name);
        let first = self.node_lines.get(at).copied().unwrap_or_default();
        let line = need(stanza, attribute)?.line;
        let reason = format!("node \"{other}\" (line {first}) has {what} already");
        Err(ConfigError::new(line, reason))
    }

    fn add_region(&mut self, stanza: &Stanza) -> Result<(), ConfigError> {
        let attribute = need(stanza, "region")?;
        let fail = |reason: String| Err(ConfigError::new(attribute.line, reason));
        let Ok(region) = String::from_utf8_lossy(&attribute.value).parse::<Uuid>() else {
            return fail(format!(
                "\"region\" must be the UUID of a volume (32 hex digits), not {}",
                shown(&attribute.value)
            ));
        };
        if let Some(reason) = self.cluster.bars(region) {
            return fail(reason);
        }
        self.cluster.regions.push(region);
        Ok(())
    }

    /// Finishes the cluster, and notes what works, yet is unlikely to be meant.
    fn finish(self, warnings: &mut Vec<Note>) -> Cluster {
        let cluster = self.cluster;
        let (name, nodes) = (&cluster.name, cluster.nodes.len());
        if usize::try_from(self.count) != Ok(nodes) {
            let text = format!(
                "\"node_count\" is {}, but cluster \"{name}\" has {nodes}",
                self.count
            );
            Note::add(warnings, self.count_line, text);
        }
        match (cluster.heartbeat_mode, cluster.regions.is_empty()) {
            (HeartbeatMode::Global, true) => {
                let text = format!("cluster \"{name}\" is global, but has no heartbeat region");
                Note::add(warnings, self.mode_line, text);
            }
            (HeartbeatMode::Local, false) => {
                let text = format!("cluster \"{name}\" is local: its heartbeat regions are unused");
                Note::add(warnings, self.mode_line, text);
            }
            _ => {}
        }
        cluster
    }
}
