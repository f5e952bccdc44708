//! What is done to a volume, and harmed at each of its steps.

/// How a volume is found before the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// No cluster is online.
    Offline,
    /// The cluster is online, nothing uses the volume.
    Idle,
    /// Mounted in one place.
    Mounted,
    /// Mounted in two places.
    MountedTwice,
    /// Mounted in one place, where a file is open that is closed after the command.
    Busy,
    /// As many programs hold the heartbeat.
    Held(u32),
    /// An unmount without umount.ocfs2 has left its heartbeat behind.
    Abandoned,
}

/// What keeps the volume's group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stack {
    O2cb,
    /// The peer that plays ocfs2_controld.
    Cman,
}

/// What a command promises that ends with 0 and says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// Mounted in as many places, the heartbeat its superblock's alone.
    Mounted(usize),
    /// As many programs hold the heartbeat; none: it has stopped.
    Held(u32),
    /// Refused, and mounted in as many places.
    Refused(usize),
    Online,
    Offline,
}

pub struct Case {
    pub name: &'static str,
    pub stack: Stack,
    pub before: Before,
    /// DEVICE, DIRECTORY, SECOND and UUID stand for the volume's own.
    pub command: &'static [&'static str],
    pub aim: Aim,
    /// The command's processes in the order in which it forks them.
    pub roles: &'static [&'static str],
    /// One cell waits for a heartbeat to start, or takes next to no time.
    pub waits: bool,
}

const MOUNT: &str = "/usr/sbin/mount.ocfs2";
const UMOUNT: &str = "/usr/sbin/umount.ocfs2";
const HB_CTL: &str = "/usr/sbin/ocfs2_hb_ctl";
const O2CB: &str = "/usr/sbin/o2cb";

pub const CASES: [Case; 18] = [
    Case {
        name: "first mount",
        stack: Stack::O2cb,
        before: Before::Idle,
        command: &[MOUNT, "DEVICE", "DIRECTORY"],
        aim: Aim::Mounted(1),
        roles: &["applet", "reader", "starter"],
        waits: true,
    },
    Case {
        name: "second mount",
        stack: Stack::O2cb,
        before: Before::Mounted,
        command: &[MOUNT, "DEVICE", "SECOND"],
        aim: Aim::Mounted(2),
        roles: &["applet", "reader"],
        waits: false,
    },
    Case {
        name: "last unmount",
        stack: Stack::O2cb,
        before: Before::Mounted,
        command: &[UMOUNT, "DIRECTORY"],
        aim: Aim::Held(0),
        roles: &["applet", "unmounter"],
        waits: true,
    },
    Case {
        name: "unmount of two",
        stack: Stack::O2cb,
        before: Before::MountedTwice,
        command: &[UMOUNT, "SECOND"],
        aim: Aim::Mounted(1),
        roles: &["applet", "unmounter"],
        waits: false,
    },
    Case {
        name: "lazy unmount",
        stack: Stack::O2cb,
        before: Before::Busy,
        command: &[UMOUNT, "-l", "DIRECTORY"],
        aim: Aim::Held(0),
        roles: &["applet", "unmounter", "waiter"],
        waits: true,
    },
    Case {
        name: "hb_ctl -S",
        stack: Stack::O2cb,
        before: Before::Idle,
        command: &[HB_CTL, "-S", "-d", "DEVICE", "judge"],
        aim: Aim::Held(1),
        roles: &["applet", "reader", "starter"],
        waits: true,
    },
    Case {
        name: "hb_ctl -S again",
        stack: Stack::O2cb,
        before: Before::Held(1),
        command: &[HB_CTL, "-S", "-d", "DEVICE", "judge"],
        aim: Aim::Held(2),
        roles: &["applet", "reader"],
        waits: false,
    },
    Case {
        name: "hb_ctl -K of two",
        stack: Stack::O2cb,
        before: Before::Held(2),
        command: &[HB_CTL, "-K", "-d", "DEVICE", "judge"],
        aim: Aim::Held(1),
        roles: &["applet", "reader"],
        waits: false,
    },
    Case {
        name: "hb_ctl -K",
        stack: Stack::O2cb,
        before: Before::Held(1),
        command: &[HB_CTL, "-K", "-d", "DEVICE", "judge"],
        aim: Aim::Held(0),
        roles: &["applet", "reader"],
        waits: true,
    },
    Case {
        name: "hb_ctl -K -u, as the kernel",
        stack: Stack::O2cb,
        before: Before::Abandoned,
        command: &[HB_CTL, "-K", "-u", "UUID"],
        aim: Aim::Held(0),
        roles: &["applet"],
        waits: true,
    },
    Case {
        name: "repair",
        stack: Stack::O2cb,
        before: Before::Abandoned,
        command: &[HB_CTL, "--repair", "-u", "UUID"],
        aim: Aim::Held(0),
        roles: &["applet", "repair"],
        waits: true,
    },
    Case {
        name: "o2cb online",
        stack: Stack::O2cb,
        before: Before::Offline,
        command: &[O2CB, "online", "webc"],
        aim: Aim::Online,
        roles: &["applet"],
        waits: false,
    },
    Case {
        name: "o2cb offline",
        stack: Stack::O2cb,
        before: Before::Idle,
        command: &[O2CB, "offline", "webc"],
        aim: Aim::Offline,
        roles: &["applet"],
        waits: false,
    },
    Case {
        name: "o2cb offline, left over",
        stack: Stack::O2cb,
        before: Before::Abandoned,
        command: &[O2CB, "offline", "webc"],
        aim: Aim::Offline,
        roles: &["applet"],
        waits: true,
    },
    Case {
        name: "cman, first mount",
        stack: Stack::Cman,
        before: Before::Idle,
        command: &[MOUNT, "DEVICE", "DIRECTORY"],
        aim: Aim::Mounted(1),
        roles: &["applet", "reader"],
        waits: false,
    },
    Case {
        name: "cman, second mount",
        stack: Stack::Cman,
        before: Before::Mounted,
        command: &[MOUNT, "DEVICE", "SECOND"],
        aim: Aim::Mounted(2),
        roles: &["applet", "reader"],
        waits: false,
    },
    Case {
        name: "cman, failed second mount",
        stack: Stack::Cman,
        before: Before::Mounted,
        command: &[MOUNT, "-o", "ro", "DEVICE", "SECOND"],
        aim: Aim::Refused(1),
        roles: &["applet", "reader"],
        waits: false,
    },
    Case {
        name: "cman, last unmount",
        stack: Stack::Cman,
        before: Before::Mounted,
        command: &[UMOUNT, "DIRECTORY"],
        aim: Aim::Held(0),
        roles: &["applet", "unmounter"],
        waits: false,
    },
];

impl Case {
    pub fn named(name: &str) -> Option<&'static Case> {
        CASES.iter().find(|case| case.name == name)
    }

    /// Works on the whole node.
    pub fn is_the_nodes(&self) -> bool {
        matches!(self.aim, Aim::Online | Aim::Offline)
    }

    /// No other volume can be tried beside it: the calls of others would tidy up what it
    /// begins with.
    pub fn needs_the_node(&self) -> bool {
        self.is_the_nodes() || self.before == Before::Abandoned
    }

    /// What to call one of its processes.
    pub fn role(&self, process: usize) -> &'static str {
        self.roles.get(process).copied().unwrap_or("another child")
    }
}
