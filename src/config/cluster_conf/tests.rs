//! The errors in a file: what is refused, on which line, and with which message.

use super::*;

const CLUSTER: &str = "cluster:\n\tname = c\n\tnode_count = 1\n";
const NODE: &str =
    "node:\n\tcluster = c\n\tname = n1\n\tnumber = 0\n\tip_address = 192.0.2.1\n\tip_port = 7777\n";
const REGION: &str = "heartbeat:\n\tcluster = c\n\tregion = 8D55D77D7EF74F4E8E964F519A7060BF\n";

fn one() -> String {
    format!("{CLUSTER}{NODE}")
}

/// Returns a second node that does not clash with the first.
fn second() -> String {
    NODE.replace("n1", "n2")
        .replace("= 0", "= 1")
        .replace("192.0.2.1", "192.0.2.2")
}

fn parse(text: &str) -> Result<Config, Flaw> {
    Config::parse(text.as_bytes())
}

fn refused(text: &str, line: usize, words: &str) {
    let error = parse(text).expect_err(text);
    assert_eq!(error.line, line, "{text:?}: {error}");
    assert!(error.reason.contains(words), "{text:?}: {error}");
}

fn warned(text: &str, line: usize, words: &str) {
    let config = parse(text).expect(text);
    let found = |note: &Flaw| note.line == line && note.reason.contains(words);
    assert!(
        config.warnings.iter().any(found),
        "{text:?}: {:?}",
        config.warnings
    );
}

#[test]
fn a_plain_file_gives_its_cluster() {
    let text = format!("# ours\n{}\n{}", one().replace('\t', "    "), second());
    let text = text.replace("node_count = 1", "node_count=2");
    let text = text.replacen("node:", "\nnode:", 1);
    let config = parse(&text).unwrap();
    assert_eq!(config.warnings, []);
    let [cluster] = config.clusters.as_slice() else {
        panic!("{config:?}")
    };
    assert_eq!(cluster.heartbeat_mode, HeartbeatMode::Local);
    assert_eq!(config.cluster(&"c".parse().unwrap()), Some(cluster));
    let first = Node {
        name: "n1".into(),
        number: 0,
        address: Ipv4Addr::new(192, 0, 2, 1),
        port: 7777,
    };
    assert_eq!(cluster.nodes.first(), Some(&first));
    assert_eq!(cluster.nodes.len(), 2);
}

#[test]
fn an_empty_file_has_no_clusters() {
    for text in ["", "\n", "# nothing\n\n", " \t\n"] {
        assert_eq!(parse(text), Ok(Config::default()), "{text:?}");
    }
}

#[test]
fn layout_errors_name_their_line() {
    let at_blank = format!("{CLUSTER}\n{}", NODE.replace("\tnumber", "\n\tnumber"));
    refused(
        &at_blank,
        9,
        "the blank line 8 ends the stanza, so \"number\"",
    );
    refused("\tname = c\n", 1, "\"name\" stands outside any stanza");
    let bare = one().replace("\tnumber", "number");
    refused(&bare, 7, "\"number\" must be indented with a tab or spaces");
    refused(&one().replace('\n', "\r\n"), 1, "CR LF");
    refused(&format!("{CLUSTER}\r\n"), 4, "CR LF");
    refused("cluster: # mine\n", 1, "nothing may follow \"cluster:\"");
    refused("cluster :\n", 1, "no space may stand");
    refused(" cluster:\n", 1, "must begin in the first column");
    refused(
        "cluster:\n # x\n",
        2,
        "comment must begin in the first column",
    );
    refused("cluster:\n\tname c\n", 2, "lacks the \"=\"");
    refused("cluster:\n\tmy-name = c\n", 2, "letters, digits");
    refused("cluster:\n\t= c\n", 2, "letters, digits");
    refused("what is this\n", 1, "neither the head of a stanza");
    refused(":\n", 1, "neither the head of a stanza");
    refused("\u{feff}cluster:\n", 1, "byte-order mark");
    refused("cluster:\n\tname = c\\\n", 2, "the file ends here");
    refused("cluster:\n\tname = c\0\n", 2, "NUL");
    refused(&"\n".repeat(MAX_BYTES + 1), 1, "larger than 1024 KiB");
}

#[test]
fn a_node_is_never_lost_in_silence() {
    refused(
        &format!("{CLUSTER}{}", NODE.replace("= c", "= d")),
        5,
        "(the file's clusters: c)",
    );
    refused(NODE, 2, "clusters: none");
    refused(&one().replace("\tcluster = c\n", ""), 4, "no \"cluster\"");
    refused(
        &one().replace("node:", "Node:"),
        4,
        "must be spelled \"node:\"",
    );
    refused(
        &one().replace("\tnumber", "\tNumber"),
        4,
        "(line 7 spells it \"Number\")",
    );
    for name in ["cluster", "name", "number", "ip_address", "ip_port"] {
        let hidden = NODE.replace(&format!("\t{name} ="), "\tx =");
        refused(&format!("{CLUSTER}{hidden}"), 4, &format!("no \"{name}\""));
    }
    refused("cluster:\n\tname = c\n", 1, "no \"node_count\"");
    refused(
        &format!("{CLUSTER}{CLUSTER}"),
        4,
        "line 1 begins a cluster \"c\" already",
    );
}

/// In `one()`, the first is replaced by the second: the line to name, and part of the message.
const BAD_VALUES: &[(&str, &str, usize, &str)] = &[
    ("= 0", "= 255", 7, "0 to 254, not \"255\""),
    ("= 0", "= -1", 7, "0 to 254"),
    ("= 0", "= 0x1", 7, "0 to 254"),
    ("= 0", "=", 7, "not \"\""),
    ("= 0", "= 99999999999999999999", 7, "0 to 254"),
    ("7777", "0", 9, "1 to 65534"),
    ("7777", "65535", 9, "1 to 65534"),
    ("7777", "7777 # x", 9, "1 to 65534"),
    ("192.0.2.1", "::1", 8, "knows IPv4 only"),
    ("192.0.2.1", "192.0.2.01", 8, "leading zeros"),
    ("192.0.2.1", "n1.example.com", 8, "no host name"),
    ("n1", "a/b", 6, "slash"),
    ("n1", "..", 6, "directory"),
    ("n1", "", 6, "empty"),
    ("n1", "a\tb", 6, "control character"),
    ("n1", "a\\\n\tb", 6, "spans lines"),
    ("node_count = 1", "node_count = one", 3, "decimal"),
    (
        "node_count = 1",
        "node_count = 1\n\theartbeat_mode = disk",
        4,
        "local or global",
    ),
    ("name = c", "name = web-c", 2, "character 4 is neither"),
    ("name = c", "name = a2345678901234567", 2, "longer than 16"),
    ("name = c", "name =", 2, "empty"),
];

#[test]
fn what_the_kernel_refuses_is_refused() {
    for (from, to, line, words) in BAD_VALUES.iter().copied() {
        refused(&one().replacen(from, to, 1), line, words);
    }
    refused(
        &one().replace("n1", &"n".repeat(65)),
        6,
        "longer than 64 bytes",
    );
    let bytes = one().into_bytes();
    let broken: Vec<u8> = bytes
        .iter()
        .map(|&b| if b == b'1' { 0xff } else { b })
        .collect();
    assert!(Config::parse(&broken).is_err());
}

#[test]
fn clashes_name_both_nodes() {
    let two = |from: &str, to: &str| format!("{}{}", one(), second().replace(from, to));
    assert!(parse(&two("", "")).is_ok());
    refused(
        &two("n2", "N1"),
        12,
        "node \"n1\" (line 4) has the name \"N1\" already",
    );
    refused(
        &two("number = 1", "number = 00"),
        13,
        "the number 0 already",
    );
    refused(
        &two("192.0.2.2", "192.0.2.1"),
        14,
        "the address 192.0.2.1 already",
    );
    let other_port = two("192.0.2.2", "192.0.2.1").replacen("7777", "7778", 1);
    refused(&other_port, 14, "the address");
    let elsewhere = format!("{}{}", one(), one().replace("= c\n", "= d\n"));
    assert_eq!(parse(&elsewhere).unwrap().clusters.len(), 2);
}

#[test]
fn regions_are_uuids_and_at_most_32() {
    let global = one().replace("node:", "\theartbeat_mode = Global\nnode:");
    let config = parse(&format!("{global}\n{REGION}").replace("node:", "\nnode:")).unwrap();
    assert_eq!(config.warnings, []);
    assert_eq!(config.clusters[0].heartbeat_mode, HeartbeatMode::Global);
    assert_eq!(
        config.clusters[0].regions[0].to_string(),
        "8D55D77D7EF74F4E8E964F519A7060BF"
    );
    let lower = REGION.to_lowercase();
    refused(&format!("{global}{REGION}{lower}"), 16, "already");
    refused(
        &format!("{global}{}", REGION.replace("8D", "/dev/sd")),
        13,
        "32 hex digits",
    );
    refused(
        &format!("{global}{}", REGION.replace("= c", "= d")),
        12,
        "no cluster stanza",
    );
    let many = |count: usize| {
        let all = (0..count).map(|at| REGION.replace("8D5", &format!("{at:03X}")));
        format!("{global}{}", all.collect::<String>())
    };
    assert_eq!(parse(&many(32)).unwrap().clusters[0].regions.len(), 32);
    refused(&many(33), 10 + 3 * 33, "more than 32 regions");
}

#[test]
fn what_works_all_the_same_is_noted() {
    warned(
        &one().replace("count = 1", "count = 2"),
        3,
        "cluster \"c\" has 1",
    );
    warned(
        &one().replace("\tip_port", "\tmood = fine\n\tip_port"),
        9,
        "no attribute \"mood\"",
    );
    warned(
        &format!("{}pool:\n\tx = \n", one()),
        10,
        "\"pool:\" has no meaning",
    );
    warned(
        &one().replace("\tnumber = 0", "\tnumber = 9\n\tnumber = 0"),
        7,
        "last one counts",
    );
    warned(&one().replace("= 0\n", "= 0\r\n"), 7, "CR LF");
    warned(one().trim_end(), 9, "no end");
    warned(&format!("{}{REGION}", one()), 1, "unused");
    warned(&one(), 4, "no blank line parts");
    warned(
        &format!("{CLUSTER}\theartbeat_mode = global\n"),
        4,
        "no heartbeat region",
    );
    warned(&one().replace("192.0.2.1", "224.0.0.1"), 8, "no peer");
    let config = Config::parse(b"# B\xfcro\nx:\n\ta = \xff\n").unwrap();
    assert_eq!(config.warnings.len(), 1);
}

#[test]
fn values_may_go_on_behind_a_backslash() {
    let odd = one()
        .replace("= 0", "= \\\n0")
        .replace("192.0.2.1", "192.0.2.1\\\n\\\n ");
    let config = parse(&odd).unwrap();
    assert_eq!(config.clusters[0].nodes[0].number, 0);
    let plain = one().replace("n1", "a\\b");
    assert_eq!(parse(&plain).unwrap().clusters[0].nodes[0].name, "a\\b");
}

#[test]
fn the_local_node_has_the_hosts_name() {
    let text = format!("{}{}", one(), second().replace("n2", "Node2.example"));
    let cluster = parse(&text).unwrap().clusters.remove(0);
    for (host, number) in [("n1", 0), ("N1.example.com", 0), ("node2.EXAMPLE.com", 1)] {
        assert_eq!(cluster.local_node(host).unwrap().number, number, "{host}");
    }
    for host in ["", "n", "n11", "node2", "x.n1", "node2.exampl"] {
        let error = cluster.local_node(host).unwrap_err().to_string();
        let words = format!("\"{host}\"; its nodes are: n1, Node2.example");
        assert!(error.contains(&words), "{error}");
    }
    let twice = format!("{}{}", one(), second().replace("n2", "n1.example"));
    let cluster = parse(&twice).unwrap().clusters.remove(0);
    let error = cluster.local_node("n1.example").unwrap_err().to_string();
    assert!(error.contains("\"n1\" and \"n1.example\""), "{error}");
}
