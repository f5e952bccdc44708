//! The pages are sound roff, with the sections of a manual page.

use super::{documented, page, title};

/// The sections that a page has, in this order; others may come between.
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
const MACROS: [&str; 17] = [
    "TH", "SH", "TP", "PP", "IP", "RS", "RE", "B", "I", "BR", "RB", "BI", "IR", "RI", "br", "nf",
    "fi",
];

#[test]
fn pages_are_sound_roff() {
    for name in documented() {
        let page = page(&name);
        let first = page.lines().next().expect("a line");
        let upper = name.to_uppercase();
        assert!(first.starts_with(&format!(".TH {upper} 8 ")), "{first}");
        let heads: Vec<&str> = page
            .lines()
            .filter(|line| line.starts_with(".SH "))
            .map(title)
            .collect();
        let known: Vec<&str> = heads
            .into_iter()
            .filter(|head| SECTIONS.contains(head))
            .collect();
        assert_eq!(known, SECTIONS, "{name}");
        assert!(page.contains(&format!(".SH NAME\n{name} \\- ")), "{name}");
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
    for link in line.match_indices("(8)") {
        let before = &line[..link.0];
        assert!(
            before.ends_with(' '),
            "{name}: .BR wants a blank before (8): {line}"
        );
    }
}
