//! The pages use the words of util-linux, systemd and O2CB.

use super::{file, pages};

/// Words that the pages once had, each in place of a common one.
const ODD: [&str; 19] = [
    "beats",
    "call-out",
    "defaults file",
    "folder",
    "is wanted",
    "are wanted",
    "mend",
    "mended",
    "nobody",
    "out of sight",
    "restarts itself",
    "somebody",
    "taken away",
    "taken back",
    "tells",
    "time-out",
    "time-outs",
    "told",
    "whoever",
];

#[test]
fn pages_have_common_words() {
    let mut texts: Vec<(String, String)> = pages()
        .into_iter()
        .map(|(name, _, page)| (name, without_messages(&page)))
        .collect();
    for name in ["README.md", "docs/development.md", "docs/differences.md"] {
        texts.push((name.into(), file(name)));
    }
    for (name, text) in texts {
        let is_part = |c: char| c.is_alphanumeric() || c == '-';
        let words: Vec<&str> = text.split(|c| !is_part(c)).collect();
        let text = format!(" {} ", words.join(" ").to_lowercase());
        for odd in ODD {
            assert!(!text.contains(&format!(" {odd} ")), "{name}: {odd}");
        }
    }
}

/// A page without what the program prints: the heads of entries, examples, and quotations.
fn without_messages(page: &str) -> String {
    let mut text = String::new();
    let (mut is_head, mut is_example) = (false, false);
    for line in page.lines() {
        match line {
            ".nf" => is_example = true,
            ".fi" => is_example = false,
            _ if is_head || is_example => {}
            _ => text.push_str(&line.replace("\\-", "-")),
        }
        text.push('\n');
        is_head = line == ".TP" || (is_head && line.ends_with("\\c"));
    }
    text.split('"').step_by(2).collect()
}
