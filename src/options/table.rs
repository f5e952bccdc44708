//! The options, by the program that they are for.

use rustix::mount::MountFlags;

/// `MS_REMOUNT`, which rustix keeps out of [`MountFlags`].
pub const REMOUNT: MountFlags = MountFlags::from_bits_retain(32);

const NONE: MountFlags = MountFlags::empty();
const RDONLY: MountFlags = MountFlags::RDONLY;
const NOSUID: MountFlags = MountFlags::NOSUID;
const NODEV: MountFlags = MountFlags::NODEV;
const NOEXEC: MountFlags = MountFlags::NOEXEC;
const SYNC: MountFlags = MountFlags::SYNCHRONOUS;
const MAND: MountFlags = MountFlags::PERMIT_MANDATORY_FILE_LOCKING;
const NOATIME: MountFlags = MountFlags::NOATIME;
const NODIRATIME: MountFlags = MountFlags::NODIRATIME;
const RELATIME: MountFlags = MountFlags::RELATIME;
const STRICTATIME: MountFlags = MountFlags::STRICTATIME;
const LAZYTIME: MountFlags = MountFlags::LAZYTIME;
const SILENT: MountFlags = MountFlags::SILENT;
const NOSYMFOLLOW: MountFlags = MountFlags::NOSYMFOLLOW;
/// `MS_I_VERSION`.
const IVERSION: MountFlags = MountFlags::from_bits_retain(1 << 23);
/// The flags that a mount by a plain user implies.
const OWNER: MountFlags = NOSUID.union(NODEV);
const USER: MountFlags = OWNER.union(NOEXEC);

/// The options, with the flags they set and the flags they clear. `-v` shows them in this order,
/// and of several options for one flag the first.
pub(super) static FLAGS: &[(&str, MountFlags, MountFlags)] = &[
    ("ro", RDONLY, NONE),
    ("rw", NONE, RDONLY),
    ("noexec", NOEXEC, NONE),
    ("exec", NONE, NOEXEC),
    ("nosuid", NOSUID, NONE),
    ("suid", NONE, NOSUID),
    ("nodev", NODEV, NONE),
    ("dev", NONE, NODEV),
    ("sync", SYNC, NONE),
    ("async", NONE, SYNC),
    ("dirsync", MountFlags::DIRSYNC, NONE),
    ("remount", REMOUNT, NONE),
    ("bind", MountFlags::BIND, NONE),
    ("silent", SILENT, NONE),
    ("quiet", SILENT, NONE),
    ("loud", NONE, SILENT),
    ("mand", MAND, NONE),
    ("nomand", NONE, MAND),
    ("noatime", NOATIME, NONE),
    ("atime", NONE, NOATIME),
    ("relatime", RELATIME, NONE),
    ("norelatime", NONE, RELATIME),
    ("nodiratime", NODIRATIME, NONE),
    ("diratime", NONE, NODIRATIME),
    ("strictatime", STRICTATIME, NONE),
    ("nostrictatime", NONE, STRICTATIME),
    ("lazytime", LAZYTIME, NONE),
    ("nolazytime", NONE, LAZYTIME),
    ("iversion", IVERSION, NONE),
    ("noiversion", NONE, IVERSION),
    ("nosymfollow", NOSYMFOLLOW, NONE),
    ("symfollow", NONE, NOSYMFOLLOW),
    ("user", USER, NONE),
    ("users", USER, NONE),
    ("pamconsole", USER, NONE),
    ("owner", OWNER, NONE),
    ("group", OWNER, NONE),
];

/// Options, with or without a value, for mount(8), fstab and its readers, besides all that begin
/// with `x-` or `X-`. mount(8) sets propagation after the helper.
pub(super) static IGNORED: &[&str] = &[
    "defaults",
    "auto",
    "noauto",
    "nofail",
    "_netdev",
    "nouser",
    "nousers",
    "noowner",
    "nogroup",
    "comment",
    "helper",
    "uhelper",
    "loop",
    "offset",
    "sizelimit",
    "encryption",
    "vfs",
    "speed",
    "kudzu",
    "managed",
    "nopamconsole",
    "shared",
    "rshared",
    "slave",
    "rslave",
    "private",
    "rprivate",
    "unbindable",
    "runbindable",
];

/// The value that an option of the driver may have.
pub(super) enum Value {
    None,
    Any,
    Number,
    OneOf(&'static [&'static str]),
    Maybe(&'static [&'static str]),
}

/// The options that the driver knows (6.1 and 6.12), and the labels that the security modules
/// remove from the string before the driver sees it. `nocluster=yes` is our own.
pub(super) static KERNEL: &[(&str, Value)] = &[
    ("barrier", Value::Number),
    ("errors", Value::OneOf(&["panic", "remount-ro", "continue"])),
    ("intr", Value::None),
    ("nointr", Value::None),
    ("heartbeat", Value::OneOf(&["none", "local", "global"])),
    ("data", Value::OneOf(&["ordered", "writeback"])),
    ("atime_quantum", Value::Number),
    ("preferred_slot", Value::Number),
    ("commit", Value::Number),
    ("localalloc", Value::Number),
    ("localflocks", Value::None),
    ("cluster_stack", Value::Any),
    ("user_xattr", Value::None),
    ("nouser_xattr", Value::None),
    ("inode64", Value::None),
    ("acl", Value::None),
    ("noacl", Value::None),
    ("usrquota", Value::None),
    ("grpquota", Value::None),
    ("coherency", Value::OneOf(&["buffered", "full"])),
    ("resv_level", Value::Number),
    ("dir_resv_level", Value::Number),
    ("journal_async_commit", Value::None),
    ("nocluster", Value::Maybe(&["yes"])),
    ("context", Value::Any),
    ("fscontext", Value::Any),
    ("defcontext", Value::Any),
    ("rootcontext", Value::Any),
    ("seclabel", Value::None),
];
