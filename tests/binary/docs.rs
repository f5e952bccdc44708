//! The manual pages and the README say what the program says.

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
fn applets() -> BTreeSet<String> {
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

fn help(name: &str) -> String {
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

/// `-v` and `--verbose` of `  -v, --verbose     say what is done`.
fn options(text: &str) -> impl Iterator<Item = String> {
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
        let told = help_section(&help, "Options:");
        // Only heads of entries: what they say begins behind two blanks.
        let told: BTreeSet<String> = told
            .iter()
            .filter(|line| line.starts_with("  -"))
            .flat_map(|line| options(line.trim_start().split("  ").next().unwrap_or_default()))
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
    assert!(help.starts_with("Usage: o2cb exec -d DEVICE "), "{help}");
    let page = page("o2cb");
    let text = section(&page, "A COMMAND ON A VOLUME").join("\n");
    let text = text.replace("\\-", "-");
    let heads = help_section(&help, "Options:");
    let told = heads.iter().filter(|line| line.starts_with("  -"));
    for option in told.flat_map(|line| options(line.trim_start().split("  ").next().unwrap())) {
        let known = ["-h", "--help"].contains(&option.as_str());
        assert!(known || text.contains(&option), "{option}");
    }
    for line in help_section(&help, "Error codes:") {
        let code = line.split_whitespace().next().unwrap();
        assert!(code == "1" || text.contains(code), "{line}");
    }
}

#[test]
fn exit_codes_are_those_of_the_help() {
    let number = |text: &str| text.split(' ').next()?.parse::<u8>().ok();
    for name in documented() {
        let help = help(&name);
        let told = help_section(&help, "Error codes:");
        let told: BTreeSet<u8> = told
            .iter()
            .map(|line| number(line.trim_start()).expect("a number"))
            .chain([0])
            .collect();
        let written: BTreeSet<u8> = tags(&page(&name), "EXIT STATUS")
            .iter()
            .map(|tag| number(tag).expect("a number"))
            .collect();
        assert_eq!(written, told, "{name}: the page, the help");
    }
}

/// The commands of o2cb as its help has them.
fn commands() -> BTreeSet<String> {
    let help = help("o2cb");
    let (_, list) = help.split_once("Commands: ").expect("a list of commands");
    let (list, _) = list.split_once(".\n").expect("the list's end");
    let first = |part: &str| part.split_whitespace().next().map(str::to_owned);
    list.split(',').filter_map(first).collect()
}

#[test]
fn commands_of_o2cb_are_those_of_the_help() {
    let first = |tag: &String| tag.split(' ').next().map(str::to_owned);
    let written: BTreeSet<String> = tags(&page("o2cb"), "COMMANDS")
        .iter()
        .filter_map(first)
        .collect();
    assert_eq!(written, commands());
    for command in written {
        // Too many operands, so that nothing is done if it is known.
        let end = call(BOX, &["o2cb", &command, "x", "x", "x"]);
        let refused = [1, 2, 4].contains(&end.code);
        assert!(refused && !end.err.contains("no command"), "{end:?}");
    }
}

#[test]
fn readme_names_each_applet_and_links_each_page() {
    let readme = file("README.md");
    for name in applets() {
        assert!(readme.contains(&format!("`{name}`")), "{name}");
    }
    for (name, section, _) in pages() {
        let link = format!("[{name}({section})](docs/{name}.{section})");
        assert!(readme.contains(&link), "{link}");
    }
    links_lead_somewhere(&readme, ".");
}

#[test]
fn developers_page_names_each_directory() {
    let page = file("docs/development.md");
    for place in ["tests", "src"] {
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(place)).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{place}/{}", entry.file_name().to_string_lossy());
            if entry.file_type().unwrap().is_dir() {
                let named = ["", ".rs"].map(|end| page.contains(&format!("`{name}{end}`")));
                assert!(named.contains(&true), "{name}");
            }
        }
    }
    links_lead_somewhere(&page, "docs");
}

fn links_lead_somewhere(text: &str, directory: &str) {
    let links = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    for link in links.filter(|link| !link.starts_with("https://")) {
        file(&format!("{directory}/{link}"));
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

#[test]
fn each_test_program_is_run() {
    let script = fs::read_to_string("tests/run.sh").unwrap();
    for entry in fs::read_dir("tests").unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let is_test = entry.path().join("main.rs").exists();
        assert!(
            !is_test || script.contains(&format!("--test {name}")),
            "{name}"
        );
    }
}
