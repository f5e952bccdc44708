//! The three feature words of the superblock (`ocfs2_fs.h`, OCFS2_FEATURE_*).

use std::fmt;

macro_rules! feature_word {
    ($(#[$doc:meta])* $word:ident, $shown:literal, { $($(#[$bit_doc:meta])* $name:ident = $bit:literal, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct $word(u32);

        impl $word {
            $($(#[$bit_doc])* pub const $name: Self = Self($bit);)*

            const NAMES: &[(u32, &'static str)] = &[$(($bit, $text)),*];

            /// The word as it stands on disk.
            pub const fn from_bits(bits: u32) -> Self {
                Self(bits)
            }

            /// All bits, also the unknown ones.
            pub const fn bits(self) -> u32 {
                self.0
            }

            /// All bits of `feature` are set.
            pub const fn has(self, feature: Self) -> bool {
                self.0 & feature.0 == feature.0
            }

            /// The bits that this version has no name for.
            pub const fn unknown(self) -> Self {
                Self(self.0 & !(0 $(| $bit)*))
            }

            /// No bit is set.
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }
        }

        /// The names, as `mkfs.ocfs2 --fs-features` spells them, then the unknown bits.
        impl fmt::Display for $word {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut gap = "";
                for (_, name) in Self::NAMES.iter().filter(|(bit, _)| self.0 & bit != 0) {
                    write!(f, "{gap}{name}")?;
                    gap = " ";
                }
                match self.unknown().0 {
                    0 => Ok(()),
                    bits => write!(f, "{gap}{} 0x{bits:x}", $shown),
                }
            }
        }
    };
}

feature_word! {
    /// Features that a driver may ignore.
    Compat, "compat", {
        /// Copies of the superblock at 1 GiB, 4 GiB, 16 GiB, ...
        BACKUP_SUPER = 0x1, "backup-super";
        /// The journal's superblock is right by the rules of jbd2.
        JOURNAL_SUPER = 0x2, "strict-journal-super";
    }
}

feature_word! {
    /// Features that a driver has to know.
    Incompat, "incompat", {
        /// Holds nothing but a heartbeat region (for global heartbeat).
        HEARTBEAT_DEV = 0x2, "heartbeat-device";
        /// A resize did not finish.
        RESIZE_INPROG = 0x4, "aborted-resize";
        /// One node only: no cluster.
        LOCAL_MOUNT = 0x8, "local";
        /// Files may have holes.
        SPARSE = 0x10, "sparse";
        /// A `tunefs.ocfs2` did not finish.
        TUNEFS_INPROG = 0x20, "aborted-tunefs";
        /// Small files and directories live in their inode.
        INLINE_DATA = 0x40, "inline-data";
        /// The cluster is run by another stack than o2cb.
        USERSPACE_STACK = 0x80, "userspace-stack";
        /// Slot map entries of 8 bytes.
        EXTENDED_SLOT_MAP = 0x100, "extended-slotmap";
        /// Extended attributes.
        XATTR = 0x200, "xattr";
        /// Directories with an index.
        INDEXED_DIRS = 0x400, "indexed-dirs";
        /// Metadata blocks carry a checksum.
        META_ECC = 0x800, "metaecc";
        /// Clusters shared by reflinks.
        REFCOUNT = 0x1000, "refcount";
        /// Block groups made of several pieces.
        DISCONTIG_BG = 0x2000, "discontig-bg";
        /// The superblock names the cluster of an o2cb volume.
        CLUSTERINFO = 0x4000, "clusterinfo";
        /// Direct I/O beyond the end of a file.
        APPEND_DIO = 0x8000, "append-dio";
    }
}

feature_word! {
    /// Features that a driver has to know before it writes.
    RoCompat, "ro_compat", {
        /// Allocated and not yet written extents.
        UNWRITTEN = 0x1, "unwritten";
        /// Quotas of users.
        USRQUOTA = 0x2, "usrquota";
        /// Quotas of groups.
        GRPQUOTA = 0x4, "grpquota";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_unknown_bits() {
        let word = Incompat::from_bits(0x8000_0808);
        assert!(word.has(Incompat::META_ECC) && !word.has(Incompat::SPARSE));
        assert_eq!(word.unknown().bits(), 0x8000_0000);
        assert_eq!(word.to_string(), "local metaecc incompat 0x80000000");
        assert_eq!(RoCompat::default().to_string(), "");
    }
}
