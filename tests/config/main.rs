//! The parser of cluster.conf beside the C tool's own: what C refuses is refused, and what
//! is accepted means the same to both.

mod commands;
mod edits;
mod files;
mod mutate;
mod oracle;
mod writes;

use ocfs2box::cluster::config::Config;
use ocfs2box::cluster::sysconfig::Sysconfig;
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

/// What a shell makes of the file, quotes and all.
#[test]
fn the_sysconfig_file_means_to_a_shell_what_it_means_here() {
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("sysconfig");
    std::fs::write(&file, files::SYSCONFIG).unwrap();
    let script = "set -a; . \"$0\"; env | grep ^O2CB_ | sort";
    let mut shell = std::process::Command::new("sh");
    let output = shell
        .arg("-c")
        .arg(script)
        .arg(&file)
        .env_clear()
        .output()
        .unwrap();
    let ours = Sysconfig::parse(files::SYSCONFIG.as_bytes()).unwrap();
    let expected = format!(
        "O2CB_BOOTCLUSTER={}\nO2CB_ENABLED={}\nO2CB_FENCE_METHOD={}\n\
         O2CB_HB_CTL_PATH={}\nO2CB_HEARTBEAT_THRESHOLD={}\nO2CB_IDLE_TIMEOUT_MS={}\n\
         O2CB_KEEPALIVE_DELAY_MS={}\nO2CB_NODE_NAME={}\nO2CB_RECONNECT_DELAY_MS={}\n\
         O2CB_STACK={}\n",
        ours.boot_cluster.unwrap(),
        ours.enabled,
        ours.fence_method.unwrap().as_str(),
        ours.hb_ctl_path.unwrap().display(),
        ours.heartbeat_threshold.unwrap(),
        ours.idle_timeout_ms.unwrap(),
        ours.keepalive_delay_ms.unwrap(),
        ours.node_name.unwrap(),
        ours.reconnect_delay_ms.unwrap(),
        ours.stack.unwrap(),
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}

#[test]
fn mutants_of_the_sysconfig_file_never_panic() {
    let mut random = mutate::Random::new(0x0c_f5_20_27);
    let mut accepted = 0;
    for _ in 0..20_000 {
        let text = mutate::mutant(&mut random, files::SYSCONFIG.as_bytes());
        match Sysconfig::parse(&text) {
            Ok(_) => accepted += 1,
            Err(error) => assert!(error.line >= 1 && !error.reason.is_empty()),
        }
    }
    assert!((1_000..20_000).contains(&accepted), "{accepted} accepted");
}
