//! Structures that mkfs.ocfs2 never makes: deep extent trees, indexed directories, links
//! in circles.

use crate::common::{Image, check_field, sentence};

const BLOCK: usize = 512;
/// Blocks that no file of the image uses, for extent blocks.
const FREE: u64 = 12_000;

struct Forge {
    image: Image,
    directory: u64,
    heartbeat: u64,
}

impl Forge {
    fn new(features: &str) -> Self {
        let args = format!("-b 512 -C 4K -N 20 -J size=4M --fs-features={features}");
        let mut image = Image::make(400 << 20, &args);
        let volume = image.volume();
        let is_heartbeat = |block: &[u8]| block.starts_with(b"INODE01") && block[0x2D] & 2 != 0;
        let heartbeat = image.bytes.chunks(BLOCK).position(is_heartbeat);
        Self {
            directory: volume.system_dir_block,
            heartbeat: heartbeat.unwrap() as u64,
            image,
        }
    }

    fn block(&mut self, number: u64) -> &mut [u8] {
        &mut self.image.bytes[number as usize * BLOCK..][..BLOCK]
    }

    fn put(&mut self, number: u64, at: usize, bytes: &[u8]) {
        self.block(number)[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn seal(&mut self, number: u64, at: usize) {
        let field = check_field(self.block(number), at);
        self.put(number, at, &field);
    }

    /// An extent block that points to `child`, or, at depth 0, takes over `leaf`.
    fn extent_block(&mut self, number: u64, depth: u16, record: &[u8]) {
        self.put(number, 0, b"EXBLK01\0");
        self.put(number, 0x18, &number.to_le_bytes());
        self.put(number, 0x30, &depth.to_le_bytes());
        self.put(number, 0x32, &[28, 0, 1, 0]);
        self.put(number, 0x40, record);
        self.seal(number, 0x08);
    }

    /// The root of the directory's tree, with one child.
    fn root(&mut self, depth: u16, child: u64) {
        let directory = self.directory;
        self.put(directory, 0xC0, &depth.to_le_bytes());
        self.put(directory, 0xC4, &[1, 0]);
        self.put(directory, 0xD0, &interior(child));
        self.seal(directory, 0x80);
    }

    /// Makes the directory an indexed one, but for the index.
    fn index(&mut self) {
        let incompat = self.block(2)[0xE1];
        self.put(2, 0xE1, &[incompat | 4]);
        self.seal(2, 0x80);
        let directory = self.directory;
        self.put(directory, 0x76, &[8, 0]);
        self.seal(directory, 0x80);
    }

    fn look(&mut self) -> eyre::Result<u64> {
        self.image.reads.clear();
        let volume = self.image.volume();
        let found = volume.heartbeat(&mut self.image);
        assert!(self.image.reads.len() <= 65);
        found.map(|geometry| geometry.unwrap().start_block)
    }
}

fn interior(child: u64) -> Vec<u8> {
    [[0, 0, 0, 0, 9, 0, 0, 0], child.to_le_bytes()].concat()
}

#[test]
fn deep_trees_are_followed_and_circles_are_not() {
    for features in ["metaecc", "nometaecc"] {
        let mut forge = Forge::new(features);
        let expected = forge.look().unwrap();
        let directory = forge.directory;
        let leaf = forge.block(directory)[0xD0..0xE0].to_vec();
        forge.extent_block(FREE, 0, &leaf);
        forge.root(1, FREE);
        assert_eq!(forge.look().unwrap(), expected, "{features}");
        forge.extent_block(FREE + 1, 1, &interior(FREE));
        forge.root(2, FREE + 1);
        assert_eq!(forge.look().unwrap(), expected, "{features}");

        forge.root(1, FREE + 1);
        assert!(sentence(forge.look()).contains("its depth is 1, not 0"));
        forge.root(0xFFFF, FREE);
        assert!(sentence(forge.look()).contains("65535 levels deep"));
        for wrong in [u64::MAX, 1 << 40, u64::MAX >> 9] {
            forge.root(1, wrong);
            assert!(sentence(forge.look()).contains("past the end"));
        }
        // Every record leads to the same leaf.
        forge.put(FREE + 1, 0x34, &[28, 0]);
        for record in 0..28 {
            forge.put(FREE + 1, 0x40 + record * 16, &interior(FREE));
        }
        forge.seal(FREE + 1, 0x08);
        forge.root(2, FREE + 1);
        assert!(sentence(forge.look()).contains("extents overlap"));
        forge.extent_block(FREE + 2, 2, &[]);
        forge.put(FREE + 2, 0x34, &[28, 0]);
        for record in 0..28 {
            forge.put(FREE + 2, 0x40 + record * 16, &interior(FREE + 1));
        }
        forge.seal(FREE + 2, 0x08);
        forge.root(3, FREE + 2);
        let said = sentence(forge.look());
        assert!(
            said.contains("too many blocks") || said.contains("overlap"),
            "{said}"
        );
    }
}

#[test]
fn an_indexed_directory_is_scanned_past_its_trailers() {
    // mkfs.ocfs2 writes trailers where the volume has checksums or indexed directories.
    for features in ["metaecc,noindexed-dirs", "nometaecc,indexed-dirs"] {
        let mut forge = Forge::new(features);
        let expected = forge.look().unwrap();
        forge.index();
        assert_eq!(forge.look().unwrap(), expected);
    }
    let mut forge = Forge::new("nometaecc,noindexed-dirs");
    forge.index();
    assert!(sentence(forge.look()).contains("signature of a directory block"));
}

#[test]
fn a_heartbeat_file_is_what_mkfs_made_or_nothing() {
    let mut forge = Forge::new("nometaecc");
    let (directory, heartbeat) = (forge.directory, forge.heartbeat);
    let changes: [(u64, usize, &[u8], &str); 13] = [
        (heartbeat, 0xC0, &[1], "several pieces"),
        (heartbeat, 0xC4, &[0], "it has no space"),
        (heartbeat, 0xC4, &[2], "several pieces"),
        (heartbeat, 0xC4, &[20], "20 of 19"),
        (heartbeat, 0xD0, &[1], "first cluster"),
        (heartbeat, 0xD4, &[31, 0], "room for 248 nodes"),
        (heartbeat, 0xD8, &[2, 0, 0, 0], "on top of the superblock"),
        (heartbeat, 0xDF, &[0xFF], "beyond the end of the device"),
        (heartbeat, 0x2C, &[0x11, 0], "not a heartbeat file's"),
        (heartbeat, 0x2C, &[0x10, 2], "not in use"),
        (heartbeat, 0x28, &[0xED, 0x41], "not a heartbeat file's"),
        (heartbeat, 0x60, &[0, 0, 0, 0], "earlier mkfs"),
        (directory, 0x28, &[0xA4, 0x81], "not a directory"),
    ];
    for (block, at, bytes, expected) in changes {
        let before = forge.block(block).to_vec();
        forge.put(block, at, bytes);
        let said = sentence(forge.look());
        assert!(said.contains(expected), "{said}: {expected}");
        assert!(said.contains("run fsck.ocfs2"), "{said}");
        forge.put(block, 0, &before);
    }
    forge.look().unwrap();
}
