//! The options, by the program that they are for.

use rustix::mount::MountFlags;

/// `MS_REMOUNT`, which rustix keeps out of [`MountFlags`].
pub const REMOUNT: MountFlags = MountFlags::from_bits_retain(32);
/// `MS_I_VERSION`.
const IVERSION: MountFlags = MountFlags::from_bits_retain(1 << 23);
/// The flags that a mount by a plain user implies.
const OWNER: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV);
const USER: MountFlags = OWNER.union(MountFlags::NOEXEC);

/// The options that set flags, those that clear them, and the flags. `-v` shows them in this order,
/// and of several options for one flag the first.
pub(super) static FLAGS: &[(&str, &str, MountFlags)] = &[
    ("ro", "rw", MountFlags::RDONLY),
    ("noexec", "exec", MountFlags::NOEXEC),
    ("nosuid", "suid", MountFlags::NOSUID),
    ("nodev", "dev", MountFlags::NODEV),
    ("sync", "async", MountFlags::SYNCHRONOUS),
    ("dirsync", "", MountFlags::DIRSYNC),
    ("remount", "", REMOUNT),
    ("bind", "", MountFlags::BIND),
    ("silent", "loud", MountFlags::SILENT),
    ("quiet", "", MountFlags::SILENT),
    ("mand", "nomand", MountFlags::PERMIT_MANDATORY_FILE_LOCKING),
    ("noatime", "atime", MountFlags::NOATIME),
    ("relatime", "norelatime", MountFlags::RELATIME),
    ("nodiratime", "diratime", MountFlags::NODIRATIME),
    ("strictatime", "nostrictatime", MountFlags::STRICTATIME),
    ("lazytime", "nolazytime", MountFlags::LAZYTIME),
    ("iversion", "noiversion", IVERSION),
    ("nosymfollow", "symfollow", MountFlags::NOSYMFOLLOW),
    ("user", "", USER),
    ("users", "", USER),
    ("pamconsole", "", USER),
    ("owner", "", OWNER),
    ("group", "", OWNER),
];

/// Options, with or without a value, for mount(8), fstab and its readers, besides all that begin
/// with `x-` or `X-`. mount(8) sets propagation after the helper.
pub(super) static IGNORED: &str = "defaults auto noauto nofail _netdev nouser nousers noowner \
     nogroup comment helper uhelper loop offset sizelimit encryption vfs speed kudzu managed \
     nopamconsole shared rshared slave rslave private rprivate unbindable runbindable";

/// The value that an option of the driver may have.
pub(super) enum Value {
    None,
    Any,
    Number,
    OneOf(&'static [&'static str]),
    Maybe(&'static [&'static str]),
}

/// The options that the driver knows (6.1 and 6.12), by their values, and the labels that the
/// security modules remove from the string before the driver sees it. `nocluster=yes` is our own.
pub(super) static KERNEL: &[(&str, Value)] = &[
    (
        "intr nointr localflocks user_xattr nouser_xattr inode64 acl noacl usrquota grpquota \
         journal_async_commit seclabel",
        Value::None,
    ),
    (
        "cluster_stack context fscontext defcontext rootcontext",
        Value::Any,
    ),
    (
        "barrier atime_quantum preferred_slot commit localalloc resv_level dir_resv_level",
        Value::Number,
    ),
    ("errors", Value::OneOf(&["panic", "remount-ro", "continue"])),
    ("heartbeat", Value::OneOf(&["none", "local", "global"])),
    ("data", Value::OneOf(&["ordered", "writeback"])),
    ("coherency", Value::OneOf(&["buffered", "full"])),
    ("nocluster", Value::Maybe(&["yes"])),
];
