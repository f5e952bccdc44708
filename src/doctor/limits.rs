//! The heartbeat's timeout against that of the storage below it.

use super::Site;
use super::finding::{Findings, Kind};
use crate::cluster::timeouts::restart_after;
use crate::host::{list, read_attribute, read_text};
use eyre::Result;
use std::ffi::OsString;

/// The seconds of a wait without an end.
const EVER: u64 = u64::MAX;

/// Checks that multipath and iSCSI give up a lost path before the node self-fences.
pub(super) fn limits(site: &Site, findings: &mut Findings) -> Result<()> {
    let restart = restart_after(site.threshold()).into();
    let mut compare = |what: String, limit: u64| {
        if limit >= restart {
            let takes = match limit {
                EVER => "ever".into(),
                seconds => format!("{seconds} s"),
            };
            let what =
                format!("{what} tries for {takes}, and this node restarts after {restart} s");
            findings.add(Kind::THRESHOLD_LOW, what);
        }
    };
    let blocks = site.system.path("/sys/class/block");
    let is_multipath = |name: &OsString| {
        let uuid = read_attribute(&blocks.join(name).join("dm/uuid"));
        matches!(uuid, Ok(Some(uuid)) if uuid.starts_with("mpath-"))
    };
    if list(&blocks)?.iter().any(is_multipath) {
        const PLACE: &str = "/etc/multipath.conf";
        if let Some(limit) = multipath(&read_text(&site.system.path(PLACE))?) {
            compare(format!("multipath ({PLACE})"), limit);
        }
    }
    let sessions = site.system.path("/sys/class/iscsi_session");
    for session in list(&sessions)? {
        let value = read_attribute(&sessions.join(&session).join("recovery_tmo"))?;
        let value: Option<i64> = value.and_then(|value| value.trim().parse().ok());
        if let Some(value) = value {
            // A negative value never gives the session up.
            let limit = u64::try_from(value).unwrap_or(EVER);
            let session = session.to_string_lossy();
            compare(format!("iSCSI ({session}/recovery_tmo)"), limit);
        }
    }
    Ok(())
}

/// Returns the longest time that multipath.conf lets a map without a path queue requests; none
/// where it has them fail at once. All sections count: which of them applies is unknown here.
fn multipath(text: &str) -> Option<u64> {
    /// The default of multipathd.
    const INTERVAL: u64 = 5;
    let (mut interval, mut most) = (INTERVAL, None);
    for line in text.lines() {
        let line = line.split(['#', '!']).next().unwrap_or_default();
        let mut words = line.split([' ', '\t', '"']).filter(|word| !word.is_empty());
        let name = words.next().unwrap_or_default();
        for value in words {
            let number: Option<u64> = value.parse().ok();
            match (name, value) {
                ("no_path_retry", "queue") | ("features", "queue_if_no_path") => most = Some(EVER),
                ("no_path_retry", _) => most = most.max(number),
                ("polling_interval", _) => interval = number.unwrap_or(interval),
                _ => {}
            }
        }
    }
    most.map(|tries| tries.saturating_mul(interval.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_time_of_multipath_counts() {
        for (text, expected) in [
            ("", None),
            ("defaults {\n\tno_path_retry fail\n}\n", None),
            ("no_path_retry 12\n", Some(60)),
            ("no_path_retry 0\n", Some(0)),
            (
                "\tno_path_retry \"6\"\n polling_interval 10 # s\n",
                Some(60),
            ),
            ("no_path_retry 3\n no_path_retry queue\n", Some(EVER)),
            ("#no_path_retry queue\n", None),
            ("features \"1 queue_if_no_path\"\n", Some(EVER)),
            ("features \"0\"\n", None),
            ("no_path_retry 99999999999999999999\n", None),
        ] {
            assert_eq!(multipath(text), expected, "{text}");
        }
    }
}
