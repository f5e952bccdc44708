//! /etc/hosts. It asks no name server: a cluster has to come up without one, and a static program
//! cannot load the libraries that libc needs for that.

use crate::host::{System, read_text};
use crate::report::printable;
use eyre::{Result, WrapErr, bail};
use std::net::Ipv4Addr;

const HOSTS: &str = "/etc/hosts";

/// Returns the first IPv4 address of `name` that is valid on other machines too; a name may be an
/// address itself.
///
/// # Errors
/// There is none; a host's own name often has a loopback address only.
pub fn address_of(system: &System, name: &str) -> Result<Ipv4Addr> {
    if let Ok(address) = name.parse() {
        return Ok(address);
    }
    let text = read_text(&system.path(HOSTS)).wrap_err_with(|| format!("reading {HOSTS}"))?;
    let addresses = text.lines().filter_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let address: Ipv4Addr = words.next()?.parse().ok()?;
        let fits = words.any(|word| word.eq_ignore_ascii_case(name));
        fits.then_some(address)
    });
    let addresses: Vec<_> = addresses.collect();
    if let Some(address) = addresses.iter().find(|address| !address.is_loopback()) {
        return Ok(*address);
    }
    let name = printable(name);
    match addresses.last() {
        Some(local) => bail!(
            "{HOSTS} has only {local} for \"{name}\", which is another machine on each (give its \
             address with --ip)"
        ),
        None => bail!("{HOSTS} has no IPv4 address for \"{name}\" (give it with --ip)"),
    }
}
