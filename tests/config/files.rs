//! Hand-made files, each odd in one way.

/// A file and what is to become of it. The C tool accepts some that are refused here, never
/// the other way round.
pub struct File {
    pub name: &'static str,
    pub text: String,
    pub accepted: bool,
}

const CLUSTER: &str = "cluster:\n\tname = c\n\tnode_count = 2\n";
const NODE1: &str = "node:\n\tcluster = c\n\tname = n1\n\tnumber = 0\n\tip_address = 192.0.2.1\n\
                     \tip_port = 7777\n";
const NODE2: &str = "node:\n\tcluster = c\n\tname = n2\n\tnumber = 1\n\tip_address = 192.0.2.2\n\
                     \tip_port = 7777\n";
const REGION: &str = "heartbeat:\n\tcluster = c\n\tregion = 8D55D77D7EF74F4E8E964F519A7060BF\n";

fn two() -> String {
    format!("{CLUSTER}\n{NODE1}\n{NODE2}")
}

fn file(name: &'static str, text: impl Into<String>, accepted: bool) -> File {
    let text = text.into();
    File {
        name,
        text,
        accepted,
    }
}

/// `two()` with one thing replaced, once.
fn with(from: &str, to: &str, accepted: bool) -> File {
    let text = two();
    assert!(text.contains(from), "{from}");
    let name = format!("{from:?} -> {to:?}");
    file(name.leak(), text.replacen(from, to, 1), accepted)
}

/// All of them.
pub fn all() -> Vec<File> {
    let mut all = layouts();
    all.extend(larger());
    all.extend(damaged());
    all.extend(numbers());
    all.extend(values());
    all.extend(only_here_refused());
    all
}

fn layouts() -> Vec<File> {
    let plain = two();
    vec![
        file("empty", "", true),
        file("plain", plain.clone(), true),
        file("no blank lines", format!("{CLUSTER}{NODE1}{NODE2}"), true),
        file("nodes first", format!("{NODE1}{NODE2}{CLUSTER}"), true),
        file("spaces for tabs", plain.replace('\t', "  "), true),
        file("no space around =", plain.replace(" = ", "="), true),
        file(
            "much space",
            plain.replace(" = ", " \t = \t ").replace(":\n", ": \t\n"),
            true,
        ),
        file(
            "comments",
            format!("# a\\\n{}", plain.replace("\tname", "# b\n\tname")),
            true,
        ),
        file("lines of space", plain.replace("\n\n", "\n \t \n\n"), true),
        file("no last line end", plain.trim_end(), true),
        file("head at the end", format!("{plain}\npool:"), true),
        file("unknown stanza", format!("pool:\n\tx = y\n\n{plain}"), true),
        file(
            "unknown attribute",
            plain.replace("\tip_port", "\t9x_ == #\n\tip_port"),
            true,
        ),
    ]
}

fn larger() -> Vec<File> {
    let plain = two();
    vec![
        file(
            "regions",
            format!("{plain}\n{REGION}{}", REGION.replace("8D", "9d")),
            true,
        ),
        file(
            "two clusters",
            format!("{plain}\n{}", plain.replace("= c\n", "= d\n")),
            true,
        ),
    ]
}

fn damaged() -> Vec<File> {
    let plain = two();
    vec![
        file("CR LF", plain.replace('\n', "\r\n"), false),
        file("CR LF blank line", plain.replace("\n\n", "\n\r\n"), false),
        file("byte-order mark", format!("\u{feff}{plain}"), false),
        file("only a colon", ":\n", false),
        file("attribute alone", "\tname = c\n", false),
        file("unknown outside", format!("{plain}\n\tx = y\n"), false),
        file("one cluster twice", format!("{CLUSTER}{CLUSTER}"), false),
        file("nameless cluster", "cluster:\n\tnode_count = 1\n", false),
        file("uncounted cluster", "cluster:\n\tname = c\n", false),
        with("\tnumber", "\n\tnumber", false),
        with("\tnumber", "number", false),
        with("node:", " node:", false),
        with("node:", "node :", false),
        with("node:", "node: # n1", false),
        with("node:", "node", false),
        with("node:", "my-node:", false),
        with("\tnumber", "\t# the number\n\tnumber", false),
        with("\tnumber", "\tmy-number = 1\n\tnumber", false),
        with("\tnumber", "\tnumber\n\tnumber", false),
        with("\tnumber", "\tnumber 1\n\tnumber", false),
        with("\tnumber", "\t= 1\n\tnumber", false),
        with("\tnumber", "\x0cnumber", false),
        with("\tnumber", "\tNumber", false),
        with("\tname = n1\n", "", false),
        with("\tip_port = 7777\n", "", false),
    ]
}

fn numbers() -> Vec<File> {
    vec![
        with("= 0", "= 9\n\tnumber = 0", true),
        with("= 0", "= \\\n0", true),
        with("= 0", "= +0007", true),
        with("= 0", "= 254", true),
        with("= 0", "= -1", false),
        with("= 0", "= 0x1", false),
        with("= 0", "= 1 1", false),
        with("= 0", "= 0\x0b", false),
        with("= 7777", "= 65534", true),
        with("= 7777", "= http", false),
        with("= 7777", "= 4294967296", false),
    ]
}

fn values() -> Vec<File> {
    vec![
        with("= n1", "= a b # c = d", true),
        with("= n1", "= a\\b\\\\c", true),
        with("= n1", "= knötchen", true),
        with("= n1", "= n1 \t\x0c\r", true),
        with("= n1", "= n1\\\n", true),
        with("= n1", "=", false),
        with("= 192.0.2.1", "= 192.0.2.01", false),
        with("= 192.0.2.1", "= 192.0.2", false),
        with("= 192.0.2.1", "= ::1", false),
        with("= 192.0.2.1", "= n1", false),
        with("= 192.0.2.1", "= \\\n192.0.2.1", false),
        with("node_count = 2", "node_count = 4294967295", true),
        with("node_count = 2", "node_count = 4294967296", false),
        with(
            "node_count = 2",
            "node_count = 2\n\theartbeat_mode = GLOBAL",
            true,
        ),
        with(
            "node_count = 2",
            "node_count = 2\n\theartbeat_mode = l",
            false,
        ),
        with(
            "node_count = 2",
            "node_count = 2\n\theartbeat_mode =",
            false,
        ),
    ]
}

/// What C loads, and then ignores or fails to register.
fn only_here_refused() -> Vec<File> {
    let plain = two();
    let mut files = vec![
        file(
            "lone region",
            format!("{plain}{}", REGION.replace("= c", "= x")),
            false,
        ),
        file(
            "no region",
            format!("{plain}{}", REGION.replace("8D", "xx")),
            false,
        ),
        file("zeroed end", format!("{plain}\0\0\0\0"), false),
        file("capital stanza", plain.replace("node:", "Node:"), false),
        file("empty node", format!("{plain}node:\n"), false),
        file("cut off", "cluster:\n\tnode_count = 0\n\tname = c\\", false),
    ];
    files.extend([
        with("cluster = c", "cluster = d", false),
        with("cluster = c", "Cluster = c", false),
        with("= n1", "= N2", false),
        with("= n1", "= a/b", false),
        with("= n1", "= a\\\nb", false),
        with("= 0", "= 1", false),
        with("= 0", "= 255", false),
        with("= 192.0.2.1", "= 192.0.2.2", false),
        with("= 7777", "= 0", false),
        with("= 7777", "= 65535", false),
    ]);
    files
}
