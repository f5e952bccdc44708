//! Images, what debugfs.ocfs2 says about them, and sources that watch the reads.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use ocfs2box::ondisk::{ReadBlocks, Superblock};

/// Bytes from the start of an image that hold all metadata of the tests.
pub const HEAD: usize = 8 << 20;

/// A directory that goes away with its value. Not in /tmp, which may refuse O_DIRECT.
pub struct TempDir(PathBuf);

impl TempDir {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("volume-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn tool(name: &str, args: &[&str], image: &Path) -> Output {
    let output = Command::new(name)
        .env("LC_ALL", "C")
        .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
        .args(args)
        .arg(image)
        .stdin(std::process::Stdio::null())
        .output();
    match output {
        Ok(output) => output,
        Err(error) => panic!("{name}: {error}: run tests/run.sh once, it installs ocfs2-tools"),
    }
}

/// Makes a sparse image; `args` are words for mkfs.ocfs2.
pub fn mkfs(dir: &TempDir, name: &str, size: u64, args: &str) -> PathBuf {
    let image = dir.path(name);
    File::create(&image).unwrap().set_len(size).unwrap();
    let words: Vec<&str> = ["-q"].into_iter().chain(args.split_whitespace()).collect();
    let output = tool("mkfs.ocfs2", &words, &image);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "mkfs.ocfs2 {args}: {said}");
    image
}

/// What each of the commands of debugfs.ocfs2 prints.
pub fn debugfs(image: &Path, commands: &[&str]) -> Vec<String> {
    let file = image.with_extension("commands");
    std::fs::write(&file, commands.join("\n") + "\n").unwrap();
    let output = tool("debugfs.ocfs2", &["-f", file.to_str().unwrap()], image);
    let text = String::from_utf8(output.stdout).unwrap();
    // It repeats each command before the answer.
    let answers: Vec<_> = text.split("debugfs: ").skip(1).map(str::to_owned).collect();
    assert_eq!(answers.len(), commands.len(), "{text}");
    answers
}

/// The first word after `key`.
pub fn word<'a>(text: &'a str, key: &str) -> &'a str {
    let rest = text
        .split_once(key)
        .unwrap_or_else(|| panic!("no {key} in {text}"));
    rest.1.split_whitespace().next().unwrap_or_default()
}

pub fn number<T: std::str::FromStr>(text: &str, key: &str) -> T {
    let word = word(text, key);
    word.parse().unwrap_or_else(|_| panic!("{key} {word}"))
}

/// The check field of a block at byte `at` (`ocfs2_block_check`).
pub fn check_field(block: &[u8], at: usize) -> [u8; 8] {
    let mut block = block.to_vec();
    block[at..at + 8].fill(0);
    let [a, b, c, d] = ocfs2box::crc::update(!0, &block).to_le_bytes();
    // The data bits have the positions that are no powers of two.
    let positions = (1..).filter(|position: &u16| !position.is_power_of_two());
    let bits = block
        .iter()
        .flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1));
    let set = bits.zip(positions).filter(|(bit, _)| *bit == 1);
    let [e, f] = set
        .fold(0, |parity, (_, position)| parity ^ position)
        .to_le_bytes();
    [a, b, c, d, e, f, 0, 0]
}

/// The part of an image that holds metadata; what lies behind it reads as zeroes.
#[derive(Clone)]
pub struct Image {
    pub bytes: Vec<u8>,
    pub size: u64,
    pub sector: u32,
    /// Offset and length of each read so far.
    pub reads: Vec<(u64, usize)>,
}

impl Image {
    pub fn load(path: &Path) -> Self {
        let file = File::open(path).unwrap();
        let size = file.metadata().unwrap().len();
        let mut bytes = vec![0; HEAD.min(size as usize)];
        file.read_exact_at(&mut bytes, 0).unwrap();
        Self {
            bytes,
            size,
            sector: 512,
            reads: Vec::new(),
        }
    }

    pub fn make(size: u64, args: &str) -> Self {
        let dir = TempDir::new();
        Self::load(&mkfs(&dir, "image", size, args))
    }

    pub fn volume(&mut self) -> Superblock {
        Superblock::read(self).unwrap()
    }
}

impl ReadBlocks for Image {
    fn read_at(&mut self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let end = offset.checked_add(len as u64).expect("no overflow");
        assert!(len > 0 && end <= self.size, "{offset} + {len} is outside");
        assert!(
            offset.is_multiple_of(u64::from(self.sector)),
            "{offset} is inside a sector"
        );
        assert!(
            len.is_multiple_of(self.sector as usize),
            "{len} ends inside a sector"
        );
        self.reads.push((offset, len));
        let start = self.bytes.len().min(offset as usize);
        let mut bytes = self.bytes[start..self.bytes.len().min(end as usize)].to_vec();
        bytes.resize(len, 0);
        Ok(bytes)
    }

    fn sector(&self) -> u32 {
        self.sector
    }

    fn size(&self) -> u64 {
        self.size
    }
}

/// The error of an outcome that must be one, as the user reads it.
pub fn sentence<T: std::fmt::Debug>(result: eyre::Result<T>) -> String {
    format!("{:#}", result.expect_err("an error"))
}
