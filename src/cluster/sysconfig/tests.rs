//! What counts as an assignment, and which values pass.

use super::*;

fn parse(text: &str) -> Result<Sysconfig, ConfigError> {
    Sysconfig::parse(text.as_bytes())
}

fn refused(text: &str, line: usize, words: &str) {
    let error = parse(text).expect_err(text);
    assert_eq!(error.line, line, "{text:?}: {error}");
    assert!(error.reason.contains(words), "{text:?}: {error}");
}

#[test]
fn the_debian_file_is_read() {
    let text = "# O2CB_ENABLED: 'true' means to load\nO2CB_ENABLED=false\n\n\
                O2CB_BOOTCLUSTER=ocfs2\nO2CB_HEARTBEAT_THRESHOLD=31\n\
                O2CB_IDLE_TIMEOUT_MS=30000\nO2CB_KEEPALIVE_DELAY_MS=2000\n\
                O2CB_RECONNECT_DELAY_MS=2000\n";
    let expected = Sysconfig {
        boot_cluster: Some("ocfs2".parse().unwrap()),
        heartbeat_threshold: Some(31),
        idle_timeout_ms: Some(30_000),
        keepalive_delay_ms: Some(2_000),
        reconnect_delay_ms: Some(2_000),
        ..Sysconfig::default()
    };
    assert_eq!(parse(text), Ok(expected));
}

#[test]
fn empty_values_are_unset_ones() {
    assert_eq!(parse(""), Ok(Sysconfig::default()));
    let keys = "ENABLED STACK BOOTCLUSTER HEARTBEAT_THRESHOLD IDLE_TIMEOUT_MS \
                KEEPALIVE_DELAY_MS RECONNECT_DELAY_MS HB_CTL_PATH NODE_NAME FENCE_METHOD";
    for key in keys.split(' ') {
        let text = format!("O2CB_{key}=\nexport O2CB_{key}=''\n");
        let sysconfig = parse(&text).unwrap();
        assert_eq!(sysconfig.warnings.len(), 1, "{sysconfig:?}");
        let warnings = Vec::new();
        assert_eq!(
            Sysconfig {
                warnings,
                ..sysconfig
            },
            Sysconfig::default()
        );
    }
}

#[test]
fn assignments_are_unquoted_like_a_shell_does() {
    for text in [
        "O2CB_NODE_NAME=n1",
        "O2CB_NODE_NAME='n1'",
        "O2CB_NODE_NAME=\"n1\" # n2",
        "  export O2CB_NODE_NAME=n\\1;",
        "A=`x` O2CB_NODE_NAME=n1 B=$C",
        "O2CB_NODE_NAME=n0; O2CB_NODE_NAME=n1",
        "O2CB_NODE_NAME=n\\\n1\nexport O2CB_NODE_NAME",
        "\\\n O2CB_NODE_NAME=\"n\\\n\"1",
        "A='\nO2CB_NODE_NAME=n2\n'; O2CB_NODE_NAME=n1",
        "A=\"$(echo \"O2CB_NODE_NAME=n2)\")\" O2CB_NODE_NAME=n1",
        "if a; then\nb\nelse if c; then d; fi\nfi\nO2CB_NODE_NAME=n1",
        "case $1 in a) if b; then c; fi ;;\nesac\nO2CB_NODE_NAME=n1",
        "f() {\n(\n:\n)\n}\nO2CB_NODE_NAME=n1",
        "[ x$O2CB_STACK = x ] || echo O2CB; O2CB_NODE_NAME=n1 #\\",
        "MY_O2CB_NODE_NAME=n2 O2CB_NODE_NAME=n1",
    ] {
        assert_eq!(
            parse(text).unwrap().node_name.as_deref(),
            Some("n1"),
            "{text}"
        );
    }
    let odd = "O2CB_NODE_NAME='a $ b'\\`\"\\$\\x\"#c";
    assert_eq!(
        parse(odd).unwrap().node_name.as_deref(),
        Some("a $ b`$\\x#c")
    );
}

/// What no parser can tell the outcome of, and the line to name.
const SHELL: &[(&str, usize)] = &[
    ("\nO2CB_NODE_NAME=$HOSTNAME", 2),
    ("O2CB_NODE_NAME=\"$(uname -n)\"", 1),
    ("O2CB_NODE_NAME=`uname -n`", 1),
    ("O2CB_NODE_NAME=${A:-'}'}", 1),
    ("O2CB_HB_CTL_PATH=~/x", 1),
    ("O2CB_HB_CTL_PATH=/sbin/*", 1),
    ("O2CB_ENABLED=true reboot", 1),
    ("[ -e /x ] && O2CB_ENABLED=true", 1),
    ("[ -e /x ] &&\nO2CB_ENABLED=true", 2),
    ("[ -e /x ] && # c\nif y; then\nO2CB_ENABLED=true\nfi", 3),
    ("if a; then O2CB_ENABLED=true; fi", 1),
    ("if a\nthen\nO2CB_ENABLED=true\nfi", 3),
    (
        "case a in\na) if b; then c; fi ;;\nb)\nO2CB_ENABLED=true\nesac",
        4,
    ),
    ("f() {\n O2CB_ENABLED=true\n}\n", 2),
    ("(\nO2CB_ENABLED=true\n)\n", 2),
    ("O2CB_ENABLED=true &", 1),
    ("O2CB_ENABLED=(true)", 1),
    ("O2CB_ENABLED=true>/x", 1),
    ("O2CB_ENABLED+=true", 1),
    ("O2CB_ENABLED = true", 1),
    ("\"O2CB_ENABLED\"=true", 1),
    ("unset O2CB_ENABLED", 1),
    ("eval 'export O2CB_ENABLED=true'", 1),
    (": ${O2CB_ENABLED:=true}", 1),
    ("cat <<E\nO2CB_ENABLED=true\nE", 1),
];

#[test]
fn what_only_a_shell_could_tell_is_refused() {
    for (text, line) in SHELL.iter().copied() {
        refused(text, line, "parsed, not run as shell");
    }
    refused(
        "\nA='\nO2CB_ENABLED=true\n",
        2,
        "' opens here is never closed",
    );
    refused("A=\"\n", 1, "\" opens here");
    refused("A=$(\n", 1, "$ opens here");
    refused("A=`\n", 1, "` opens here");
    refused("O2CB_ENABLED=true\r\n", 1, "CR LF");
    refused("\nO2CB_ENABLED=\0", 2, "NUL");
    assert!(Sysconfig::parse(b"# \xfc\nA=\xff").is_ok());
    assert!(Sysconfig::parse(b"O2CB_NODE_NAME=\xff").is_err());
}

#[test]
fn values_are_what_the_kernel_takes() {
    for (text, words) in [
        ("O2CB_ENABLED=maybe", "true or false"),
        ("O2CB_STACK=o2", "must be o2cb, pcmk or cman, not"),
        ("O2CB_STACK=abcd", "must be o2cb, pcmk or cman, not"),
        ("O2CB_STACK=O2CB", "must be o2cb, pcmk or cman, not"),
        ("O2CB_BOOTCLUSTER=a/b", "character 2"),
        ("O2CB_HEARTBEAT_THRESHOLD=2", "from 3 to"),
        ("O2CB_HEARTBEAT_THRESHOLD=4294967296", "from 3 to"),
        ("O2CB_RECONNECT_DELAY_MS=0", "from 1 to 4294967294"),
        ("O2CB_RECONNECT_DELAY_MS=02000", "decimal"),
        ("O2CB_RECONNECT_DELAY_MS=+2", "decimal"),
        ("O2CB_IDLE_TIMEOUT_MS=4294967295", "to 4294967294"),
        (
            "O2CB_IDLE_TIMEOUT_MS=2000",
            "(2000 by default) must be less",
        ),
        ("O2CB_KEEPALIVE_DELAY_MS=30000", "(30000 by default)"),
        ("O2CB_HB_CTL_PATH=bin/true", "from / on"),
        ("O2CB_NODE_NAME=a/b", "slash"),
        ("O2CB_NODE_NAME='a\nb'", "unprintable"),
        ("O2CB_FENCE_METHOD=Reset", "reset or panic"),
    ] {
        refused(text, 1, words);
    }
    let both = "O2CB_IDLE_TIMEOUT_MS=500\nO2CB_KEEPALIVE_DELAY_MS=";
    refused(&format!("{both}500"), 2, "(500) must be less");
    assert!(parse(&format!("{both}499")).is_ok());
    for (text, enabled) in [
        ("TRUE", true),
        ("Yes", true),
        ("1", true),
        ("no", false),
        ("0", false),
    ] {
        let text = format!("O2CB_ENABLED={text}");
        assert_eq!(parse(&text).unwrap().enabled, enabled, "{text}");
    }
}

#[test]
fn what_is_left_out_is_noted() {
    let text = "O2CB_TRESHOLD=7\n. /etc/other\nexport A=1\nif a; then\nb\nfi\n";
    let lines: Vec<_> = parse(text)
        .unwrap()
        .warnings
        .iter()
        .map(|note| note.line)
        .collect();
    assert_eq!(lines, [1, 2, 4]);
}

#[test]
fn a_value_is_replaced_where_it_counts_and_nothing_else() {
    for (text, key, value, wanted) in [
        ("", "O2CB_ENABLED", "true", "O2CB_ENABLED=true\n"),
        ("# x", "O2CB_STACK", "pcmk", "# x\nO2CB_STACK=pcmk\n"),
        ("A=1\n", "O2CB_STACK", "", "A=1\n"),
        (
            "O2CB_STACK=o2cb\nexport O2CB_STACK=\"o2cb\"; B=2 # c\n",
            "O2CB_STACK",
            "pcmk",
            "O2CB_STACK=o2cb\nexport O2CB_STACK=pcmk; B=2 # c\n",
        ),
        (
            "A=1 \\\n  O2CB_STACK='o2'\"cb\" C=3",
            "O2CB_STACK",
            "cman",
            "A=1 \\\n  O2CB_STACK=cman C=3",
        ),
        ("O2CB_STACK=\n", "O2CB_STACK", "cman", "O2CB_STACK=cman\n"),
        (
            "O2CB_HB_CTL_PATH=/a\n",
            "O2CB_HB_CTL_PATH",
            "/b c'd",
            "O2CB_HB_CTL_PATH='/b c'\\''d'\n",
        ),
        // One that was wrong can be mended.
        (
            "O2CB_ENABLED=maybe\n",
            "O2CB_ENABLED",
            "false",
            "O2CB_ENABLED=false\n",
        ),
    ] {
        let new = edit::set(text.as_bytes(), &[(key, value)]).unwrap();
        assert_eq!(String::from_utf8(new).unwrap(), wanted);
    }
}

#[test]
fn a_file_that_cannot_take_a_value_is_left() {
    for text in [
        "A=b\\",
        "if true; then\n",
        "(\n",
        "O2CB_STACK=$X\n",
        "O2CB_STACK='",
        "[ -e /x ] &&\n",
    ] {
        assert!(
            edit::set(text.as_bytes(), &[("O2CB_ENABLED", "true")]).is_err(),
            "{text:?}"
        );
    }
    let both = [
        ("O2CB_IDLE_TIMEOUT_MS", "900"),
        ("O2CB_KEEPALIVE_DELAY_MS", "300"),
    ];
    assert!(edit::set(b"", &both[..1]).is_err());
    assert!(edit::set(b"", &both).is_ok());
}

/// The file that docs/ has for admins knows every key, and changes nothing by itself.
#[test]
fn the_template_is_complete() {
    let text = include_str!("../../../docs/o2cb.sysconfig");
    let template = Sysconfig {
        stack: Some(StackName::O2CB),
        ..Sysconfig::default()
    };
    assert_eq!(parse(text), Ok(template));
    let keys = edit::values(text.as_bytes()).unwrap();
    assert_eq!(keys.len(), 10);
    for (key, _) in keys {
        let new = edit::set(text.as_bytes(), &[(&key, "")]).unwrap();
        assert_eq!(
            new.split(|&byte| byte == b'\n').count(),
            text.split('\n').count()
        );
    }
}
