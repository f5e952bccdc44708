//! Every kind of volume that mkfs.ocfs2 makes, compared with what debugfs.ocfs2 says.

use std::path::Path;
use std::sync::Mutex;

use ocfs2box::ids::HeartbeatMode;
use ocfs2box::ondisk::{Geometry, Membership, Superblock};

use crate::common::{Image, TempDir, debugfs, mkfs, number, sentence, word};

const M: u64 = 1 << 20;

fn cases() -> Vec<(u64, String)> {
    let mut cases = Vec::new();
    for block in ["512", "1K", "2K", "4K"] {
        for cluster in ["4K", "16K", "64K", "256K", "1M"] {
            let journal = if cluster == "1M" { 16 } else { 4 };
            let features = ["metaecc", "nometaecc"][cases.len() % 2];
            cases.push((
                1024 * M,
                format!("-b {block} -C {cluster} -J size={journal}M -N 1 --fs-features={features}"),
            ));
        }
        for extra in [
            "-N 4 -L web_data --fs-features=metaecc,noinline-data",
            "-N 4 --fs-features=metaecc,indexed-dirs,inline-data",
            "-N 2 --fs-features=noinline-data,noindexed-dirs",
            "-N 2 --fs-feature-level=max-compat",
            "-N 2 --fs-feature-level=max-features",
            "-M local -L 012345678901234567890123456789012345678901234567890123456789012",
            "-N 2 --cluster-stack=o2cb --cluster-name=webc",
            "-N 2 --cluster-stack=o2cb --cluster-name=a234567890123456 --global-heartbeat",
            "-N 2 --cluster-stack=pcmk --cluster-name=webc --fs-features=metaecc",
            "-N 2 --cluster-stack=cman --cluster-name=w",
        ] {
            cases.push((300 * M, format!("-b {block} -C 4K -J size=4M {extra}")));
        }
    }
    cases.push((4 * M, "-H".to_owned()));
    cases.push((
        4 * M,
        "-H --cluster-stack=o2cb --cluster-name=w --global-heartbeat".to_owned(),
    ));
    cases.push((2048 * M, "-b 512 -C 4K -J size=4M -N 255".to_owned()));
    cases.push((
        512 * M,
        "-b 4K -C 4K -J size=4M -N 30 --fs-features=metaecc".to_owned(),
    ));
    cases
}

#[test]
fn agrees_with_debugfs() {
    let dir = TempDir::new();
    let cases = Mutex::new(cases().into_iter().enumerate());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let next = cases.lock().unwrap().next();
                    let Some((at, (size, args))) = next else {
                        break;
                    };
                    let image = mkfs(&dir, &at.to_string(), size, &args);
                    compare(&image, &args);
                    std::fs::remove_file(image).unwrap();
                }
            });
        }
    });
}

fn compare(path: &Path, args: &str) {
    let mut image = Image::load(path);
    let volume = image.volume();
    let last = volume.max_slots.saturating_sub(1);
    let journal = format!("journal:{last:04}");
    let stats = ["stats", "stat //heartbeat", &format!("stat //{journal}")];
    let said = debugfs(path, &stats);
    compare_superblock(&volume, &said[0], args);
    compare_membership(&volume, &said[0], args);
    compare_heartbeat(&volume, &mut image, &said[1], args);
    compare_slots(&volume, &mut image, &said[2], args);
}

fn compare_heartbeat(volume: &Superblock, image: &mut Image, said: &str, args: &str) {
    let (_, list) = said.split_once("## Offset").unwrap();
    let extent = list.lines().nth(1).unwrap().split_whitespace();
    let extent: Vec<u64> = extent.flat_map(str::parse).collect();
    let [_, 0, clusters, block] = extent[..] else {
        panic!("{args}: {said}");
    };
    assert!(clusters << volume.cluster_bits >= 255 << volume.block_bits);
    for sector in [512, 1024, 2048, 4096] {
        image.sector = sector;
        let bytes = volume.block_bytes();
        if sector > bytes {
            let said = sentence(Superblock::read(image));
            assert!(
                said.contains("smaller than the sector size"),
                "{args}: {said}"
            );
            continue;
        }
        image.reads.clear();
        let found = Superblock::read(image).unwrap().heartbeat(image).unwrap();
        let expected = Geometry {
            block_bytes: sector,
            start_block: block * u64::from(bytes / sector),
            blocks: 255,
        };
        let is_local = volume.membership == Membership::Local;
        assert_eq!(found, (!is_local).then_some(expected), "{args}");
        assert!(image.reads.len() <= 4, "{args}: {:?}", image.reads);
    }
    image.sector = 512;
}

fn compare_superblock(superblock: &Superblock, stats: &str, args: &str) {
    for (key, value) in [
        ("Feature Incompat:", u64::from(superblock.incompat.0)),
        ("Root Blknum:", superblock.root_block),
        ("System Dir Blknum:", superblock.system_dir_block),
        ("Block Size Bits:", u64::from(superblock.block_bits)),
        ("Cluster Size Bits:", u64::from(superblock.cluster_bits)),
        ("Max Node Slots:", u64::from(superblock.max_slots)),
        ("FS Generation:", u64::from(superblock.generation)),
        ("Clusters:", u64::from(superblock.clusters)),
    ] {
        assert_eq!(value, number::<u64>(stats, key), "{args}: {key}");
    }
    assert_eq!(superblock.uuid.to_string(), word(stats, "UUID:"), "{args}");
    let label = stats.split_once("Label: ").unwrap().1;
    assert_eq!(
        superblock.label,
        label.lines().next().unwrap().as_bytes(),
        "{args}"
    );
    assert_eq!(superblock.is_heartbeat_device(), args.starts_with("-H"));
}

fn compare_membership(volume: &Superblock, stats: &str, args: &str) {
    let expected = match word(stats, "Cluster stack:") {
        _ if args.contains("-M local") => Membership::Local,
        "classic" => Membership::O2cb {
            cluster: None,
            heartbeat: HeartbeatMode::Local,
        },
        "o2cb" => Membership::O2cb {
            cluster: Some(word(stats, "Cluster name:").parse().unwrap()),
            heartbeat: HeartbeatMode::new(stats.contains("Globalheartbeat")),
        },
        stack => Membership::User {
            stack: stack.parse().unwrap(),
            cluster: word(stats, "Cluster name:").parse().unwrap(),
        },
    };
    assert_eq!(volume.membership, expected, "{args}");
}

/// The journal of the last slot is the one that debugfs.ocfs2 shows.
fn compare_slots(volume: &Superblock, image: &mut Image, said: &str, args: &str) {
    let found = volume.slots(image);
    if volume.is_heartbeat_device() {
        let said = sentence(found);
        assert!(said.contains("no system file slot_map"), "{args}: {said}");
        return;
    }
    let found = found.unwrap();
    assert_eq!(found.len(), usize::from(volume.max_slots), "{args}");
    let last = found.last().unwrap();
    assert_eq!(last.journal, number(said, "Inode:"), "{args}");
    assert_eq!(last.generation, number(said, "Generation:"), "{args}");
}
