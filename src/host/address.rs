//! This machine's own addresses.

use super::{System, read_text};
use eyre::{Result, WrapErr, bail};
use std::net::Ipv4Addr;

/// Returns whether an interface that is up has the address. In the kernel's table of routes, the
/// line of an address precedes the one that marks it as this machine's. bind(2) would be no proof:
/// with `net.ipv4.ip_nonlocal_bind` set it succeeds for any.
///
/// # Errors
/// The table cannot be read.
pub fn is_own(system: &System, wanted: Ipv4Addr) -> Result<bool> {
    const TABLE: &str = "/proc/net/fib_trie";
    let table = read_text(&system.path(TABLE)).wrap_err("reading this machine's addresses")?;
    if table.is_empty() {
        bail!("the kernel shows no addresses ({TABLE} is missing or empty)");
    }
    let wanted = wanted.to_string();
    let mut address = "";
    for line in table.lines().map(str::trim) {
        address = line.strip_prefix("|-- ").unwrap_or(address);
        if line.ends_with("host LOCAL") && address == wanted {
            return Ok(true);
        }
    }
    Ok(false)
}
