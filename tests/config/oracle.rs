//! `/sbin/o2cb`, asked what a file means.

use ocfs2box::config::cluster_conf::Cluster;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub const TOOL: &str = "/sbin/o2cb";

/// The C tool with a file of its own.
pub struct Oracle {
    file: PathBuf,
}

impl Oracle {
    pub fn new(name: &str) -> Self {
        assert!(
            Path::new(TOOL).exists(),
            "{TOOL} is not there (run tests/run.sh once: it installs ocfs2-tools)"
        );
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.conf"));
        Self { file }
    }

    /// The names of the clusters in `text`, or `None` if the tool refuses it (or crashes).
    pub fn clusters(&self, text: &[u8]) -> Option<Vec<String>> {
        fs::write(&self.file, text).unwrap();
        let output = self.run(&["list-clusters"]);
        output.status.success().then(|| lines(&output))
    }

    /// One line for each region, node and the cluster, of the text given last.
    pub fn list(&self, cluster: &str) -> Vec<String> {
        let output = self.run(&["list-cluster", "--oneline", cluster]);
        assert!(output.status.success());
        lines(&output)
            .iter()
            .map(|line| same_region(line))
            .collect()
    }

    fn run(&self, words: &[&str]) -> Output {
        let file = format!("--config-file={}", self.file.display());
        Command::new(TOOL).arg(file).args(words).output().unwrap()
    }
}

fn lines(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(str::to_owned).collect()
}

/// The tool keeps a region's UUID as it stands in the file, and counts what the file says
/// it counts.
fn same_region(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    match *words.as_slice() {
        ["heartbeat:", region, cluster] => {
            let region = region.replace('-', "").to_uppercase();
            format!("heartbeat: {region} {cluster}")
        }
        ["cluster:", _count, mode, name] => format!("cluster: {mode} {name}"),
        _ => line.to_owned(),
    }
}

/// What [`Oracle::list`] should say.
pub fn listing(cluster: &Cluster) -> Vec<String> {
    let name = &cluster.name;
    let regions = cluster
        .regions
        .iter()
        .map(|region| format!("heartbeat: {region} {name}"));
    let nodes = cluster.nodes.iter().map(|node| {
        let (number, address, port) = (node.number, node.address, node.port);
        format!("node: {number} {} {address}:{port} {name}", node.name)
    });
    let last = format!("cluster: {} {name}", cluster.heartbeat_mode);
    regions.chain(nodes).chain([last]).collect()
}
