//! CRC-32 with the reflected polynomial 0xEDB88320. Its three uses differ in how they begin and end
//! (semaphore keys, metadata checksums, heartbeat blocks).

/// Continues the checksum `register` with `bytes`; neither end is inverted.
pub fn update(register: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(register, |register, &byte| {
        (0..8).fold(register ^ u32::from(byte), |register, _| {
            (register >> 1) ^ (0xEDB8_8320 & (register & 1).wrapping_neg())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::update;

    #[test]
    fn the_three_forms_give_their_known_values() {
        let digits = b"123456789";
        assert_eq!(!update(!0, digits), 0xcbf4_3926, "zlib");
        assert_eq!(update(!0, digits), 0x340b_c6d9, "metadata");
        assert_eq!(update(0, digits), 0x2dfd_2d88, "heartbeat");
    }
}
