//! What no daemon should do.

use super::super::{LENGTH, padded};
use super::Server;
use std::io::Write;
use std::thread;
use std::time::Duration;

impl Server<'_> {
    pub(super) fn misbehave(&mut self, slot: usize, order: &str) {
        let (word, rest) = order.split_once(' ').unwrap_or((order, ""));
        let half = &[b'S'; LENGTH / 2];
        match word {
            "silence" => {}
            "end" => self.end(slot),
            "half" => {
                self.write(slot, half, b"half");
                self.end(slot);
            }
            "stall" => self.write(slot, half, b"half"),
            "drip" => {
                self.write(slot, b"", b"drip");
                let client = self.clients[slot].as_ref().unwrap();
                let mut stream = client.stream.try_clone().unwrap();
                // Until the client listens no more.
                thread::spawn(move || {
                    while stream.write_all(b"S").is_ok() {
                        thread::sleep(Duration::from_millis(100));
                    }
                });
            }
            "say" => {
                // In one piece, so that all is there when the first is read.
                let texts = rest.split('|').map(|text| padded(text).to_vec());
                let bytes = texts.collect::<Vec<_>>().concat();
                self.write(slot, &bytes, rest.as_bytes());
            }
            "raw" => self.write(slot, &[rest.parse().expect("a byte"); LENGTH], b"raw"),
            _ => panic!("no such order: {order}"),
        }
    }
}
