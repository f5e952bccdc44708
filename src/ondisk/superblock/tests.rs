use super::*;
use crate::ids::HeartbeatMode;

/// Makes a superblock by the table of fields, at this block size.
fn head(bits: u32) -> Vec<u8> {
    let mut head = vec![0; HEAD_BYTES];
    put(&mut head, bits, 0, b"OCFSV2\0\0");
    put(&mut head, bits, 0x14, &[0, 1, 0, 0]);
    put(&mut head, bits, 0x50, &[2]);
    put(&mut head, bits, 0xE8, &[5]);
    put(&mut head, bits, 0xF0, &[6]);
    put(&mut head, bits, 0xF8, &[bits as u8]);
    put(&mut head, bits, 0xFC, &[12]);
    put(&mut head, bits, 0x100, &[4]);
    head
}

fn put(head: &mut [u8], bits: u32, at: usize, bytes: &[u8]) {
    let at = at + (2 << bits);
    head[at..at + bytes.len()].copy_from_slice(bytes);
}

fn parse_with(changes: &[(usize, &[u8])]) -> Result<Superblock> {
    let mut head = head(10);
    for (at, bytes) in changes {
        put(&mut head, 10, *at, bytes);
    }
    Superblock::parse(&head, 512)
}

#[test]
fn found_at_every_block_size_that_the_device_can_address() {
    for bits in BLOCK_BITS {
        for sector in [512, 1024, 2048, 4096] {
            let found = Superblock::parse(&head(bits), sector);
            match sector <= 1 << bits {
                true => assert_eq!(found.unwrap().block_bytes(), 1 << bits),
                false => assert!(found.unwrap_err().to_string().contains("sector size")),
            }
        }
    }
}

#[test]
fn damaged_fields_are_refused() {
    for (at, bytes, sentence) in [
        (0x50, 3u32, "block 3"),
        (0xF8, 9, "says 2^9"),
        (0xF8, 0, "says 2^0"),
        (0xFC, 11, "cluster size"),
        (0xFC, 0xFFFF_FFFF, "cluster size"),
        (0xE8, 0, "no root"),
        (0xF0, 0, "no root"),
        (0x100, 0, "slots 0"),
        (0x100, 256, "slots 256"),
        (0x14, 0, "0 clusters"),
        (0xE0, 0x1_0000, "unknown to this version: incompat 0x10000"),
        (0xE0, 0x800, "checksum"),
    ] {
        let error = parse_with(&[(at, &bytes.to_le_bytes())]).unwrap_err();
        assert!(error.to_string().contains(sentence), "{error}: {sentence}");
    }
    assert!(parse_with(&[(0x100, &[0, 0]), (0xE0, &[2])]).is_ok());
    assert!(parse_with(&[(0xE4, &[0xFF; 4])]).is_ok());
}

#[test]
fn cluster_names_count_only_with_their_feature() {
    let names: [(usize, &[u8]); 3] = [
        (0x160, b"o2cb"),
        (0x164, &[1]),
        (0x168, b"a234567890123456"),
    ];
    let membership = |incompat: &[u8]| {
        let changes = [names.as_slice(), &[(0xE0, incompat)]].concat();
        parse_with(&changes).unwrap().membership
    };
    let unnamed = Membership::O2cb {
        cluster: None,
        heartbeat: HeartbeatMode::Local,
    };
    assert_eq!(membership(&[0, 0]), unnamed);
    assert_eq!(membership(&[0x88, 0x40]), Membership::Local);
    let expected = Membership::O2cb {
        cluster: Some("a234567890123456".parse().unwrap()),
        heartbeat: HeartbeatMode::Global,
    };
    assert_eq!(membership(&[0, 0x40]), expected);
    assert_eq!(membership(&[0x80, 0]), expected);
}

#[test]
fn forged_names_say_which() {
    for (stack, cluster, sentence) in [
        (b"\0\0\0\0", b"webc\0", "no valid cluster stack "),
        (b"pc\xff\n", b"webc\0", "no valid cluster stack "),
        (b"pcmk", b"\0ebc\0", "no valid cluster ("),
        (b"pcmk", b"../..", "no valid cluster ("),
        (b"pcmk", b"\xe9ebc\0", "\"\\xe9ebc\" is not text"),
    ] {
        let changes: [(usize, &[u8]); 3] = [(0xE0, &[0x80]), (0x160, stack), (0x168, cluster)];
        let error = parse_with(&changes).unwrap_err().to_string();
        assert!(error.contains(sentence), "{error}: {sentence}");
    }
}

#[test]
fn labels_end_at_the_first_nul() {
    let label = parse_with(&[(0x110, b"n\xe4me\0x")]).unwrap().label;
    assert_eq!(label, b"n\xe4me");
    let full = parse_with(&[(0x110, &[b'a'; 64])]).unwrap().label;
    assert_eq!(full, [b'a'; 64]);
}

#[test]
fn other_contents_are_not_ocfs2() {
    let mut ocfs1 = head(9);
    ocfs1[4] = 2;
    for (head, sentence) in [
        (ocfs1, "is an OCFS version 1 volume"),
        (vec![0; HEAD_BYTES], "not an OCFS2 volume (it is blank)"),
        (vec![7; HEAD_BYTES], "not an OCFS2 volume (no superblock"),
        (vec![], "not an OCFS2 volume (it is blank)"),
    ] {
        let error = Superblock::parse(&head, 512).unwrap_err().to_string();
        assert!(error.starts_with(sentence), "{error}");
    }
}
