//! doctor: what is wrong with this node, for people and for programs.

use super::Call;
use crate::cli::Word;
use crate::cluster::registered::RegisteredCluster;
use crate::config::cluster_conf::Cluster;
use crate::config::sysconfig::Sysconfig;
use crate::doctor::{self, Finding, Severity, Site, stated};
use crate::heartbeat::survey;
use crate::json::{Json, object};
use crate::report;
use eyre::{Result, bail};
use std::path::PathBuf;

/// The schema's version, which goes up when an existing name changes its meaning.
const SCHEMA: u64 = 1;

pub(super) fn doctor(call: &Call) -> Result<u8> {
    let findings = doctor::examine(&site(call));
    // Errors come first.
    let worst = findings.first().map(|finding| finding.kind.severity);
    report::say(match call.args.json {
        true => format!("{}\n", json(&findings)),
        false => findings.iter().map(text).collect(),
    })?;
    match worst {
        None => call.done("nothing is wrong"),
        Some(Severity::Warning) => Ok(1),
        Some(Severity::Error) => Ok(2),
    }
}

/// Reads the files without messages: each error in them is a finding.
pub(super) fn site<'s>(call: &Call<'s>) -> Site<'s> {
    let settings = &call.settings;
    let config = settings.config();
    let sysconfig = settings.parse_sysconfig(Sysconfig::parse);
    let live = RegisteredCluster::if_loaded(call.system);
    let boot_cluster = match (&config, &sysconfig) {
        (Ok(Some(config)), Ok(sysconfig)) => settings.boot_cluster(config, sysconfig),
        _ => Ok(None),
    };
    let cluster = stated(&config).and_then(|config| {
        let Some(config) = config else {
            bail!("{} does not exist", settings.shown());
        };
        let is_online =
            |cluster: &&Cluster| matches!(&live, Ok(Some(live)) if *live.name() == cluster.name);
        let set = match &boot_cluster {
            Ok(set) => *set,
            Err(_) => config.clusters.iter().find(is_online),
        };
        let found = set.map_or_else(|| settings.only_cluster(config), Ok);
        found.cloned()
    });
    let local = stated(&cluster)
        .and_then(|cluster| settings.node_of(cluster, stated(&sysconfig)?).cloned());
    let boot_cluster = boot_cluster.map(drop);
    // The processes that read them have no working directory.
    let devices = (call.operands.iter())
        .map(|Word(name)| std::path::absolute(name).unwrap_or_else(|_| PathBuf::from(name)));
    Site {
        system: call.system,
        config_place: settings.shown(),
        config,
        sysconfig_place: settings.sysconfig_place(),
        sysconfig,
        boot_cluster,
        cluster,
        local,
        surveyed: match &live {
            Ok(Some(live)) => survey::regions(call.system, live),
            // The finding about the cluster reports its error.
            _ => Ok(Vec::new()),
        },
        live,
        devices: devices.collect(),
    }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

fn text(finding: &Finding) -> String {
    let (kind, what) = (finding.kind, &finding.what);
    let severity = word(kind.severity);
    format!(
        "{severity}: {what} [{}]\n    why: {}\n    fix: {}\n",
        kind.code, kind.why, kind.fix
    )
}

/// Formats findings for programs. ocfs2box-json(5) defines names and meanings: none changes; more may come.
fn json(findings: &[Finding]) -> Json {
    object! { "schema": SCHEMA, "findings": Json::list(findings, entry) }
}

fn entry(finding: &Finding) -> Json {
    let kind = finding.kind;
    object! {
        "code": kind.code,
        "severity": word(kind.severity),
        "what": &finding.what,
        "why": kind.why,
        "fix": kind.fix,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::KINDS;

    /// Names and meanings are a promise: a change here is a change of the page, and of SCHEMA
    /// unless something is only added.
    #[test]
    fn both_forms_are_those_of_the_page() {
        let kind = KINDS.iter().find(|kind| kind.code == "cluster-offline");
        let finding = Finding {
            kind: kind.unwrap(),
            what: "it \"is\"".into(),
        };
        assert_eq!(
            text(&finding),
            "warning: it \"is\" [cluster-offline]\n    \
             why: no volume of it can be mounted here\n    fix: run: o2cb online\n"
        );
        assert_eq!(
            json(&[finding]).to_string(),
            "{\"schema\": 1, \"findings\": [{\"code\": \"cluster-offline\", \
             \"severity\": \"warning\", \"what\": \"it \\\"is\\\"\", \
             \"why\": \"no volume of it can be mounted here\", \
             \"fix\": \"run: o2cb online\"}]}"
        );
        assert_eq!(json(&[]).to_string(), r#"{"schema": 1, "findings": []}"#);
    }
}
