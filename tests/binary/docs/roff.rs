//! The pages are sound roff, with the sections of a manual page.

use super::{pages, title};
use std::process::Command;

/// The parts that a program's page has, in this order; others may come between. Other pages have
/// some of them.
const SECTIONS: [&str; 9] = [
    "NAME",
    "SYNOPSIS",
    "DESCRIPTION",
    "OPTIONS",
    "EXIT STATUS",
    "FILES",
    "EXAMPLES",
    "DIAGNOSTICS",
    "SEE ALSO",
];

/// Those of man(7) that the pages use. A misspelt one would make its line vanish.
const MACROS: [&str; 18] = [
    "TH", "SH", "SS", "TP", "PP", "IP", "RS", "RE", "B", "I", "BR", "RB", "BI", "IR", "RI", "br",
    "nf", "fi",
];

#[test]
fn pages_are_sound_roff() {
    for (name, section, page) in pages() {
        let first = page.lines().next().expect("a line");
        let roff = name.replace('-', "\\-");
        let title_line = format!(".TH {} {section} ", roff.to_uppercase());
        assert!(first.starts_with(&title_line), "{first}");
        let heads: Vec<&str> = page
            .lines()
            .filter(|line| line.starts_with(".SH "))
            .map(title)
            .collect();
        let known = SECTIONS.iter().copied();
        let known: Vec<&str> = match section.as_str() {
            "8" => known.collect(),
            _ => known.filter(|head| heads.contains(head)).collect(),
        };
        let heads = heads.into_iter().filter(|head| SECTIONS.contains(head));
        assert_eq!(heads.collect::<Vec<_>>(), known, "{name}");
        assert!(page.contains(&format!(".SH NAME\n{roff} \\- ")), "{name}");
        let count = |call: &str| page.lines().filter(|line| *line == call).count();
        assert_eq!(
            (count(".nf"), count(".RS")),
            (count(".fi"), count(".RE")),
            "{name}"
        );
        let mut tag_wanted = false;
        for line in page.lines() {
            check_line(&name, line, tag_wanted);
            tag_wanted = line == ".TP";
        }
    }
}

#[test]
fn mandoc_finds_nothing() {
    for (name, section, _) in pages() {
        let file = format!("{}/docs/{name}.{section}", env!("CARGO_MANIFEST_DIR"));
        let output = Command::new("mandoc")
            .args(["-Tlint", &file])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.is_empty(), "{text}");
    }
}

fn check_line(name: &str, line: &str, tag_wanted: bool) {
    assert!(!line.starts_with('\''), "{name}: a request: {line}");
    assert!(
        line.is_ascii() && line == line.trim_end(),
        "{name}: {line:?}"
    );
    if let Some(call) = line.strip_prefix('.') {
        let word = call.split(' ').next().unwrap_or_default();
        assert!(MACROS.contains(&word), "{name}: {line}");
        assert!(
            !tag_wanted || ["B", "I", "BR", "BI", "IR"].contains(&word),
            "{name}: {line}"
        );
        assert!(call.matches('"').count() % 2 == 0, "{name}: {line}");
    }
    // A font that is begun has its end, or the rest of the page is in it.
    let begun = line.matches("\\fI").count() + line.matches("\\fB").count();
    assert!(
        begun == 0 || line.contains("\\fR") || line.contains("\\fP") || line.contains("\\fB"),
        "{name}: {line}"
    );
    for link in ["(5)", "(7)", "(8)"] {
        for (at, _) in line.match_indices(link) {
            let is_apart = line[..at].ends_with(' ');
            assert!(is_apart, "{name}: no blank before {link}: {line}");
        }
    }
}
