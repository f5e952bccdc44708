//! The text of `--help`, in lines of at most 80 columns.

use argh::{CommandInfoWithArgs, FlagInfo, FlagInfoKind, Optionality};

const COLUMNS: usize = 80;

/// The options that every command line has.
static STANDARD: [FlagInfo<'static>; 2] = [
    standard('h', "--help", "display this help and exit"),
    standard('V', "--version", "display the version and exit"),
];

const fn standard(short: char, long: &'static str, description: &'static str) -> FlagInfo<'static> {
    FlagInfo {
        kind: FlagInfoKind::Switch,
        optionality: Optionality::Optional,
        long,
        short: Some(short),
        description,
        hidden: false,
    }
}

/// A section's heading, and its rows of two columns.
pub type Section<'a> = (&'a str, Vec<(String, &'a str)>);

/// Returns the options, with the standard ones in place of argh's own `--help`.
pub fn flags(info: &CommandInfoWithArgs) -> Vec<&'static FlagInfo<'static>> {
    let own = info.flags.iter().filter(|flag| flag.long != "--help");
    own.chain(&STANDARD).collect()
}

/// Returns the help of an applet with `more` sections at its end. The examples are its synopses:
/// argh does not pass `usage` on.
pub fn of(name: &str, info: &CommandInfoWithArgs, more: Option<Section<'_>>) -> String {
    let mut sections = vec![options(flags(info))];
    let codes = info.error_codes.iter();
    sections.push(exit_status(codes.map(|code| (code.code, code.description))));
    sections.extend(more);
    page(name, info.examples, info.description, &sections, info.notes)
}

/// Returns a whole help text.
pub fn page(
    name: &str,
    synopses: &[&str],
    about: &str,
    sections: &[Section<'_>],
    notes: &[&str],
) -> String {
    let mut text = String::new();
    for (at, synopsis) in synopses.iter().enumerate() {
        let start = if at == 0 { "Usage:" } else { "   or:" };
        text += &format!("{start} {name} {synopsis}\n");
    }
    text.push('\n');
    fill(&mut text, about, 0);
    for (heading, rows) in sections.iter().filter(|(_, rows)| !rows.is_empty()) {
        let widths = rows.iter().map(|(head, _)| head.len());
        let width = widths.max().unwrap_or_default();
        text += &format!("\n{heading}:\n");
        for (head, about) in rows {
            text += &format!("  {head:width$} ");
            fill(&mut text, about, width + 4);
        }
    }
    for note in notes {
        text.push('\n');
        fill(&mut text, note, 0);
    }
    text
}

/// Returns the section of these options.
pub fn options(flags: Vec<&'static FlagInfo<'static>>) -> Section<'static> {
    let row = |flag: &FlagInfo<'static>| {
        let short = flag.short.map(|short| format!("-{short}, "));
        let mut head = short.unwrap_or_else(|| "    ".into()) + flag.long;
        if let FlagInfoKind::Option { arg_name } = flag.kind {
            head += &format!(" <{arg_name}>");
        }
        (head, flag.description)
    };
    ("Options", flags.into_iter().map(row).collect())
}

/// Returns the section of the exit codes of failures.
pub fn exit_status<'a>(codes: impl Iterator<Item = (i32, &'a str)>) -> Section<'a> {
    let rows = codes.map(|(code, text)| (code.to_string(), text));
    ("Exit status", rows.collect())
}

/// Adds words behind those of the last line, and on more lines that `indent` blanks begin.
fn fill(text: &mut String, words: &str, indent: usize) {
    let mut column = text.len() - text.rfind('\n').map_or(0, |end| end + 1);
    for word in words.split_whitespace() {
        if column + 1 + word.len() > COLUMNS {
            *text += &format!("\n{:indent$}", "");
            column = indent;
        } else if column > 0 {
            text.push(' ');
            column += 1;
        }
        *text += word;
        column += word.len();
    }
    text.push('\n');
}
