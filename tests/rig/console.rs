//! What a node's kernel said.

/// Lines that no healthy kernel prints.
const ALARMS: [&str; 5] = [
    "Kernel panic",
    "BUG:",
    "kernel BUG",
    "Oops",
    "general protection",
];

/// The first line of `console` that shows a broken kernel.
pub fn alarm(console: &str) -> Option<&str> {
    console
        .lines()
        .find(|line| ALARMS.iter().any(|alarm| line.contains(alarm)))
}

/// The last `count` lines.
pub fn tail(console: &str, count: usize) -> String {
    let lines: Vec<&str> = console.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
