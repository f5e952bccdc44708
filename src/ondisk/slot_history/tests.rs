use super::super::heartbeat_slots::Beat;
use super::*;

/// A region in which node 3 has written `sequence` last.
fn region(sequence: u64, generation: u64) -> Beats {
    let mut bytes = vec![0; 255 * 512];
    if sequence > 0 {
        let block = &mut bytes[3 * 512..4 * 512];
        block[..8].copy_from_slice(&sequence.to_le_bytes());
        block[8] = 3;
        block[0x10..0x18].copy_from_slice(&generation.to_le_bytes());
        let sum = crate::crc::update(0, block);
        block[0x0C..0x10].copy_from_slice(&sum.to_le_bytes());
    }
    Beats::parse(&bytes, 512).unwrap()
}

fn rubbish() -> Beats {
    let mut bytes = vec![0; 255 * 512];
    bytes[3 * 512..4 * 512].fill(0xFF);
    Beats::parse(&bytes, 512).unwrap()
}

fn sign(track: &Track) -> Sign {
    track.signs().nth(3).unwrap().1
}

#[test]
fn a_node_comes_stutters_dies_and_comes_back() {
    let begin = Instant::now();
    let at = |seconds| begin + Duration::from_secs(seconds);
    let mut track = Track::new(4);
    let mut add = |second, beats: &Beats| {
        track.add(beats, at(second));
        (sign(&track), track.history(3).last().copied())
    };
    let beat = |sequence| Beat {
        sequence,
        generation: 7,
        dead_ms: None,
    };
    // One reading shows nothing.
    assert_eq!(add(0, &region(1, 7)), (Sign::Stale(beat(1)), None));
    let alive = add(2, &region(3, 7));
    assert_eq!(alive, (Sign::Alive(beat(3)), Some(Round::Beat)));
    let waits = add(4, &region(3, 7));
    assert_eq!(waits, (Sign::Alive(beat(3)), Some(Round::NotDue)));
    let missed = add(6, &region(3, 7));
    assert_eq!(missed, (Sign::Stale(beat(3)), Some(Round::Missed)));
    // Rubbish in between is no sign of life.
    assert_eq!(add(8, &rubbish()), (Sign::Damaged, Some(Round::Bad)));
    let missed = add(10, &region(3, 7));
    assert_eq!(missed, (Sign::Stale(beat(3)), Some(Round::Missed)));
    let (left, round) = add(12, &region(5, 0));
    assert!(matches!(left, Sign::Left(_)) && round == Some(Round::Left));
    let back = add(14, &region(9, 7));
    assert_eq!(back, (Sign::Alive(beat(9)), Some(Round::Beat)));
    track.miss();
    let last = [Round::Missed, Round::Left, Round::Beat, Round::Blind];
    assert_eq!(track.history(3), last);
    assert_eq!(track.silence(3), Duration::ZERO);
}

/// A node that may only be late is read again; one that is dead by its own dead time is not.
#[test]
fn only_a_young_silence_is_doubtful() {
    let now = Instant::now();
    for (sequence, doubtful) in [(1000, true), (1040, true), (900, false), (0, false)] {
        let mut track = Track::new(1);
        track.add(&region(sequence, 7), now);
        track.add(&region(sequence, 7), now + APART);
        assert_eq!(track.is_doubtful(1000), doubtful, "{sequence}");
    }
}
