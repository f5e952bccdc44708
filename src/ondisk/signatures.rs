//! Recognises other content of a device without an OCFS2 volume by its first 16 KiB, so that a
//! "wrong device" message uses the user's words.

use std::fmt;

/// The error that the device was read and holds no OCFS2 volume: a scan goes on to the next device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotOcfs2 {
    /// The device is smaller than the head of a volume; the size in bytes.
    TooSmall(u64),
    /// The first generation of OCFS.
    Ocfs1,
    /// Something else, recognised by its signature.
    Holds(&'static str),
    /// Nothing but zeroes where a superblock could be.
    Blank,
    /// No superblock at any block size.
    Unknown,
}

impl fmt::Display for NotOcfs2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSmall(bytes) => {
                write!(f, "too small to be an OCFS2 volume ({bytes} bytes)")
            }
            Self::Ocfs1 => {
                f.write_str("is an OCFS version 1 volume (this driver reads version 2 only)")
            }
            Self::Holds(what) => write!(f, "not an OCFS2 volume (it holds {what})"),
            Self::Blank => f.write_str("not an OCFS2 volume (it is blank)"),
            Self::Unknown => {
                f.write_str("not an OCFS2 volume (no superblock found at any block size)")
            }
        }
    }
}

impl std::error::Error for NotOcfs2 {}

const SIGNATURES: &[(usize, &[u8], &str)] = &[
    (0, b"XFSB", "an XFS filesystem"),
    (0, b"LUKS\xba\xbe", "an encrypted (LUKS) volume"),
    (0x218, b"LVM2 001", "an LVM physical volume"),
    (
        0x200,
        b"EFI PART",
        "a partition table: name one of its partitions",
    ),
    (0x438, &[0x53, 0xef], "an ext2, ext3 or ext4 filesystem"),
    (
        0x1000,
        &[0xfc, 0x4e, 0x2b, 0xa9],
        "a member of a software RAID",
    ),
    (0xff6, b"SWAPSPACE2", "swap space"),
];

/// Returns whether the head is that of OCFS1 (`ocfs1_fs_compat.h`, ocfs1_vol_disk_hdr). Either mark
/// of its header is enough, as the kernel refuses to mount such a volume.
pub(super) fn is_ocfs1(head: &[u8]) -> bool {
    head.get(4..8) == Some(&[2, 0, 0, 0]) || head.get(8..17) == Some(b"OracleCFS")
}

/// Returns the best name for a head without an OCFS2 superblock.
pub(super) fn recognise(head: &[u8]) -> NotOcfs2 {
    let found = SIGNATURES.iter().find(|(at, signature, _)| {
        head.get(*at..)
            .is_some_and(|bytes| bytes.starts_with(signature))
    });
    match found {
        Some((_, _, what)) => NotOcfs2::Holds(what),
        None if head.iter().all(|byte| *byte == 0) => NotOcfs2::Blank,
        None => NotOcfs2::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_it_finds() {
        let mut head = vec![0; 16384];
        assert_eq!(recognise(&head), NotOcfs2::Blank);
        head[0x438..0x43a].copy_from_slice(&[0x53, 0xef]);
        assert_eq!(
            recognise(&head).to_string(),
            "not an OCFS2 volume (it holds an ext2, ext3 or ext4 filesystem)"
        );
        head[8..17].copy_from_slice(b"OracleCFS");
        assert!(is_ocfs1(&head));
        assert_eq!(recognise(&[1]), NotOcfs2::Unknown);
        assert!(!is_ocfs1(&[2; 20]) && !is_ocfs1(&[]));
    }
}
