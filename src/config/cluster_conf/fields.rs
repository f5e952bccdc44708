//! Single attributes: present, and of the right form.

use super::syntax::{Attribute, Stanza};
use super::{ConfigError, Note, shown};
use crate::ids::ClusterName;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Returns the last attribute of that name, which is the one that counts.
pub(super) fn get<'a>(stanza: &'a Stanza, name: &str) -> Option<&'a Attribute> {
    stanza
        .attributes
        .iter()
        .rfind(|attribute| attribute.name == name)
}

pub(super) fn need<'a>(stanza: &'a Stanza, name: &str) -> Result<&'a Attribute, ConfigError> {
    get(stanza, name).ok_or_else(|| {
        let alike = |other: &&Attribute| other.name.eq_ignore_ascii_case(name);
        let hint = match stanza.attributes.iter().find(alike) {
            Some(other) => format!(" (line {} spells it \"{}\")", other.line, other.name),
            None => String::new(),
        };
        let reason = format!("this \"{}\" stanza has no \"{name}\"{hint}", stanza.kind);
        ConfigError::new(stanza.line, reason)
    })
}

/// Parses a decimal number as strtoul(3) does, with space and a plus sign in front.
pub(super) fn number<T: TryFrom<u64>>(
    stanza: &Stanza,
    name: &str,
    min: u64,
    max: u64,
) -> Result<T, ConfigError> {
    let attribute = need(stanza, name)?;
    let text = attribute.value.trim_ascii_start();
    let digits = text.strip_prefix(b"+").unwrap_or(text);
    Some(digits)
        .filter(|digits| digits.iter().all(u8::is_ascii_digit))
        .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
        .filter(|value| (min..=max).contains(value))
        .and_then(|value| T::try_from(value).ok())
        .ok_or_else(|| {
            let reason = format!(
                "\"{name}\" must be a decimal number from {min} to {max}, not {}",
                shown(&attribute.value)
            );
            ConfigError::new(attribute.line, reason)
        })
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
    text.parse()
        .map_err(|why: crate::ids::BadName| why.to_string())
}

pub(super) fn address(
    attribute: &Attribute,
    warnings: &mut Vec<Note>,
) -> Result<Ipv4Addr, ConfigError> {
    let text = String::from_utf8_lossy(&attribute.value);
    let given = shown(&attribute.value);
    let address: Ipv4Addr = text.parse().map_err(|_| {
        let reason = match text.parse::<Ipv6Addr>() {
            Ok(_) => format!("{given} is an IPv6 address, but OCFS2 in the kernel knows IPv4 only"),
            Err(_) => format!(
                "\"ip_address\" must be an IPv4 address such as 192.0.2.1 (no host name, no \
                 leading zeros), not {given}"
            ),
        };
        ConfigError::new(attribute.line, reason)
    })?;
    if !is_one_machine(address) {
        let text = format!("{address} is not one machine's address: no peer can connect to it");
        Note::add(warnings, attribute.line, text);
    }
    Ok(address)
}

/// Returns whether peers could connect to the address.
pub(super) fn is_one_machine(address: Ipv4Addr) -> bool {
    !(address.is_unspecified() || address.is_multicast() || address.is_broadcast())
}
