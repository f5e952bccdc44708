//! Files that one node writes and the other reads.

use std::fs::{self, File};
use std::io::{self, Write};

/// More than a block, and more than one.
const LINES: usize = 1000;

/// How far this node has come with the files of one volume.
#[derive(Default)]
pub struct Files {
    /// The number that this node has written last.
    pub written: u64,
    /// The number that this node has last read of the other's.
    pub seen: u64,
}

impl Files {
    /// Puts the next number in place of the last, in one step and on the disk.
    pub fn write(&mut self, place: &str, node: &str) -> io::Result<()> {
        let number = self.written + 1;
        let fresh = format!("{place}/new-{node}");
        let mut file = File::create(&fresh)?;
        file.write_all(content(node, number).as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, path(place, node))?;
        self.written = number;
        Ok(())
    }

    /// Reads what the other node has written: whole, and never an older one than before.
    pub fn read(&mut self, place: &str, peer: &str) -> Result<(), String> {
        let path = path(place, peer);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.seen == 0 => {
                return Ok(());
            }
            Err(error) => return Err(format!("{path}: {error}")),
        };
        let first = text.lines().next().unwrap_or_default();
        let number = first.rsplit(' ').next().and_then(|word| word.parse().ok());
        match number {
            Some(number) if text == content(peer, number) => {
                if number < self.seen {
                    return Err(format!("{path}: {number} after {}", self.seen));
                }
                self.seen = number;
                Ok(())
            }
            _ => Err(format!(
                "{path}: {} bytes, which begin with {first:?}",
                text.len()
            )),
        }
    }
}

fn path(place: &str, node: &str) -> String {
    format!("{place}/from-{node}")
}

fn content(node: &str, number: u64) -> String {
    format!("{node} {number}\n").repeat(LINES)
}
