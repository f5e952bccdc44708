//! Metadata with bits, words and fields changed at random: an answer or an error, never a
//! panic, never a read outside the image (the source asserts it), never many reads.

use ocfs2box::ondisk::{Geometry, HEAD_BYTES, Superblock};

use crate::common::{Image, check_field};

/// Changes per image, and bits tried per block: many where the code is fast.
const ROUNDS: usize = if cfg!(debug_assertions) { 400 } else { 4000 };
const BITS: usize = if cfg!(debug_assertions) { 60 } else { 1000 };

/// xorshift64*: the same sequence on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

fn images() -> Vec<Image> {
    [
        "-b 512 -C 4K -N 40 -J size=4M",
        "-b 1K -C 4K -N 8 -J size=4M --fs-features=metaecc,noinline-data",
        "-b 4K -C 64K -N 2 -J size=4M --cluster-stack=o2cb --cluster-name=webc",
        "-b 2K -C 4K -N 2 -J size=4M --fs-features=metaecc",
        "-b 512 -C 4K -N 2 -J size=4M --cluster-stack=pcmk --cluster-name=webc",
    ]
    .map(|args| Image::make(400 << 20, args))
    .into()
}

fn geometry(image: &mut Image) -> eyre::Result<Geometry> {
    let geometry = Superblock::read(image)?.heartbeat(image)?;
    geometry.ok_or_else(|| eyre::eyre!("a local volume"))
}

/// The blocks that a mount looks at: superblock, inodes, first block of the directory.
fn metadata(image: &mut Image) -> Vec<(usize, usize)> {
    image.reads.clear();
    let volume = image.volume();
    volume.heartbeat(image).unwrap();
    let block = volume.block_bytes() as usize;
    let reads = image.reads.split_off(1);
    let found = reads.iter().map(|(offset, _)| (*offset as usize, block));
    [(2 * block, block)].into_iter().chain(found).collect()
}

fn mutate(random: &mut Random, block: &mut [u8]) {
    // Fields crowd at the start; entries and records lie anywhere.
    let end = [0x200, block.len()][random.below(2)];
    let extreme = [
        0,
        1,
        2,
        0x7F,
        0x80,
        0xFF,
        0x100,
        0x7FFF,
        0x8000,
        0xFFFF,
        1 << 31,
        u64::MAX,
    ];
    match random.below(4) {
        0 => {
            for _ in 0..=random.below(3) {
                block[random.below(end)] ^= 1 << random.below(8);
            }
        }
        1 => block[random.below(end)] = random.next() as u8,
        2 => {
            let width = 1 << random.below(4);
            let at = random.below(end / width) * width;
            let value = match random.below(2) {
                0 => extreme[random.below(extreme.len())],
                _ => random.next() >> random.below(64),
            };
            block[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
        }
        _ => {
            let (from, to) = (random.below(end - 16), random.below(end - 16));
            block.copy_within(from..from + 1 + random.below(16), to);
        }
    }
}

/// Puts a right checksum into a block, so that a forger gets behind it.
fn seal(block: &mut [u8], number: usize) {
    let at = match block {
        _ if block.starts_with(b"INODE01") || number == 0 => 0x80,
        _ => block.len() - 8,
    };
    let field = check_field(block, at);
    block[at..at + 8].copy_from_slice(&field);
}

#[test]
fn random_damage_is_survived() {
    let mut random = Random(0x0CF5_2B0C_5EED);
    for mut image in images() {
        let blocks = metadata(&mut image);
        let pristine = image.bytes.clone();
        let checksums = image.volume().incompat.0 & 0x800 != 0;
        let (mut good, mut bad) = (0, 0);
        for _ in 0..ROUNDS {
            let which = random.below(blocks.len());
            let (at, len) = blocks[which];
            let block = &mut image.bytes[at..at + len];
            for _ in 0..=random.below(2) {
                mutate(&mut random, block);
            }
            if checksums && random.below(4) != 0 {
                seal(block, which);
            }
            image.reads.clear();
            match geometry(&mut image) {
                Ok(found) => {
                    let start = found.start_block * u64::from(found.block_bytes);
                    assert!(start + 255 * 512 <= image.size && start > 0);
                    good += 1;
                }
                Err(_) => bad += 1,
            }
            assert!(image.reads.len() <= 70, "{:?}", image.reads);
            image.reads.clear();
            if let Ok(volume) = Superblock::read(&mut image) {
                let _ = volume.slot_map(&mut image);
            }
            assert!(image.reads.len() <= 70, "{:?}", image.reads);
            image.bytes[at..at + len].copy_from_slice(&pristine[at..at + len]);
        }
        assert!(
            good > ROUNDS / 40 && bad > ROUNDS / 40,
            "{good} good, {bad} bad"
        );
    }
}

/// Bits without which no reader can know that the block has a checksum, and the checksum's.
fn is_unprotected(superblock: bool, len: usize, directory: bool, bit: usize) -> bool {
    let check = if directory { len - 8 } else { 0x80 };
    let byte = bit / 8;
    (check..check + 8).contains(&byte) || superblock && (byte < 6 || bit == 0xE1 * 8 + 3)
}

#[test]
fn one_bit_is_repaired_and_two_are_refused() {
    let mut random = Random(0xECC);
    for args in [
        "-b 1K -C 4K -N 8 -J size=4M --fs-features=metaecc,noinline-data",
        "-b 4K -C 4K -N 2 -J size=4M --fs-features=metaecc",
        "-b 512 -C 4K -N 2 -J size=4M --fs-features=metaecc",
    ] {
        let mut image = Image::make(100 << 20, args);
        let expected = geometry(&mut image).unwrap();
        for (which, (at, len)) in metadata(&mut image).into_iter().enumerate() {
            let directory = which > 0 && !image.bytes[at..].starts_with(b"INODE01");
            let unprotected = |bit| is_unprotected(which == 0, len, directory, bit);
            for bit in (0..len * 8)
                .step_by(len * 8 / BITS)
                .filter(|bit| !unprotected(*bit))
            {
                let other = (0..).map(|_| random.below(len * 8));
                let other = { other }
                    .find(|other| *other != bit && !unprotected(*other))
                    .unwrap();
                image.bytes[at + bit / 8] ^= 1 << (bit % 8);
                assert_eq!(
                    geometry(&mut image).unwrap(),
                    expected,
                    "{args}: {at}, bit {bit}"
                );
                image.bytes[at + other / 8] ^= 1 << (other % 8);
                let error = format!("{:#}", geometry(&mut image).unwrap_err());
                assert!(error.contains("its checksum is wrong"), "{args}: {error}");
                image.bytes[at + other / 8] ^= 1 << (other % 8);
                image.bytes[at + bit / 8] ^= 1 << (bit % 8);
            }
        }
    }
}

#[test]
fn truncated_at_every_interesting_length() {
    for mut image in images() {
        let expected = geometry(&mut image).unwrap();
        let end = expected.start_block * 512 + 255 * 512;
        let volume = image.volume();
        let mut lengths = vec![
            0,
            1,
            511,
            512,
            HEAD_BYTES as u64 - 1,
            HEAD_BYTES as u64,
            end,
        ];
        for (at, len) in metadata(&mut image) {
            let (at, len) = (at as u64, len as u64);
            lengths.extend([at - 1, at, at + 1, at + len - 1, at + len, at + len + 1]);
        }
        lengths.extend([end - 512, end - 1, end + 1, image.size]);
        for size in lengths {
            image.size = size;
            let found = geometry(&mut image);
            match found {
                Ok(found) => assert!(found == expected && size >= end, "{size}"),
                Err(error) if size < HEAD_BYTES as u64 => {
                    assert!(error.to_string().starts_with("too small"), "{error}");
                }
                Err(error) => {
                    // The directory's file ends a cluster, so it may need more than the end.
                    let room = end + u64::from(volume.block_bytes());
                    assert!(size < room, "{size}: {error:#}");
                    let said = format!("{error:#}");
                    assert!(
                        said.contains("past the end") || said.contains("beyond the end"),
                        "{said}"
                    );
                }
            }
        }
    }
}
