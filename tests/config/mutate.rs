//! Damage, the same in each run.

/// Xorshift: no quality needed, only the same numbers each time.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Less than `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }
}

/// What a parser might trip over.
const PIECES: [&[u8]; 34] = [
    b"\n",
    b"\n\n",
    b"\r\n",
    b"\t",
    b" ",
    b"\\\n",
    b"\\",
    b"#",
    b"=",
    b":",
    b"\0",
    b"\xff",
    "é".as_bytes(),
    b"\"",
    b"'",
    b"$",
    b"$(",
    b"`",
    b";",
    b"&&",
    b"0",
    b"9",
    b"-",
    b"+",
    b"256",
    b"18446744073709551616",
    b"node:\n",
    b"cluster:\n",
    b"\tcluster = c\n",
    b"\tname = n2\n",
    b"\x0b",
    b"\x0c",
    b"O2CB_ENABLED=1\n",
    b"if",
];

/// One to four changes to `text`.
pub fn mutant(random: &mut Random, text: &[u8]) -> Vec<u8> {
    let mut text = text.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(text.len() + 1);
        match random.below(6) {
            0 => text.truncate(at),
            1 => flip(random, &mut text, at),
            2 => remove(random, &mut text, at),
            3 => copy_line(random, &mut text),
            _ => {
                let piece = PIECES[random.below(PIECES.len())];
                text.splice(at..at, piece.iter().copied());
            }
        }
    }
    text
}

fn flip(random: &mut Random, text: &mut [u8], at: usize) {
    let bit = random.below(8);
    if let Some(byte) = text.get_mut(at) {
        *byte ^= 1 << bit;
    }
}

fn remove(random: &mut Random, text: &mut Vec<u8>, at: usize) {
    let end = text.len().min(at + 1 + random.below(6));
    text.drain(at..end.max(at));
}

/// A line again, somewhere else.
fn copy_line(random: &mut Random, text: &mut Vec<u8>) {
    let mut lines: Vec<Vec<u8>> = text
        .split_inclusive(|&b| b == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    if !lines.is_empty() {
        let line = lines[random.below(lines.len())].clone();
        lines.insert(random.below(lines.len() + 1), line);
    }
    *text = lines.concat();
}
