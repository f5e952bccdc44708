//! `o2cb check-config`: what it says of a file that is not right.

use crate::commands::ours;
use crate::writes::{large, said};
use std::fs;

/// A file that is not right is named with its line, by all commands, and stays.
#[test]
fn check_config_says_what_is_wrong() {
    let file = large("check");
    let right = fs::read_to_string(&file).unwrap();
    let check = || {
        let output = ours(&file, &["check-config"]).output().unwrap();
        assert!(output.stdout.is_empty());
        (
            output.status.code(),
            said(&output).replace(file.to_str().unwrap(), "FILE"),
        )
    };
    assert_eq!(check(), (Some(0), String::new()));
    for (from, to, line, words) in [
        ("\tname = n3\n", "name = n3\n", 32, "must be indented"),
        (
            "\tname = n3\n",
            "\n\tname = n3\n",
            33,
            "the blank line 32 ends the stanza",
        ),
        (
            "= webc\n\tnumber = 3\n",
            "= web\n\tnumber = 3\n",
            28,
            "no cluster stanza has the name",
        ),
        ("= n3\n", "= n2\n", 32, "has the name \"n2\" already"),
        (
            "number = 3\n",
            "number = 2\n",
            29,
            "has the number 2 already",
        ),
        (
            "192.0.2.3\n",
            "192.0.2.2\n",
            31,
            "has the address 192.0.2.2 already",
        ),
        (
            "= 120\n",
            "= 119\n",
            4,
            "\"node_count\" is 119, but cluster \"webc\" has 120",
        ),
        ("\n\nnode:", "\nnode:", 5, "no blank line parts"),
        (
            "\tip_port",
            "\tip_prt = 1\n\tip_port",
            9,
            "has no attribute \"ip_prt\"",
        ),
    ] {
        assert!(right.contains(from), "{from}");
        let wrong = right.replacen(from, to, 1);
        fs::write(&file, &wrong).unwrap();
        let (code, said) = check();
        assert_eq!(code, Some(1), "{to}");
        assert!(
            said.starts_with(&format!("o2cb: FILE: line {line}: ")),
            "{said}"
        );
        assert!(said.contains(words), "{said}");
        assert_eq!(fs::read_to_string(&file).unwrap(), wrong);
    }
}
