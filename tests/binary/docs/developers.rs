//! The README, the page for developers, and the list of tests.

use super::{applets, file, pages};
use std::fs;
use std::path::Path;

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
