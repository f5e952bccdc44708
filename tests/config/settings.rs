//! `/etc/default/o2cb` beside a shell, which the C tools' script has read it: what is accepted
//! here without a note means the same there.

use crate::mutate;
use ocfs2box::config::sysconfig::{Sysconfig, edit};
use std::path::Path;
use std::process::Command;

/// As the packages and their scripts write it, with comments of ours.
const SHIPPED: &[(&str, &str)] = &[
    (
        "Debian's package, by debconf",
        "#\n# Written by a 'script' of the package.\n#\n\n\
         # O2CB_ENABLED: whether it's to start.\nO2CB_ENABLED=false\n\n\
         O2CB_BOOTCLUSTER=ocfs2\n\n# Beats:\nO2CB_HEARTBEAT_THRESHOLD=31\n\n\
         O2CB_IDLE_TIMEOUT_MS=30000\n\nO2CB_KEEPALIVE_DELAY_MS=2000\n\n\
         O2CB_RECONNECT_DELAY_MS=2000\n\n",
    ),
    (
        "Oracle Linux's package",
        "#\n# As installed\n#\n\nO2CB_ENABLED=false\n\nO2CB_BOOTCLUSTER=ocfs2\n\n",
    ),
    (
        "the C tools' script, with all timeouts left as they are",
        "# O2CB_STACK: o2cb\nO2CB_ENABLED=true\n\nO2CB_STACK=o2cb\n\nO2CB_BOOTCLUSTER=webcluster\n\n\
         O2CB_HEARTBEAT_THRESHOLD=\n\nO2CB_IDLE_TIMEOUT_MS=\n\nO2CB_KEEPALIVE_DELAY_MS=\n\n\
         O2CB_RECONNECT_DELAY_MS=\n\n",
    ),
    (
        "the C tools' script, with all keys",
        "O2CB_ENABLED=true\n\nO2CB_STACK=o2cb\n\nO2CB_BOOTCLUSTER=webcluster\n\n\
         O2CB_HEARTBEAT_THRESHOLD=62\n\nO2CB_IDLE_TIMEOUT_MS=60000\n\n\
         O2CB_KEEPALIVE_DELAY_MS=2000\n\nO2CB_RECONNECT_DELAY_MS=2000\n\n",
    ),
    (
        "SUSE, whose editor of /etc/sysconfig puts values in quotes",
        "## Path:\tSystem/O2CB\n## Type:\tyesno\n## Default:\tno\nO2CB_ENABLED=\"yes\"\n\n\
         ## Type:\tstring\nO2CB_BOOTCLUSTER=\"webcluster\"\nO2CB_STACK=\"pcmk\"\n\
         O2CB_HEARTBEAT_THRESHOLD=\"\"\n",
    ),
    ("ours", include_str!("../../docs/o2cb.sysconfig")),
];

/// Every key, and each form that a value may have.
const ALL: &str = "\
# O2CB_ENABLED: 'true' means to load the driver on boot.
O2CB_ENABLED=true
O2CB_STACK=o2cb\t
O2CB_BOOTCLUSTER=\"webc\" # ours
O2CB_HEARTBEAT_THRESHOLD='31'
\t# O2CB_IDLE_TIMEOUT_MS=$X \\
O2CB_IDLE_TIMEOUT_MS=30000
O2CB_KEEPALIVE_DELAY_MS=1
O2CB_KEEPALIVE_DELAY_MS=2000 #\\
O2CB_RECONNECT_DELAY_MS=

O2CB_HB_CTL_PATH='/sbin/$(it) `is` \"here\" \\ # & '
O2CB_NODE_NAME=\"it's knötchen\"
O2CB_FENCE_METHOD=panic
OTHER=b
";

/// The names of ours that `shell` knows after the file, and the values it has of `keys`.
fn to_shell(shell: &str, file: &Path, keys: &[&str]) -> (Vec<String>, Vec<String>) {
    let script = ". \"$0\"; for key; do eval \"printf '%s\\0' \\\"\\$$key\\\"\"; done; set";
    let mut command = Command::new(shell);
    command.env_clear().env("PATH", "");
    let output = command.args(["-c", script]).arg(file).args(keys).output();
    let output = output.unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut parts: Vec<&str> = text.split('\0').collect();
    let set = parts.pop().unwrap().lines();
    let names = set.filter(|line| line.starts_with("O2CB_"));
    let mut names: Vec<String> = names
        .map(|line| line.split_once('=').unwrap().0.to_owned())
        .collect();
    names.sort();
    (names, parts.into_iter().map(str::to_owned).collect())
}

/// Asks both shells that distributions have as `/bin/sh`.
fn compare(name: &str, text: &[u8]) {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("settings-{name}"));
    std::fs::write(&file, text).unwrap();
    let mut ours = edit::values(text).unwrap();
    ours.sort();
    let ours: (Vec<String>, Vec<String>) = ours.into_iter().unzip();
    let keys: Vec<&str> = ours.0.iter().map(String::as_str).collect();
    for shell in ["/bin/sh", "/bin/bash"] {
        let text = String::from_utf8_lossy(text);
        assert_eq!(
            ours,
            to_shell(shell, &file, &keys),
            "{name}, {shell}:\n{text}"
        );
    }
}

#[test]
fn shipped_files_load_and_mean_the_same_to_a_shell() {
    for (name, text) in SHIPPED {
        let sysconfig = Sysconfig::parse(text.as_bytes()).expect(name);
        assert_eq!(sysconfig.warnings, [], "{name}");
        compare("shipped", text.as_bytes());
        let new = edit::set(text.as_bytes(), &[("O2CB_BOOTCLUSTER", "webc")]).expect(name);
        compare("changed", &new);
        let new = String::from_utf8(new).unwrap();
        let kept = |line: &&str| !line.starts_with("O2CB_BOOTCLUSTER");
        let lines: Vec<_> = text.lines().filter(kept).collect();
        assert_eq!(new.lines().filter(kept).collect::<Vec<_>>(), lines);
    }
}

#[test]
fn the_sysconfig_file_means_to_a_shell_what_it_means_here() {
    let sysconfig = Sysconfig::parse(ALL.as_bytes()).unwrap();
    // Only that one key is set twice.
    assert_eq!(sysconfig.warnings.len(), 1, "{:?}", sysconfig.warnings);
    assert_eq!(sysconfig.timeouts.keepalive_delay_ms, Some(2000));
    assert_eq!(edit::values(ALL.as_bytes()).unwrap().len(), 10);
    compare("all", ALL.as_bytes());
}

#[test]
fn mutants_of_the_sysconfig_file_mean_the_same_to_a_shell() {
    const MUTANTS: u32 = 20_000;
    // A run of two shells costs a hundred parses.
    const ASKED: u32 = 10;
    let mut random = mutate::Random::new(0x0c_f5_20_27);
    let (mut accepted, mut plain) = (0, 0);
    for _ in 0..MUTANTS {
        let text = mutate::mutant(&mut random, ALL.as_bytes());
        match Sysconfig::parse(&text) {
            Ok(sysconfig) => {
                accepted += 1;
                let shell = |text: &str| text.contains("is not KEY=value");
                if sysconfig.warnings.iter().any(|note| shell(&note.reason)) {
                    continue;
                }
                plain += 1;
                if plain % ASKED == 0 {
                    compare("mutant", &text);
                }
            }
            Err(error) => {
                let lines = text.split(|&byte| byte == b'\n').count();
                assert!((1..=lines).contains(&error.line) && !error.reason.is_empty());
            }
        }
    }
    println!("{accepted} accepted, {plain} without a note");
    assert!(
        (2_000..MUTANTS).contains(&plain) && plain < accepted,
        "{accepted} accepted, {plain} plain"
    );
}
