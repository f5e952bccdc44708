//! The superblock's word of features that a driver has to know (`ocfs2_fs.h`,
//! OCFS2_FEATURE_INCOMPAT_*).

/// Features that a driver has to know, as the bits on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incompat(pub u32);

impl Incompat {
    /// The volume holds only a heartbeat region (for global heartbeat).
    pub const HEARTBEAT_DEV: Self = Self(0x2);
    /// One node mounts the volume, without a cluster.
    pub const LOCAL_MOUNT: Self = Self(0x8);
    /// Another stack than o2cb runs the cluster.
    pub const USERSPACE_STACK: Self = Self(0x80);
    /// Slot map entries of 8 bytes.
    pub const EXTENDED_SLOT_MAP: Self = Self(0x100);
    /// Directories with an index.
    pub const INDEXED_DIRS: Self = Self(0x400);
    /// Metadata blocks carry a checksum.
    pub const META_ECC: Self = Self(0x800);
    /// The superblock names the cluster of an o2cb volume.
    pub const CLUSTERINFO: Self = Self(0x4000);

    /// The features above, and the others up to direct I/O beyond the end of a file (0x8000): they
    /// change nothing of what is read here.
    const KNOWN: u32 = 0xfffe;

    /// Returns whether all bits of `feature` are set.
    pub const fn has(self, feature: Self) -> bool {
        self.0 & feature.0 == feature.0
    }

    /// Returns the bits that this version does not know.
    pub const fn unknown(self) -> u32 {
        self.0 & !Self::KNOWN
    }
}
