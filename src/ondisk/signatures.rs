//! Recognises other content of a device without an OCFS2 volume by its first 16 KiB, so that a
//! "wrong device" message uses the user's words.

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

/// Describes a head without an OCFS2 superblock.
pub(super) fn recognise(head: &[u8]) -> String {
    let found = SIGNATURES.iter().find(|(at, signature, _)| {
        head.get(*at..)
            .is_some_and(|bytes| bytes.starts_with(signature))
    });
    match found {
        Some((_, _, what)) => format!("it holds {what}"),
        None if head.iter().all(|byte| *byte == 0) => "it is blank".to_owned(),
        None => "no superblock found at any block size".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_it_finds() {
        let mut head = vec![0; 16384];
        assert_eq!(recognise(&head), "it is blank");
        head[0x438..0x43a].copy_from_slice(&[0x53, 0xef]);
        assert_eq!(
            recognise(&head),
            "it holds an ext2, ext3 or ext4 filesystem"
        );
        head[8..17].copy_from_slice(b"OracleCFS");
        assert!(is_ocfs1(&head));
        assert!(recognise(&[1]).starts_with("no superblock"));
        assert!(!is_ocfs1(&[2; 20]) && !is_ocfs1(&[]));
    }
}
