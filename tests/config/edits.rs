//! Changes keep every line that they are not about.

use crate::{files, mutate};
use ocfs2box::config::cluster_conf::{Cluster, Config, Document, Node};
use ocfs2box::ids::{ClusterName, HeartbeatMode, Uuid};
use std::net::Ipv4Addr;

const REGION: &str = "8D55D77D7EF74F4E8E964F519A7060BF";

fn name(text: &str) -> ClusterName {
    text.parse().unwrap()
}

fn region(text: &str) -> Uuid {
    text.parse().unwrap()
}

fn node(name: &str, last: u8) -> Node {
    Node {
        name: name.into(),
        number: 0,
        address: Ipv4Addr::new(192, 0, 2, last),
        port: 7777,
    }
}

/// Adds a node with the lowest free number, and returns that.
fn add(file: &mut Document, cluster: &str, node: Node) -> eyre::Result<u8> {
    let cluster = name(cluster);
    let number = file.config().need(&cluster)?.free_number()?;
    file.add_node(&cluster, Node { number, ..node })?;
    Ok(number)
}

fn document(text: &str) -> Document {
    Document::parse(text.into()).unwrap()
}

fn text(document: &Document) -> &str {
    std::str::from_utf8(document.text()).unwrap()
}

/// By hand, with all that an editor may leave.
const BY_HAND: &str = "\
# The web servers. Ask ops before changing this.
cluster:
  node_count=3
# one more comes in spring
  name=web
  colour = blue

# alpha: first rack
node:
  number=0
  name=alpha
  cluster=web
# old address: 192.0.2.77
  ip_address=192.0.2.1
  ip_port=7777
  rack = 1
# beta: second rack
node:
\tcluster = web
\tname = beta
\tnumber = 4
\tip_address = 192.0.2.2
\tip_port = 7777

pool:
\tx = y

cluster:
\tname = db
\tnode_count = 0
# the end";

#[test]
fn a_file_made_by_hand_keeps_its_form() {
    let mut file = document(BY_HAND);
    add(&mut file, "web", node("gamma", 3)).unwrap();
    let gamma = "\nnode:\n\tcluster = web\n\tnumber = 1\n\tip_port = 7777\n\tip_address = \
                 192.0.2.3\n\tname = gamma\n";
    let wanted = BY_HAND.replace("\n\npool", &format!("\n{gamma}\npool"));
    assert_eq!(text(&file), wanted);
    // The count was 3 already, for two nodes; from now on it is kept.
    file.remove_node(&name("web"), "gamma").unwrap();
    let two = BY_HAND.replace("count=3", "count=2");
    assert_eq!(text(&file), two);
    // Its comments stay, and part it from the next.
    file.remove_node(&name("web"), "alpha").unwrap();
    let alpha = two.find("node:").unwrap()..two.find("# beta").unwrap();
    let wanted = two
        .replace("count=2", "count=1")
        .replace(&two[alpha], "# old address: 192.0.2.77\n");
    assert_eq!(text(&file), wanted);
    file.set_mode(&name("web"), HeartbeatMode::Global).unwrap();
    let wanted = wanted.replace("name=web\n", "name=web\n\theartbeat_mode = global\n");
    assert_eq!(text(&file), wanted);
    file.add_region(&name("web"), region(REGION)).unwrap();
    let stanza = format!("heartbeat:\n\tcluster = web\n\tregion = {REGION}\n\n");
    let wanted = wanted.replace("pool:", &format!("{stanza}pool:"));
    assert_eq!(text(&file), wanted);
    file.add_cluster(&name("last")).unwrap();
    let last = "\n\ncluster:\n\tname = last\n\theartbeat_mode = local\n\tnode_count = 0\n\n";
    assert_eq!(text(&file), format!("{wanted}{last}"));
    file.remove_cluster(&name("web")).unwrap();
    for line in BY_HAND.lines().filter(|line| line.starts_with('#')) {
        assert!(text(&file).lines().any(|kept| kept == line), "{line}");
    }
    assert!(text(&file).contains("pool:\n\tx = y\n\ncluster:\n\tname = db\n"));
    assert_eq!(file.config().clusters.len(), 2);
}

#[test]
fn values_are_changed_in_place() {
    for (before, after) in [
        ("\tnode_count = 0\n", "\tnode_count = 1\n"),
        ("  node_count=0 \t\n", "  node_count=1\n"),
        ("\tnode_count = \\\n  +00\n", "\tnode_count = 1\n"),
        (
            "\tnode_count = 9\n\tnode_count =\t0\n",
            "\tnode_count = 9\n\tnode_count =\t1\n",
        ),
        // What it should be already.
        ("\tnode_count = 01\n", "\tnode_count = 01\n"),
    ] {
        let head = "cluster:\n\tname = c\n";
        let mut file = document(&format!("{head}{before}"));
        add(&mut file, "c", node("n", 1)).unwrap();
        let start = format!("{head}{after}\nnode:\n");
        assert!(text(&file).starts_with(&start), "{before:?} {file:?}");
    }
    let mut file = document("cluster:\n\tnode_count = 0\n\tname = c");
    file.set_mode(&name("c"), HeartbeatMode::Global).unwrap();
    let wanted = "cluster:\n\tnode_count = 0\n\tname = c\n\theartbeat_mode = global\n";
    assert_eq!(text(&file), wanted);
}

#[test]
fn what_is_not_sound_is_refused_and_changes_nothing() {
    let mut file = document("cluster:\n\tname = c\n\tnode_count = 1\n\n");
    add(&mut file, "c", node("n", 1)).unwrap();
    let before = text(&file).to_owned();
    for bad in [
        "", ".", "a/b", "a\nb", " a", "a ", "a\\", "N", "a\u{7}", "n",
    ] {
        assert!(add(&mut file, "c", node(bad, 2)).is_err(), "{bad:?}");
    }
    assert!(add(&mut file, "c", node("m", 1)).is_err());
    let taken = Node {
        number: 0,
        ..node("m", 2)
    };
    assert!(file.add_node(&name("c"), taken).is_err());
    assert!(file.remove_node(&name("c"), "N").is_err());
    assert!(file.add_cluster(&name("c")).is_err());
    assert!(file.add_cluster(&name("c-d")).is_err());
    assert!(file.remove_region(&name("c"), region(REGION)).is_err());
    assert_eq!(text(&file), before);
    for at in 1..=254 {
        let node = Node {
            address: Ipv4Addr::new(198, 51, 100, at),
            ..node(&format!("n{at}"), 0)
        };
        assert_eq!(add(&mut file, "c", node).unwrap(), at);
    }
    let full = add(&mut file, "c", node("m", 2)).unwrap_err();
    assert!(full.to_string().contains("is full"), "{full}");
    for at in 0..32 {
        let region = region(&format!("{at:02}{}", &REGION[2..]));
        file.add_region(&name("c"), region).unwrap();
    }
    assert!(file.add_region(&name("c"), region(REGION)).is_err());
}

/// The lines of `all` without those of `some`, which have to be there in this order.
fn minus<'t>(all: &'t [u8], some: &[u8]) -> Vec<&'t [u8]> {
    let mut some = some.split(|&b| b == b'\n').filter(|line| !line.is_empty());
    let mut next = some.next();
    let mut rest = Vec::new();
    for line in all.split(|&b| b == b'\n') {
        if next == Some(line) {
            next = some.next();
        } else {
            rest.push(line);
        }
    }
    let shown = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    assert_eq!(next.map(shown), None, "lost from:\n{}", shown(all));
    rest
}

fn comments(text: &[u8]) -> usize {
    let lines = text.split(|&b| b == b'\n');
    lines.filter(|line| line.starts_with(b"#")).count()
}

/// Whatever is accepted can be changed, loses no line by it, and gets only new ones.
#[test]
fn mutants_lose_no_line() {
    let seeds: Vec<_> = files::all()
        .into_iter()
        .filter(|file| file.accepted)
        .collect();
    let mut random = mutate::Random::new(0x0c_f5_20_28);
    let mut counts = [0; 4];
    for _ in 0..20_000 {
        let seed = &seeds[random.below(seeds.len())];
        let before = mutate::mutant(&mut random, seed.text.as_bytes());
        let Ok(mut file) = Document::parse(before.clone()) else {
            continue;
        };
        counts[0] += 1;
        file.add_cluster(&name("fresh")).unwrap();
        let added = minus(file.text(), &before).concat();
        assert!(added.starts_with(b"cluster:\tname = fresh"), "{added:?}");
        for cluster in file.config().clusters.clone() {
            counts[1] += change(&mut file, &cluster);
            if let Some(region) = cluster.regions.first() {
                file.remove_region(&cluster.name, *region).unwrap();
                counts[2] += 1;
            }
            file.set_mode(&cluster.name, HeartbeatMode::Global).unwrap();
        }
        for cluster in file.config().clusters.clone() {
            let before = file.text().to_owned();
            file.remove_cluster(&cluster.name).unwrap();
            // What a backslash joins to a value is no comment.
            if !before.contains(&b'\\') {
                assert_eq!(comments(file.text()), comments(&before));
            }
            counts[3] += 1;
        }
        assert_eq!(file.config().clusters, []);
    }
    assert!(counts.iter().all(|&count| count > 30), "{counts:?}");
}

/// A node comes and goes, then the first goes. How many were removed.
fn change(file: &mut Document, cluster: &Cluster) -> usize {
    let is_other = |line: &&[u8]| {
        let text = String::from_utf8_lossy(line);
        !text.contains("node_count") && !text.trim().is_empty()
    };
    let others = |text: &[u8]| -> Vec<Vec<u8>> {
        let lines = text.split(|&b| b == b'\n').filter(is_other);
        lines.map(<[u8]>::to_vec).collect()
    };
    let before = file.text().to_owned();
    add(file, cluster.name.as_str(), node("fresh", 250)).unwrap();
    let wrong_count = format!("cluster \"{}\" has {}", cluster.name, cluster.nodes.len());
    let notes = &Config::parse(file.text()).unwrap().warnings;
    assert!(!notes.iter().any(|note| note.reason.ends_with(&wrong_count)));
    file.remove_node(&cluster.name, "fresh").unwrap();
    if !before.contains(&b'\\') {
        assert_eq!(others(file.text()), others(&before));
    }
    let Some(node) = cluster.nodes.first() else {
        return 0;
    };
    let before = file.text().to_owned();
    file.remove_node(&cluster.name, &node.name).unwrap();
    if !before.contains(&b'\\') {
        assert_eq!(comments(file.text()), comments(&before));
        let left = others(file.text());
        let gone = minus(&before, &left.join(&b'\n'));
        assert!(gone.len() >= 6, "{gone:?}");
    }
    1
}
