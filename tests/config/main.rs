//! The parser of cluster.conf beside the C tool's own: what C refuses is refused, and what
//! is accepted means the same to both.

mod check;
mod commands;
mod edits;
mod files;
mod mutate;
mod oracle;
mod settings;
mod writes;

use ocfs2box::config::cluster_conf::Config;
use oracle::Oracle;

/// Whatever both accept, both must read alike.
fn compare(oracle: &Oracle, name: &str, text: &[u8]) -> bool {
    let theirs = oracle.clusters(text);
    match (Config::parse(text), theirs) {
        (Ok(ours), Some(names)) => {
            let our_names: Vec<&str> = ours.clusters.iter().map(|one| one.name.as_str()).collect();
            assert_eq!(our_names, names, "{name}");
            for cluster in &ours.clusters {
                let listed = oracle.list(cluster.name.as_str());
                assert_eq!(oracle::listing(cluster), listed, "{name}");
            }
            true
        }
        (Ok(ours), None) => {
            let text = String::from_utf8_lossy(text);
            panic!("{name}: C refuses this, we read {ours:?}:\n{text}")
        }
        (Err(error), _) => {
            let lines = text.iter().filter(|&&byte| byte == b'\n').count() + 1;
            assert!((1..=lines).contains(&error.line), "{name}: {error}");
            false
        }
    }
}

#[test]
fn hand_made_files_mean_the_same_to_both() {
    let oracle = Oracle::new("hand-made");
    let files = files::all();
    assert!(files.len() >= 40, "{}", files.len());
    for file in &files {
        let accepted = compare(&oracle, file.name, file.text.as_bytes());
        let verdict = Config::parse(file.text.as_bytes());
        assert_eq!(accepted, file.accepted, "{}: {verdict:?}", file.name);
    }
}

#[test]
fn mutants_never_panic_and_mean_the_same_to_both() {
    const MUTANTS: u32 = 20_000;
    // A run of the C tool costs a thousand parses.
    const ASKED: u32 = 50;
    let oracle = Oracle::new("mutants");
    let seeds: Vec<_> = files::all()
        .into_iter()
        .filter(|file| file.accepted)
        .collect();
    let mut random = mutate::Random::new(0x0c_f5_20_26);
    let mut accepted = 0;
    for count in 0..MUTANTS {
        let seed = &seeds[random.below(seeds.len())];
        let text = mutate::mutant(&mut random, seed.text.as_bytes());
        let ours = Config::parse(&text);
        accepted += u32::from(ours.is_ok());
        if count % ASKED == 0 {
            compare(&oracle, seed.name, &text);
        }
    }
    assert!(
        (MUTANTS / 20..MUTANTS).contains(&accepted),
        "{accepted} of {MUTANTS} accepted"
    );
}
