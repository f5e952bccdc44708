//! Little-endian fields of a block. A position past the end is an error, never a panic.

/// One block, or the part of it that may be read.
#[derive(Clone, Copy)]
pub(crate) struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    pub fn slice(self, at: usize, len: usize) -> Result<&'a [u8], String> {
        at.checked_add(len)
            .and_then(|end| self.0.get(at..end))
            .ok_or_else(|| format!("it ends before byte {at} + {len}"))
    }

    pub fn array<const N: usize>(self, at: usize) -> Result<[u8; N], String> {
        let bytes = self.slice(at, N)?;
        bytes.try_into().map_err(|_| "it is too short".to_owned())
    }

    pub fn u8(self, at: usize) -> Result<u8, String> {
        self.array(at).map(u8::from_le_bytes)
    }

    pub fn u16(self, at: usize) -> Result<u16, String> {
        self.array(at).map(u16::from_le_bytes)
    }

    pub fn u32(self, at: usize) -> Result<u32, String> {
        self.array(at).map(u32::from_le_bytes)
    }

    pub fn u64(self, at: usize) -> Result<u64, String> {
        self.array(at).map(u64::from_le_bytes)
    }

    pub fn expect(self, at: usize, signature: &[u8], what: &str) -> Result<(), String> {
        if self.slice(at, signature.len())? == signature {
            return Ok(());
        }
        Err(format!("it does not have the signature of {what}"))
    }
}
