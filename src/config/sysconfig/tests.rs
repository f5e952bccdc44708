//! The lines that count as assignments, and the valid values.

use super::*;

fn parse(text: &str) -> Result<Sysconfig, Flaw> {
    Sysconfig::parse(text.as_bytes())
}

fn refused(text: &str, line: usize, words: &str) {
    let error = parse(text).expect_err(text);
    assert_eq!(error.line, line, "{text:?}: {error}");
    assert!(error.reason.contains(words), "{text:?}: {error}");
}

#[test]
fn empty_values_are_unset_ones() {
    assert_eq!(parse(""), Ok(Sysconfig::default()));
    let keys = "ENABLED STACK BOOTCLUSTER HEARTBEAT_THRESHOLD IDLE_TIMEOUT_MS \
                KEEPALIVE_DELAY_MS RECONNECT_DELAY_MS HB_CTL_PATH NODE_NAME FENCE_METHOD";
    for key in keys.split(' ') {
        let text = format!("O2CB_{key}=\nO2CB_{key}=''\n");
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
fn plain_lines_are_unquoted_as_a_shell_does() {
    for (text, value) in [
        ("O2CB_NODE_NAME=n1", "n1"),
        ("O2CB_NODE_NAME='n1'", "n1"),
        ("O2CB_NODE_NAME=\"n1\" # n2", "n1"),
        ("O2CB_NODE_NAME=n1\t#\\", "n1"),
        ("O2CB_NODE_NAME=n0\nO2CB_NODE_NAME=n1", "n1"),
        (" \n\t # O2CB_NODE_NAME=$(x) \\\nO2CB_NODE_NAME=n1 ", "n1"),
        ("A=$B\n. /etc/other\nO2CB_NODE_NAME=n1\nexit 0", "n1"),
        ("O2CB_NODE_NAME=knötchen", "knötchen"),
        ("O2CB_NODE_NAME='a $ `b`\\'", "a $ `b`\\"),
        ("O2CB_NODE_NAME=\"it's; #1\"", "it's; #1"),
    ] {
        let sysconfig = parse(text).expect(text);
        assert_eq!(sysconfig.node_name.as_deref(), Some(value), "{text}");
    }
}

/// Lines that a shell may read differently, and the line to name.
const SHELL: &[(&str, usize)] = &[
    (" O2CB_ENABLED=true", 1),
    ("\n\tO2CB_ENABLED=true", 2),
    ("export O2CB_ENABLED=true", 1),
    ("O2CB_ENABLED=true;", 1),
    ("A=1 O2CB_ENABLED=true", 1),
    ("O2CB_ENABLED= true", 1),
    ("O2CB_ENABLED = true", 1),
    ("O2CB_ENABLED=true reboot", 1),
    ("O2CB_ENABLED=true&", 1),
    ("O2CB_ENABLED=true>/x", 1),
    ("O2CB_ENABLED=(true)", 1),
    ("O2CB_ENABLED+=true", 1),
    ("\"O2CB_ENABLED\"=true", 1),
    ("unset O2CB_ENABLED", 1),
    ("O2CB_ENABLED", 1),
    (": ${O2CB_ENABLED:=true}", 1),
    ("[ -e /x ] && O2CB_ENABLED=true", 1),
    ("if a\nthen\n  O2CB_ENABLED=true\nfi", 3),
    ("O2CB_ENABLED=tr\\ue", 1),
    ("O2CB_ENABLED=\\\ntrue", 1),
    ("O2CB_ENABLED=true\\", 1),
    ("A=b\\\nO2CB_ENABLED=true", 2),
    ("A=b\\\n# \\\nO2CB_ENABLED=true", 3),
    ("O2CB_ENABLED='\ntrue'", 1),
    ("\nO2CB_ENABLED=\"true\n\"", 2),
    ("O2CB_ENABLED='tr'ue", 1),
    ("O2CB_ENABLED=tr\"ue\"", 1),
    ("O2CB_ENABLED='true'#", 1),
    ("\nO2CB_NODE_NAME=$HOSTNAME", 2),
    ("O2CB_NODE_NAME=\"$(uname -n)\"", 1),
    ("O2CB_NODE_NAME=\"\\n\"", 1),
    ("O2CB_NODE_NAME=`uname -n`", 1),
    ("O2CB_NODE_NAME=\"`uname -n`\"", 1),
    ("O2CB_HB_CTL_PATH=~/x", 1),
    ("O2CB_HB_CTL_PATH=/sbin/*", 1),
    ("\u{feff}O2CB_ENABLED=true", 1),
];

#[test]
fn what_only_a_shell_could_tell_is_refused() {
    for (text, line) in SHELL.iter().copied() {
        refused(text, line, "parsed, not run as shell");
    }
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
        ("O2CB_NODE_NAME='a\x1bb'", "unprintable"),
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
    let text = "O2CB_TRESHOLD=7\n. /etc/other\nA=1\nexport A\n\nA=$B\n#$\n";
    let lines: Vec<_> = parse(text)
        .unwrap()
        .warnings
        .iter()
        .map(|note| note.line)
        .collect();
    assert_eq!(lines, [1, 2, 4, 6]);
}

#[test]
fn a_value_is_replaced_where_it_counts_and_nothing_else() {
    for (text, key, value, wanted) in [
        ("", "O2CB_ENABLED", "true", "O2CB_ENABLED=true\n"),
        ("# x", "O2CB_STACK", "pcmk", "# x\nO2CB_STACK=pcmk\n"),
        ("A=1\n", "O2CB_STACK", "", "A=1\n"),
        (
            "O2CB_STACK=o2cb\nO2CB_STACK=\"o2cb\" # c\nB=$C\n",
            "O2CB_STACK",
            "pcmk",
            "O2CB_STACK=o2cb\nO2CB_STACK=pcmk # c\nB=$C\n",
        ),
        (
            "A=1\nO2CB_STACK='o2cb'",
            "O2CB_STACK",
            "cman",
            "A=1\nO2CB_STACK=cman",
        ),
        ("O2CB_STACK=\n", "O2CB_STACK", "cman", "O2CB_STACK=cman\n"),
        (
            "O2CB_HB_CTL_PATH=/a\n",
            "O2CB_HB_CTL_PATH",
            "/b c'd",
            "O2CB_HB_CTL_PATH=\"/b c'd\"\n",
        ),
        // A wrong value can be repaired.
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
        "O2CB_STACK=$X\n",
        " O2CB_STACK=o2cb\n",
        "O2CB_STACK='",
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
    let quotes = [("O2CB_HB_CTL_PATH", "/it's \"here\"")];
    assert!(edit::set(b"", &quotes).is_err());
}

/// The example in docs/ for administrators has every key, and changes nothing by itself.
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
