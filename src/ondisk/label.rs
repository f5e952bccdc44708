//! The label of a volume.

use std::fmt;

/// A volume's label: up to 64 bytes in no defined encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label(pub(super) Vec<u8>);

impl Label {
    /// Returns the bytes up to the first NUL.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Safe for a terminal: control characters and what is not UTF-8 are escaped.
impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            write!(f, "{}", chunk.valid().escape_debug())?;
            write!(f, "{}", chunk.invalid().escape_ascii())?;
        }
        Ok(())
    }
}
