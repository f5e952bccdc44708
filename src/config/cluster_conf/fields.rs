//! Single attributes: present, and of the right form.

use super::syntax::{Attribute, Stanza};
use super::{Flaw, decimal, shown};
use crate::ids::{BadName, ClusterName};
use std::fmt::Display;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::str::FromStr;

impl Stanza {
    /// Returns the last attribute of that name, which is the one that counts.
    pub(super) fn get(&self, name: &str) -> Option<&Attribute> {
        let mut attributes = self.attributes.iter();
        attributes.rfind(|attribute| attribute.name == name)
    }

    pub(super) fn need(&self, name: &str) -> Result<&Attribute, Flaw> {
        self.get(name).ok_or_else(|| {
            let alike = |other: &&Attribute| other.name.eq_ignore_ascii_case(name);
            let hint = match self.attributes.iter().find(alike) {
                Some(other) => format!(" (line {} spells it \"{}\")", other.line, other.name),
                None => String::new(),
            };
            let reason = format!("this \"{}\" stanza has no \"{name}\"{hint}", self.kind);
            Flaw::new(self.line, reason)
        })
    }

    /// Parses a decimal number as strtoul(3) does, with space and a plus sign in front.
    pub(super) fn number<T: FromStr + PartialOrd + Display>(
        &self,
        name: &str,
        range: RangeInclusive<T>,
    ) -> Result<T, Flaw> {
        let attribute = self.need(name)?;
        let text = String::from_utf8_lossy(attribute.value.trim_ascii_start());
        let digits = text.strip_prefix('+').unwrap_or(&text);
        decimal(digits, &range).map_err(|wanted| {
            let given = shown(&attribute.value);
            attribute.wrong(format!("\"{name}\" must be {wanted}, not {given}"))
        })
    }

    /// Returns the number of nodes that a cluster's stanza states.
    pub(super) fn node_count(&self) -> Result<usize, Flaw> {
        self.number("node_count", 0..=u32::MAX as usize)
    }
}

impl Attribute {
    pub(super) fn wrong(&self, reason: impl Into<String>) -> Flaw {
        Flaw::new(self.line, reason)
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

pub(super) fn address(attribute: &Attribute, warnings: &mut Vec<Flaw>) -> Result<Ipv4Addr, Flaw> {
    let text = String::from_utf8_lossy(&attribute.value);
    let given = shown(&attribute.value);
    let address: Ipv4Addr = text.parse().map_err(|_| {
        attribute.wrong(match text.parse::<Ipv6Addr>() {
            Ok(_) => format!("{given} is an IPv6 address, but OCFS2 in the kernel knows IPv4 only"),
            Err(_) => format!(
                "\"ip_address\" must be an IPv4 address such as 192.0.2.1 (no host name, no \
                 leading zeros), not {given}"
            ),
        })
    })?;
    if !is_one_machine(address) {
        warnings.push(attribute.wrong(format!(
            "{address} is not one machine's address: no peer can connect to it"
        )));
    }
    Ok(address)
}

/// Returns whether peers could connect to the address.
pub(super) fn is_one_machine(address: Ipv4Addr) -> bool {
    !(address.is_unspecified() || address.is_multicast() || address.is_broadcast())
}
