//! The manual pages and the README say what the program says.

mod developers;
mod errors;
mod roff;
mod words;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::{BOX, call};

fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn page(name: &str) -> String {
    file(&format!("docs/{name}.8"))
}

/// Every manual page: its name, its section and its text.
fn pages() -> Vec<(String, String, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let files = fs::read_dir(directory).unwrap();
    let names = files.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter_map(|file_name| {
            let (name, section) = file_name.rsplit_once('.')?;
            let is_page = section.parse::<u8>().is_ok();
            is_page.then(|| {
                (
                    name.into(),
                    section.into(),
                    file(&format!("docs/{file_name}")),
                )
            })
        })
        .collect()
}

/// The applets by the names of their pages; o2cb.init is o2cb.
pub fn applets() -> BTreeSet<String> {
    let list = call(BOX, &["--list"]).out;
    let names = list.lines().map(|name| name.trim_end_matches(".init"));
    names.map(str::to_owned).collect()
}

/// What has a page: the applets, and the program under its own name.
fn documented() -> BTreeSet<String> {
    let mut names = applets();
    names.insert("ocfs2box".to_owned());
    names
}

pub fn help(name: &str) -> String {
    match name {
        "ocfs2box" => call(BOX, &["--help"]),
        _ => call(BOX, &[name, "--help"]),
    }
    .out
}

/// The lines under a heading of the help.
fn help_section<'t>(help: &'t str, heading: &str) -> Vec<&'t str> {
    let mut lines = help.lines().skip_while(|line| *line != heading).skip(1);
    let section: Vec<&str> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    assert!(!section.is_empty(), "no {heading} in {help}");
    section
}

/// The lines between `.SH heading` and the next one.
fn section<'t>(page: &'t str, heading: &str) -> Vec<&'t str> {
    let is_head = |line: &&str| line.starts_with(".SH ");
    let mut lines = page
        .lines()
        .skip_while(|line| !is_head(line) || title(line) != heading);
    assert!(lines.next().is_some(), "no section {heading}");
    lines.take_while(|line| !is_head(line)).collect()
}

fn title(line: &str) -> &str {
    line.trim_start_matches(".SH ").trim_matches('"')
}

/// The heads of a section's entries, as a reader sees them but for the blanks.
fn tags(page: &str, heading: &str) -> Vec<String> {
    let lines = section(page, heading);
    let pairs = lines.windows(2).filter(|pair| pair[0] == ".TP");
    pairs.map(|pair| plain(pair[1])).collect()
}

/// A line without its macro, quotes of arguments and fonts.
fn plain(line: &str) -> String {
    let (is_macro, text) = match line.strip_prefix('.') {
        Some(call) => (true, call.split_once(' ').map_or("", |(_, text)| text)),
        None => (false, line),
    };
    let text = if is_macro {
        text.replace('"', "")
    } else {
        text.to_owned()
    };
    ["\\fR", "\\fB", "\\fI", "\\fP"]
        .iter()
        .fold(text.replace("\\-", "-"), |text, font| {
            text.replace(font, "")
        })
}

/// The heads of a help section: `-N, --namespace <ns>` of `  -N, --namespace <ns>  mount in …`.
pub fn heads<'t>(help: &'t str, heading: &str) -> Vec<&'t str> {
    let lines = help_section(help, heading).into_iter();
    // An option without a letter is indented; so are the further lines of a text.
    let heads = lines.filter(|line| !line.starts_with("   ") || line.starts_with("      --"));
    heads
        .map(|line| line.trim_start().split("  ").next().unwrap())
        .collect()
}

/// `-v` and `--verbose` of `-v, --verbose`.
pub fn options(text: &str) -> impl Iterator<Item = String> {
    let words = text.split([' ', ',']);
    words
        .filter(|word| word.starts_with('-'))
        .map(str::to_owned)
}

#[test]
fn every_applet_has_a_page_and_every_page_an_applet() {
    let pages = pages().into_iter();
    let pages = pages.filter(|(_, section, _)| section == "8");
    let names: BTreeSet<String> = pages.map(|(name, ..)| name).collect();
    assert_eq!(names, documented());
}

#[test]
fn options_are_those_of_the_help() {
    for name in documented() {
        let help = help(&name);
        let told: BTreeSet<String> = heads(&help, "Options:")
            .into_iter()
            .flat_map(options)
            .collect();
        let written: BTreeSet<String> = tags(&page(&name), "OPTIONS")
            .iter()
            .flat_map(|tag| options(tag))
            .collect();
        assert_eq!(written, told, "{name}: the page, the help");
    }
}

/// `o2cb exec` has options of its own, in a section of their own.
#[test]
fn options_and_codes_of_exec_are_explained() {
    let help = call(BOX, &["o2cb", "exec", "--help"]).out;
    assert!(help.starts_with("Usage: o2cb exec -d <device> "), "{help}");
    let page = page("o2cb");
    let text = section(&page, "A COMMAND ON A VOLUME").join("\n");
    let text = text.replace("\\-", "-");
    for option in heads(&help, "Options:").into_iter().flat_map(options) {
        let known = ["-h", "--help", "-V", "--version"].contains(&option.as_str());
        assert!(known || text.contains(&option), "{option}");
    }
    for code in heads(&help, "Exit status:") {
        assert!(code == "1" || text.contains(code), "{code}");
    }
}

#[test]
fn exit_codes_are_those_of_the_help() {
    let number = |text: &str| text.split(' ').next()?.parse::<u8>().ok();
    for name in documented() {
        // Those of o2cb are in the help of its commands; exec's are in a section of their own.
        let helps: Vec<String> = match name.as_str() {
            "o2cb" => commands()
                .iter()
                .filter(|command| *command != "exec")
                .map(|command| call(BOX, &["o2cb", "help", command]).out)
                .collect(),
            name => vec![help(name)],
        };
        let told = helps.iter().flat_map(|help| heads(help, "Exit status:"));
        let told: BTreeSet<u8> = told
            .map(|code| code.parse().expect("a number"))
            .chain([0])
            .collect();
        let written: BTreeSet<u8> = tags(&page(&name), "EXIT STATUS")
            .iter()
            .map(|tag| number(tag).expect("a number"))
            .collect();
        assert_eq!(written, told, "{name}: the page, the help");
    }
}

/// The commands of o2cb, with their operands, as its help has them.
fn synopses() -> Vec<String> {
    let help = help("o2cb");
    let groups = help.lines().filter(|line| line.ends_with(" Commands:"));
    groups
        .flat_map(|group| heads(&help, group))
        .map(str::to_owned)
        .collect()
}

pub fn commands() -> BTreeSet<String> {
    let synopses = synopses();
    let names = synopses.iter().map(|line| line.split(' ').next().unwrap());
    names.map(str::to_owned).collect()
}

#[test]
fn every_help_fits_eighty_columns() {
    let applets = documented().into_iter().map(|name| help(&name));
    let commands = commands().into_iter();
    let commands = commands.map(|command| call(BOX, &["o2cb", &command, "--help"]).out);
    for help in applets.chain(commands) {
        assert!(help.starts_with("Usage: "), "{help}");
        let long = help.lines().find(|line| line.chars().count() > 80);
        assert_eq!(long, None);
    }
    // One line for each command.
    let help = help("o2cb");
    for group in help.lines().filter(|line| line.ends_with(" Commands:")) {
        assert_eq!(heads(&help, group).len(), help_section(&help, group).len());
    }
}

#[test]
fn commands_and_operands_of_o2cb_are_those_of_the_help() {
    let told: BTreeSet<String> = synopses()
        .into_iter()
        .filter(|line| !line.starts_with("exec "))
        .map(|line| line.to_lowercase())
        .collect();
    let mut written: BTreeSet<String> = tags(&page("o2cb"), "COMMANDS")
        .iter()
        .map(|tag| tag.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert!(written.remove("exec options -- command"), "{written:?}");
    assert_eq!(written, told);
    for command in commands() {
        // Too many operands, so that nothing is done if it is known.
        let end = call(BOX, &["o2cb", &command, "x", "x", "x"]);
        let refused = [1, 2, 4].contains(&end.code);
        assert!(refused && !end.err.contains("unknown command"), "{end:?}");
    }
}

/// Each page of these has its entries as `.B name`.
#[test]
fn members_of_json_are_in_their_page() {
    let page = file("docs/ocfs2box-json.5");
    for args in [
        &["o2cb", "status", "--json"][..],
        &["o2cb", "doctor", "--json"],
        &["o2cb", "diff", "--json"],
    ] {
        let text = call(BOX, args).out;
        let parts: Vec<&str> = text.split('"').collect();
        let names = parts.windows(2).filter(|pair| pair[1].starts_with(": "));
        let names: Vec<&str> = names.map(|pair| pair[0]).collect();
        assert!(names.len() >= 3, "{args:?}: {text}");
        for name in names {
            assert!(page.contains(&format!("\n.B {name}\n")), "{args:?}: {name}");
        }
    }
}

/// The driver's words of `-o`, from the table that checks them.
#[test]
fn every_mount_option_is_explained() {
    let table = file("src/options/table.rs");
    let (_, table) = table
        .split_once("static KERNEL")
        .expect("the driver's words");
    let table = table.replace("\\\n", "");
    let rows = table
        .split('(')
        .filter_map(|row| row.trim_start().strip_prefix('"')?.split('"').next());
    let words: Vec<&str> = rows.flat_map(str::split_whitespace).collect();
    assert!(words.len() > 20);
    let page = page("mount.ocfs2");
    let tags = tags(&page, "MOUNT OPTIONS");
    let written: BTreeSet<&str> = tags
        .iter()
        .flat_map(|tag| tag.split([' ', ',']))
        .map(|word| word.split('=').next().unwrap_or_default())
        .collect();
    // The labels of security modules are mount(8)'s.
    for word in words
        .into_iter()
        .filter(|word| !word.ends_with("context") && *word != "seclabel")
    {
        assert!(written.contains(word), "{word}");
    }
}
