//! Shared disks: image files that every node of a lab sees as `/dev/ubdX`.

use std::cell::RefCell;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::CLUSTER;

/// Where Debian puts it; ordinary users lack the directory in their PATH.
const MKFS: &str = "/usr/sbin/mkfs.ocfs2";

/// Offset of the volume's UUID in the superblock: the dinode's union at 0xC0,
/// the UUID at 0x90 in the superblock's body.
const UUID_OFFSET: u64 = 0xC0 + 0x90;

/// One shared disk. Nodes booted after its making have it.
#[derive(Clone, Debug)]
pub struct Disk {
    image: PathBuf,
    device: String,
    block_size: u64,
}

impl Disk {
    /// The image file on the host.
    pub fn image(&self) -> &Path {
        &self.image
    }

    /// The disk's name in every node, such as `/dev/ubda`.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// The disk's name in the kernel, such as `ubda`.
    pub fn name(&self) -> &str {
        self.device.trim_start_matches("/dev/")
    }

    /// The directory of the volume's heartbeat region, in a node whose cluster is online.
    pub fn region(&self) -> String {
        format!(
            "/sys/kernel/config/cluster/{CLUSTER}/heartbeat/{}",
            self.uuid()
        )
    }

    /// The key of the region's semaphores, signed as the kernel shows it.
    pub fn key(&self) -> i32 {
        let key = !ocfs2box::crc::update(!0, self.uuid().as_bytes());
        i32::from_ne_bytes(key.to_ne_bytes())
    }

    /// The volume's UUID as the tools write it: 32 upper-case digits.
    pub fn uuid(&self) -> String {
        let bytes: [u8; 16] = self.read(2 * self.block_size + UUID_OFFSET);
        bytes.iter().map(|byte| format!("{byte:02X}")).collect()
    }

    /// Bytes of the disk as they are at this moment.
    pub fn read<const N: usize>(&self, offset: u64) -> [u8; N] {
        let mut bytes = [0; N];
        File::open(&self.image)
            .and_then(|image| image.read_exact_at(&mut bytes, offset))
            .unwrap_or_else(|error| panic!("{}: {error}", self.image.display()));
        bytes
    }
}

/// What a disk is to be like: see [`super::Lab::disk`].
#[must_use]
pub struct DiskBuilder<'lab> {
    disks: &'lab RefCell<Vec<Disk>>,
    image: PathBuf,
    size_mb: u64,
    block_size: u64,
    cluster_size: u64,
    slots: u32,
    stack: Vec<String>,
    extra: Vec<String>,
}

impl<'lab> DiskBuilder<'lab> {
    pub(super) fn new(disks: &'lab RefCell<Vec<Disk>>, image: PathBuf) -> Self {
        DiskBuilder {
            disks,
            image,
            size_mb: 64,
            block_size: 4096,
            cluster_size: 4096,
            slots: 4,
            stack: Vec::new(),
            extra: Vec::new(),
        }
        .cluster("o2cb", CLUSTER)
    }

    pub fn size_mb(mut self, size: u64) -> Self {
        self.size_mb = size;
        self
    }

    pub fn block_size(mut self, bytes: u64) -> Self {
        self.block_size = bytes;
        self
    }

    pub fn cluster_size(mut self, bytes: u64) -> Self {
        self.cluster_size = bytes;
        self
    }

    pub fn slots(mut self, slots: u32) -> Self {
        self.slots = slots;
        self
    }

    pub fn label(self, label: &str) -> Self {
        self.mkfs_args(&["-L", label])
    }

    /// The stack and the cluster that the volume belongs to.
    pub fn cluster(mut self, stack: &str, name: &str) -> Self {
        self.stack = vec![
            format!("--cluster-stack={stack}"),
            format!("--cluster-name={name}"),
        ];
        self
    }

    /// A volume that names no cluster: works with whichever is online.
    pub fn classic(mut self) -> Self {
        self.stack.clear();
        self
    }

    /// A volume for one machine alone.
    pub fn local(mut self) -> Self {
        self.stack = vec!["-M".into(), "local".into()];
        self
    }

    /// Anything else for mkfs.ocfs2, such as `--global-heartbeat`.
    pub fn mkfs_args(mut self, args: &[&str]) -> Self {
        self.extra.extend(args.iter().map(|arg| arg.to_string()));
        self
    }

    /// Makes the disk with a new OCFS2 volume on it.
    pub fn format(self) -> Disk {
        self.make_image();
        let output = Command::new(MKFS)
            .args(["-q", "-F", "-J", "size=4M", "--no-backup-super"])
            .args(["-b", &self.block_size.to_string()])
            .args(["-C", &self.cluster_size.to_string()])
            .args(["-N", &self.slots.to_string()])
            .args(&self.stack)
            .args(&self.extra)
            .arg(&self.image)
            .output()
            .unwrap_or_else(|error| panic!("{MKFS}: {error} (install ocfs2-tools)"));
        assert!(
            output.status.success(),
            "{MKFS} failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        self.attach()
    }

    /// Makes the disk with nothing but zeros on it.
    pub fn blank(self) -> Disk {
        self.make_image();
        self.attach()
    }

    fn make_image(&self) {
        File::create_new(&self.image)
            .and_then(|file| file.set_len(self.size_mb << 20))
            .unwrap_or_else(|error| panic!("{}: {error}", self.image.display()));
    }

    fn attach(self) -> Disk {
        let mut disks = self.disks.borrow_mut();
        let letter = char::from(b'a' + disks.len() as u8);
        let disk = Disk {
            image: self.image,
            device: format!("/dev/ubd{letter}"),
            block_size: self.block_size,
        };
        disks.push(disk.clone());
        disk
    }
}
