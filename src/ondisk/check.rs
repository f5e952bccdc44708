//! The checksum of metadata blocks (`ocfs2_fs.h`, `ocfs2_block_check`): a CRC-32 and a
//! Hamming code that finds one wrong bit, both over the whole block with their own
//! 8 bytes taken as zero. Present on volumes with the `metaecc` feature.

use super::bytes::Bytes;
use crate::crc;

/// Checks `block`, whose check field begins at byte `at`, and repairs a single wrong bit in the
/// buffer (not on the disk).
///
/// A wrong bit inside the stored CRC looks like a damaged block and is refused, as the kernel does;
/// one inside the stored parity does no harm while the CRC matches.
///
/// # Errors
/// The checksum does not match, and no single bit explains it.
pub fn verify(block: &mut [u8], at: usize) -> Result<(), String> {
    let stored: [u8; 8] = Bytes(block).array(at)?;
    let [a, b, c, d, e, f, ..] = stored;
    let crc = u32::from_le_bytes([a, b, c, d]);
    put(block, at, [0; 8]);
    let good = crc::update(!0, block) == crc || {
        let position = parity(block) ^ u16::from_le_bytes([e, f]);
        flip(block, position).is_some() && crc::update(!0, block) == crc
    };
    put(block, at, stored);
    match good {
        true => Ok(()),
        false => Err("its checksum is wrong".to_owned()),
    }
}

fn put(block: &mut [u8], at: usize, bytes: [u8; 8]) {
    if let Some(field) = block.get_mut(at..at.saturating_add(8)) {
        field.copy_from_slice(&bytes);
    }
}

/// Computes the Hamming parity: the exclusive or of the code positions of all set bits. Data bits
/// take the positions, counted from 1, that are not powers of two; 4 KiB still fit 16 bits.
fn parity(bytes: &[u8]) -> u16 {
    let mut positions = (1..=u16::MAX).filter(|position| !position.is_power_of_two());
    let mut parity = 0;
    for byte in bytes {
        for (bit, position) in (0..8).zip(&mut positions) {
            if byte >> bit & 1 == 1 {
                parity ^= position;
            }
        }
    }
    parity
}

/// Flips the data bit at a code position; none where the position holds parity or nothing.
fn flip(bytes: &mut [u8], position: u16) -> Option<()> {
    let parity_bits = position.checked_ilog2()?.checked_add(1)?;
    if position.is_power_of_two() {
        return None;
    }
    let bit = usize::from(position) - 1 - usize::try_from(parity_bits).ok()?;
    *bytes.get_mut(bit / 8)? ^= 1 << (bit % 8);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computes the check field of `block` at byte `at`.
    fn compute(block: &[u8], at: usize) -> [u8; 8] {
        let mut block = block.to_vec();
        put(&mut block, at, [0; 8]);
        let [a, b, c, d] = crc::update(!0, &block).to_le_bytes();
        let [e, f] = parity(&block).to_le_bytes();
        [a, b, c, d, e, f, 0, 0]
    }

    /// Values of the C library: a ramp of bytes, and the ends of the range.
    #[test]
    fn agrees_with_the_reference() {
        assert_eq!(crc::update(!0, &[0; 512]), 0x4d55_8a87);
        for (bytes, bit, position) in [(512, 0, 3), (512, 4095, 0x100d), (4096, 32767, 0x8010)] {
            let mut block = vec![0; bytes];
            block[bit / 8] |= 1 << (bit % 8);
            assert_eq!(parity(&block), position);
            flip(&mut block, position).unwrap();
            assert!(block.iter().all(|byte| *byte == 0));
        }
        let ramp: Vec<u8> = (0..512).map(|at| at as u8).collect();
        let field = compute(&ramp, 0x80);
        assert_eq!(field, [0x2b, 0x44, 0x93, 0x31, 0x12, 0x1f, 0, 0]);
    }

    #[test]
    fn one_wrong_bit_is_repaired_and_two_are_refused() {
        let mut good: Vec<u8> = (0..512u32).map(|at| (at * 7 + at / 3) as u8).collect();
        let field = compute(&good, 0x80);
        good[0x80..0x88].copy_from_slice(&field);
        let mut intact = good.clone();
        assert_eq!(verify(&mut intact, 0x80), Ok(()));
        assert!(intact == good);
        for bit in (0..4096)
            .step_by(3)
            .filter(|bit| !(0x400..0x440).contains(bit))
        {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let mut worse = bad.clone();
            assert_eq!(verify(&mut bad, 0x80), Ok(()), "bit {bit}");
            assert!(bad == good, "bit {bit}");
            let other = (bit + 4111) % 0x400;
            worse[other / 8] ^= 1 << (other % 8);
            let refused = verify(&mut worse, 0x80).is_err();
            assert!(refused, "bits {bit}, {other}");
        }
    }

    #[test]
    fn a_field_outside_the_block_is_a_mismatch() {
        assert!(verify(&mut [0; 16], 12).is_err());
        assert!(verify(&mut [0; 16], usize::MAX).is_err());
    }
}
