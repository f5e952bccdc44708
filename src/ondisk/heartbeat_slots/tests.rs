use std::io;

use super::*;

const ALIVE: Beat = Beat {
    sequence: 1,
    generation: 0x1122_3344_5566_7788,
    dead_ms: Some(62_000),
};

/// A block as the driver writes it.
fn block(node: u8, beat: Beat, bytes: usize) -> Vec<u8> {
    let mut block = vec![0; bytes];
    block[0x00..0x08].copy_from_slice(&beat.sequence.to_le_bytes());
    block[0x08] = node;
    block[0x10..0x18].copy_from_slice(&beat.generation.to_le_bytes());
    block[0x18..0x1C].copy_from_slice(&beat.dead_ms.unwrap_or(0).to_le_bytes());
    let checksum = crc::update(0, &block);
    block[0x0C..0x10].copy_from_slice(&checksum.to_le_bytes());
    block
}

#[test]
fn a_block_of_the_driver_is_read_at_every_size() {
    // Checksums that fs/ocfs2 computed.
    for (bytes, checksum) in [(512, 0x45cb_f848u32), (4096, 0xa450_8f4c)] {
        let good = block(1, ALIVE, bytes);
        assert_eq!(good[0x0C..0x10], checksum.to_le_bytes());
        assert_eq!(Slot::parse(&good, 1), Ok(Slot::Written(ALIVE)));
        assert_eq!(Slot::parse(&good, 2), Ok(Slot::Misplaced(1)));
    }
    let old = Beat {
        dead_ms: None,
        ..ALIVE
    };
    let read = Slot::parse(&block(254, old, 1024), 254);
    assert_eq!(read, Ok(Slot::Written(old)));
}

#[test]
fn damage_is_never_taken_for_a_node() {
    assert_eq!(Slot::parse(&[0; 512], 0), Ok(Slot::Never));
    assert_eq!(Slot::parse(&[0xFF; 512], 255), Ok(Slot::Damaged));
    for bit in 0..4096 {
        let mut bad = block(7, ALIVE, 512);
        bad[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Slot::parse(&bad, 7), Ok(Slot::Damaged), "bit {bit}");
    }
    let mut state = 1u64;
    for _ in 0..2000 {
        let rubbish: Vec<u8> = std::iter::repeat_with(|| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        })
        .take(512)
        .collect();
        assert_eq!(Slot::parse(&rubbish, 3), Ok(Slot::Damaged));
    }
    for short in [0, 1, 27] {
        let result = Slot::parse(&vec![1; short], 0);
        assert!(result.is_err() || short == 0, "{short}");
    }
}

#[test]
fn only_a_difference_is_a_sign_of_life() {
    let beat = |sequence, generation| {
        Slot::Written(Beat {
            sequence,
            generation,
            dead_ms: None,
        })
    };
    for (before, after, expected) in [
        (Slot::Never, Slot::Never, "Never"),
        (Slot::Never, beat(5, 1), "Alive"),
        (Slot::Damaged, beat(5, 1), "Alive"),
        (beat(5, 1), beat(7, 1), "Alive"),
        // A clock that was set back, and a node that started again.
        (beat(5, 1), beat(3, 1), "Alive"),
        (beat(5, 1), beat(5, 2), "Alive"),
        (beat(5, 1), beat(5, 1), "Stale"),
        (beat(5, 1), beat(6, 0), "Left"),
        (beat(5, 0), beat(5, 0), "Left"),
        (beat(5, 1), Slot::Damaged, "Damaged"),
        (beat(5, 1), Slot::Misplaced(9), "Misplaced"),
    ] {
        let (first, second) = (Beats(vec![(before, 0)]), Beats(vec![(after, 0)]));
        let signs: Vec<_> = first.compare(&second).collect();
        assert_eq!(signs.len(), 1);
        let said = format!("{:?}", signs[0].1);
        assert!(said.starts_with(expected), "{before:?}, {after:?}: {said}");
    }
}

#[test]
fn whatever_is_written_is_seen_but_a_leave() {
    let later = |sequence| Beat { sequence, ..ALIVE };
    let left = Beat {
        generation: 0,
        ..later(2)
    };
    let mut rubbish = block(0, later(2), 512);
    rubbish[0x20] ^= 1;
    let other = [&rubbish[..511], &[1]].concat();
    let never = vec![0; 512];
    let cases = [
        (block(0, ALIVE, 512), block(0, ALIVE, 512), false),
        (block(0, ALIVE, 512), block(0, later(2), 512), true),
        (block(0, ALIVE, 512), block(0, left, 512), false),
        (never.clone(), block(0, ALIVE, 512), true),
        (block(0, ALIVE, 512), never, true),
        (rubbish.clone(), rubbish.clone(), false),
        (rubbish, other, true),
        (block(5, ALIVE, 512), block(5, later(2), 512), true),
    ];
    for (at, (before, after, written)) in cases.into_iter().enumerate() {
        let [before, after] = [before, after].map(|block| Beats::parse(&block, 512).unwrap());
        assert_eq!(before.rewritten(&after).count() == 1, written, "case {at}");
    }
}

#[test]
fn an_age_is_told_only_where_the_clocks_allow_it() {
    let at = |sequence| Beat { sequence, ..ALIVE };
    assert_eq!(at(100).age(160), Some(60));
    assert_eq!(at(100).age(100), Some(0));
    assert_eq!(at(u64::MAX).age(100), None);
}

/// A device that is a region and nothing else.
struct Region(Vec<u8>);

impl ReadBlocks for Region {
    fn read_at(&mut self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let start = usize::try_from(offset).unwrap();
        Ok(self.0[start..start + len].to_vec())
    }

    fn sector(&self) -> u32 {
        512
    }

    fn size(&self) -> u64 {
        self.0.len() as u64
    }
}

#[test]
fn a_region_is_read_by_node_number() {
    for bytes in [512u32, 1024, 2048, 4096] {
        let size = bytes as usize;
        let mut region = Region(vec![0; 300 * size]);
        let at = |node: usize| (2 + node) * size..(3 + node) * size;
        region.0[at(0)].copy_from_slice(&block(0, ALIVE, size));
        region.0[at(3)].fill(0xFF);
        region.0[at(4)].copy_from_slice(&block(9, ALIVE, size));
        region.0[at(254)].copy_from_slice(&block(254, ALIVE, size));
        let geometry = Geometry {
            block_bytes: bytes,
            start_block: 2,
            blocks: 255,
        };
        let beats = geometry.beats(&mut region).unwrap();
        let written: Vec<_> = beats
            .iter()
            .filter(|(_, slot)| *slot != Slot::Never)
            .collect();
        let expected = [
            (0, Slot::Written(ALIVE)),
            (3, Slot::Damaged),
            (4, Slot::Misplaced(9)),
            (254, Slot::Written(ALIVE)),
        ];
        assert_eq!(written, expected);
        assert_eq!(beats.iter().count(), 255);
        for (node, slot) in expected {
            assert_eq!(geometry.beat(&mut region, node).unwrap(), slot);
        }
        for start_block in [46, u64::MAX, u64::MAX / u64::from(bytes)] {
            let beyond = Geometry {
                start_block,
                ..geometry
            };
            let error = beyond.beats(&mut region).unwrap_err().to_string();
            assert!(error.contains("beyond the end"), "{error}");
        }
    }
}
