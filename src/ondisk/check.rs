//! The checksum of metadata blocks (`ocfs2_fs.h`, `ocfs2_block_check`): a CRC-32 and a
//! Hamming code that finds one wrong bit, both over the whole block with their own
//! 8 bytes taken as zero. Present on volumes with the `metaecc` feature.

use std::ops::Range;

/// What a successful check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// The block is as it was written.
    Intact,
    /// One bit was wrong and has been corrected in the buffer (not on the disk).
    Repaired,
}

/// The error that the block's checksum does not match, and no single bit explains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mismatch;

sentence!(Mismatch => "its checksum is wrong");

/// Checks `block`, whose check field begins at byte `at`, and repairs a single wrong bit.
///
/// A wrong bit inside the stored CRC looks like a damaged block and is refused, as the kernel does;
/// one inside the stored parity does no harm while the CRC matches.
pub fn verify(block: &mut [u8], at: usize) -> Result<Checked, Mismatch> {
    let field: Range<usize> = at..at.checked_add(8).ok_or(Mismatch)?;
    let stored: [u8; 8] = block
        .get(field.clone())
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(Mismatch)?;
    put(block, field.clone(), [0; 8]);
    let result = verify_zeroed(block, stored);
    put(block, field, stored);
    result
}

/// Computes the check field of `block` at byte `at`.
pub fn compute(block: &[u8], at: usize) -> [u8; 8] {
    let mut block = block.to_vec();
    put(&mut block, at..at.saturating_add(8), [0; 8]);
    let [a, b, c, d] = crc32(&block).to_le_bytes();
    let [e, f] = parity(&block).to_le_bytes();
    [a, b, c, d, e, f, 0, 0]
}

fn put(block: &mut [u8], range: Range<usize>, bytes: [u8; 8]) {
    if let Some(field) = block.get_mut(range) {
        field.copy_from_slice(&bytes);
    }
}

fn verify_zeroed(block: &mut [u8], stored: [u8; 8]) -> Result<Checked, Mismatch> {
    let [a, b, c, d, e, f, ..] = stored;
    let crc = u32::from_le_bytes([a, b, c, d]);
    if crc32(block) == crc {
        return Ok(Checked::Intact);
    }
    let position = parity(block) ^ u16::from_le_bytes([e, f]);
    flip(block, position).ok_or(Mismatch)?;
    if crc32(block) == crc {
        return Ok(Checked::Repaired);
    }
    Err(Mismatch)
}

/// Computes the CRC-32 of the kernel's `crc32_le(~0, ...)`: reflected, and not inverted at the end.
#[expect(clippy::indexing_slicing, reason = "a byte is below 256")]
fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        CRC_TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8)
    })
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

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

    /// Values of the C library: a ramp of bytes, and the ends of the range.
    #[test]
    fn agrees_with_the_reference() {
        assert_eq!(crc32(b"123456789"), 0x340b_c6d9);
        assert_eq!(crc32(&[0; 512]), 0x4d55_8a87);
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
        assert_eq!(verify(&mut good.clone(), 0x80), Ok(Checked::Intact));
        for bit in (0..4096)
            .step_by(3)
            .filter(|bit| !(0x400..0x440).contains(bit))
        {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let mut worse = bad.clone();
            assert_eq!(verify(&mut bad, 0x80), Ok(Checked::Repaired), "bit {bit}");
            assert!(bad == good, "bit {bit}");
            let other = (bit + 4111) % 0x400;
            worse[other / 8] ^= 1 << (other % 8);
            assert_eq!(
                verify(&mut worse, 0x80),
                Err(Mismatch),
                "bits {bit}, {other}"
            );
        }
    }

    #[test]
    fn a_field_outside_the_block_is_a_mismatch() {
        assert_eq!(verify(&mut [0; 16], 12), Err(Mismatch));
        assert_eq!(verify(&mut [0; 16], usize::MAX), Err(Mismatch));
    }
}
