//! The errors that the README and the pages explain are what the program says.

use super::{documented, file, page, section};
use std::fs;
use std::path::{Path, PathBuf};

/// All of the source as one text, in which a sentence is in one piece: a string's line that
/// ends in a backslash is joined to the next one.
fn source() -> String {
    let mut directories = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut text = String::new();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            match path.is_dir() {
                true => directories.push(path),
                false => text.push_str(&fs::read_to_string(path).unwrap()),
            }
        }
    }
    let mut lines = text.split("\\\n");
    let mut joined = lines.next().unwrap_or_default().to_owned();
    lines.for_each(|line| joined.push_str(line.trim_start()));
    joined.replace("\\\"", "\"")
}

/// The program says it: each piece between names and numbers (`…`) is in the source.
#[track_caller]
fn is_said(source: &str, sentence: &str) {
    let pieces = sentence
        .split('…')
        .filter(|piece| piece.chars().any(char::is_alphabetic));
    for piece in pieces {
        assert!(
            source.contains(piece),
            "nothing says \"{piece}\" ({sentence})"
        );
    }
}

#[test]
fn errors_that_are_explained_are_said() {
    let source = source();
    let readme = file("README.md");
    let (_, table) = readme
        .split_once("| the line says |")
        .expect("the table of errors");
    let rows: Vec<&str> = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with("| `"))
        .collect();
    assert!(rows.len() > 15);
    for row in rows {
        is_said(&source, row.split('`').nth(1).expect("a sentence"));
    }
    for name in documented() {
        let page = page(&name);
        let lines = section(&page, "DIAGNOSTICS");
        for pair in lines.windows(2).filter(|pair| pair[0] == ".TP") {
            let mut sentence = String::new();
            for (at, piece) in pair[1].split("\\fI").enumerate() {
                let text = piece
                    .split_once("\\fR")
                    .filter(|_| at > 0)
                    .map(|(_, text)| text);
                sentence.push_str(if at > 0 { "…" } else { "" });
                sentence.push_str(text.unwrap_or(piece));
            }
            is_said(&source, &sentence.replace("\\-", "-"));
        }
    }
}
