//! diff: where files, kernel and volumes differ. Its exit codes are those of diff(1).

use super::{Call, doctor};
use crate::doctor::diff::{self, Difference};
use crate::json::{Json, object};
use crate::report::{self, printable};
use eyre::Result;

/// The schema's version, which goes up when an existing name changes its meaning.
const SCHEMA: u64 = 1;

pub(super) fn diff(call: &Call) -> Result<u8> {
    let site = doctor::site(call);
    if let Err(report) = &site.boot_cluster {
        report::warn(format_args!("{report:#}"));
    }
    let diff = diff::of(&site);
    if call.args.json {
        let json = object! {
            "schema": SCHEMA,
            "differences": Json::list(&diff.differences, entry),
            "unknown": Json::list(&diff.unknown, |text| text.into()),
        };
        report::say(format!("{json}\n"))?;
    } else {
        let lines = diff.differences.iter();
        report::say(
            lines
                .map(|one| printable(one.to_string()) + "\n")
                .collect::<String>(),
        )?;
        diff.unknown.iter().for_each(report::warn);
    }
    Ok(
        match (diff.unknown.is_empty(), diff.differences.is_empty()) {
            (false, _) => 2,
            (true, false) => 1,
            (true, true) => 0,
        },
    )
}

/// Makes one entry for programs. ocfs2box-json(5) defines names and meanings: none changes; more may come.
fn entry(difference: &Difference) -> Json {
    object! {
        "what": &difference.what,
        "file": difference.file.as_ref(),
        "kernel": difference.kernel.as_ref(),
        "volume": difference.volume.as_ref(),
        "apply": if difference.live { "now" } else { "offline" },
        "run": &difference.run,
    }
}
