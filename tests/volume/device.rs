//! Opening: what is refused, and in which words.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ocfs2box::disk::Device;
use ocfs2box::ondisk::{ReadBlocks, Superblock};

use crate::common::{Image, TempDir, mkfs, sentence};

#[test]
fn reads_what_is_there_at_any_offset() {
    let dir = TempDir::new();
    let path = dir.path("bytes");
    let bytes: Vec<u8> = (0..20_000u32).map(|at| (at % 251) as u8).collect();
    std::fs::write(&path, &bytes).unwrap();
    let mut device = Device::open(&path).unwrap();
    assert_eq!(
        (device.size(), device.sector(), device.number()),
        (20_000, 512, None)
    );
    for (at, len) in [
        (0, 512),
        (512, 4096),
        (3584, 1024),
        (8192, 11_808),
        (19_999, 1),
        (7, 0),
    ] {
        let found = device.read_at(at, len).unwrap();
        assert_eq!(found, bytes[at as usize..at as usize + len]);
    }
    for (at, len) in [(19_999, 2), (20_000, 512), (1 << 40, 1), (0, usize::MAX)] {
        assert!(device.read_at(at, len).is_err(), "{at} + {len}");
    }
    assert!(!device.read_only(Path::new("/nowhere")).unwrap());
}

#[test]
fn a_volume_in_a_file_with_an_odd_name() {
    let dir = TempDir::new();
    let plain = mkfs(&dir, "plain", 100 << 20, "-b 512 -C 4K -N 1 -J size=4M");
    let odd = dir.path("").join(OsStr::from_bytes(b"n\xffme\n"));
    std::fs::rename(&plain, &odd).unwrap();
    let mut device = Device::open(&odd).unwrap();
    let volume = Superblock::read(&mut device).unwrap();
    let mut image = Image::load(&odd);
    assert_eq!(volume, image.volume());
    assert_eq!(
        volume.heartbeat(&mut device).unwrap(),
        volume.heartbeat(&mut image).unwrap()
    );
}

#[test]
fn each_refusal_has_its_sentence() {
    let dir = TempDir::new();
    let open = |path: &Path| sentence(Device::open(path));
    let (file, fifo, circle) = (dir.path("file"), dir.path("fifo"), dir.path("circle"));
    std::fs::write(&file, "short").unwrap();
    std::os::unix::fs::symlink("circle", &circle).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    assert_eq!(open(&dir.path("none")), "no such device");
    assert_eq!(open(Path::new("")), "no such device");
    assert!(open(&file.join("x")).contains("not a directory"));
    assert!(open(&circle).contains("in a circle"));
    assert!(open(&dir.path("")).contains("name the device, not the mount point"));
    assert_eq!(
        open(Path::new("/dev/null")),
        "not a block device but a character device"
    );
    assert_eq!(open(&fifo), "not a block device but a pipe");

    let said = sentence(Superblock::read(&mut Device::open(&file).unwrap()));
    assert_eq!(said, "too small to be an OCFS2 volume (5 bytes)");
    std::fs::write(&file, vec![0; 1 << 16]).unwrap();
    let said = sentence(Superblock::read(&mut Device::open(&file).unwrap()));
    assert_eq!(said, "not an OCFS2 volume (it is blank)");
}

/// Reads of a broken disk, in words that fit a disk.
#[test]
fn errors_of_the_device_name_the_cause() {
    struct Broken(i32);
    impl ReadBlocks for Broken {
        fn read_at(&mut self, _: u64, _: usize) -> std::io::Result<Vec<u8>> {
            match self.0 {
                0 => Ok(vec![0; 5]),
                errno => Err(std::io::Error::from_raw_os_error(errno)),
            }
        }
        fn sector(&self) -> u32 {
            512
        }
        fn size(&self) -> u64 {
            1 << 30
        }
    }
    for (errno, cause) in [
        (libc::EIO, "I/O error"),
        (libc::ETIMEDOUT, "does not answer"),
        (libc::ENXIO, "is gone"),
        (libc::ENOMEDIUM, "no medium"),
        (0, "ends before it"),
    ] {
        let said = sentence(Superblock::read(&mut Broken(errno)));
        assert!(said.starts_with("cannot read the superblock: "), "{said}");
        assert!(said.contains(cause), "{said}");
    }
}
