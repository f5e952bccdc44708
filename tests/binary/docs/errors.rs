//! The errors that the pages explain are what the program says.

use super::{pages, section};
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
    let mut explained = 0;
    for (_, _, page) in pages() {
        if !page.contains("\n.SH DIAGNOSTICS\n") {
            continue;
        }
        let mut lines = section(&page, "DIAGNOSTICS").into_iter();
        while lines.any(|line| line == ".TP") {
            is_said(&source, &head(&mut lines));
            explained += 1;
        }
    }
    assert!(explained > 100, "{explained}");
}

/// The sentence that an entry explains, with `…` for each name or number.
fn head<'t>(lines: &mut impl Iterator<Item = &'t str>) -> String {
    let mut head = String::new();
    loop {
        let line = lines.next().expect("an entry");
        match line.strip_suffix("\\c") {
            Some(begun) => head.push_str(begun),
            None => {
                head.push_str(line);
                break;
            }
        }
    }
    let mut pieces = head.split("\\fI");
    let mut sentence = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        sentence.push('…');
        sentence.push_str(piece.split_once("\\fR").map_or(piece, |(_, text)| text));
    }
    sentence.replace("\\-", "-")
}
