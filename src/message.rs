//! Values as bytes, for the messages between this process and its children.
//!
//! Both ends are one program, so that a message has no version. A child that goes wrong may send
//! anything: what is no value is `None`, never a panic.

use crate::error::errno;
use eyre::{Report, eyre};
use rustix::io::Errno;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// A value that a message can carry.
pub trait Message: Sized {
    /// Appends the value.
    fn put(&self, to: &mut Vec<u8>);

    /// Takes the value from the front of `from`; `None` where there is no such value.
    fn take(from: &mut &[u8]) -> Option<Self>;
}

/// Returns the bytes of `value`.
pub fn to_bytes(value: &impl Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.put(&mut bytes);
    bytes
}

/// Returns the value whose bytes these are, all of them.
pub fn from_bytes<T: Message>(mut bytes: &[u8]) -> Option<T> {
    let value = T::take(&mut bytes)?;
    bytes.is_empty().then_some(value)
}

/// Makes a type with these fields, or with these variants and their numbers, a [`Message`].
macro_rules! message {
    (struct $type:ident { $($field:tt),* }) => {
        impl $crate::message::Message for $type {
            fn put(&self, to: &mut Vec<u8>) {
                $($crate::message::Message::put(&self.$field, to);)*
            }

            fn take(from: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: $crate::message::Message::take(from)?),* })
            }
        }
    };
    (
        enum $type:ident $(<$($of:ident),*>)?
        { $($number:literal = $variant:ident $(($($field:ident),*))?),* }
    ) => {
        impl$(<$($of: $crate::message::Message),*>)? $crate::message::Message
            for $type$(<$($of),*>)?
        {
            fn put(&self, to: &mut Vec<u8>) {
                match self {
                    $(Self::$variant $(($($field),*))? => {
                        to.push($number);
                        $($($crate::message::Message::put($field, to);)*)?
                    })*
                }
            }

            fn take(from: &mut &[u8]) -> Option<Self> {
                match <[u8; 1] as $crate::message::Message>::take(from)? {
                    $([$number] => {
                        $($(let $field = $crate::message::Message::take(from)?;)*)?
                        Some(Self::$variant $(($($field),*))?)
                    })*
                    _ => None,
                }
            }
        }
    };
}

impl<const N: usize> Message for [u8; N] {
    fn put(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(self);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let (value, rest) = from.split_first_chunk()?;
        *from = rest;
        Some(*value)
    }
}

macro_rules! numbers {
    ($($type:ident)*) => {$(
        impl Message for $type {
            fn put(&self, to: &mut Vec<u8>) {
                to.extend_from_slice(&self.to_le_bytes());
            }

            fn take(from: &mut &[u8]) -> Option<Self> {
                Message::take(from).map(Self::from_le_bytes)
            }
        }
    )*};
}

// Without u8: a list of it is a message of its own.
numbers!(i32 u32 u64);

impl Message for bool {
    fn put(&self, to: &mut Vec<u8>) {
        [u8::from(*self)].put(to);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        <[u8; 1]>::take(from).map(|byte| byte != [0])
    }
}

impl Message for () {
    fn put(&self, _: &mut Vec<u8>) {}

    fn take(_: &mut &[u8]) -> Option<Self> {
        Some(())
    }
}

impl<A: Message, B: Message> Message for (A, B) {
    fn put(&self, to: &mut Vec<u8>) {
        self.0.put(to);
        self.1.put(to);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Some((A::take(from)?, B::take(from)?))
    }
}

message!(enum Option<T> { 0 = None, 1 = Some(value) });
message!(enum Result<T, E> { 0 = Err(error), 1 = Ok(value) });

impl<T: Message> Message for Vec<T> {
    fn put(&self, to: &mut Vec<u8>) {
        (self.len() as u64).put(to);
        self.iter().for_each(|value| value.put(to));
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let count = u64::take(from)?;
        (0..count).map(|_| T::take(from)).collect()
    }
}

fn put_bytes(bytes: &[u8], to: &mut Vec<u8>) {
    (bytes.len() as u64).put(to);
    to.extend_from_slice(bytes);
}

// Not byte by byte: a channel takes what has come of a long message again and again.
impl Message for Vec<u8> {
    fn put(&self, to: &mut Vec<u8>) {
        put_bytes(self, to);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let length = usize::try_from(u64::take(from)?).ok()?;
        let (bytes, rest) = from.split_at_checked(length)?;
        *from = rest;
        Some(bytes.to_vec())
    }
}

impl Message for String {
    fn put(&self, to: &mut Vec<u8>) {
        put_bytes(self.as_bytes(), to);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Self::from_utf8(Message::take(from)?).ok()
    }
}

impl Message for PathBuf {
    fn put(&self, to: &mut Vec<u8>) {
        put_bytes(self.as_os_str().as_bytes(), to);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Message::take(from).map(|bytes| OsString::from_vec(bytes).into())
    }
}

/// A system error keeps its number; of another, only whether something is absent arrives.
impl Message for io::Error {
    fn put(&self, to: &mut Vec<u8>) {
        let other = match crate::host::is_absent(self) {
            true => libc::ENOENT,
            false => libc::EIO,
        };
        self.raw_os_error().unwrap_or(other).put(to);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        i32::take(from).map(Self::from_raw_os_error)
    }
}

/// The whole text arrives, and a system error in it stays one.
impl Message for Report {
    fn put(&self, to: &mut Vec<u8>) {
        errno(self).map(Errno::raw_os_error).put(to);
        format!("{self:#}").put(to);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let (errno, text) = <(Option<i32>, String)>::take(from)?;
        let Some(errno) = errno else {
            return Some(eyre!(text));
        };
        let cause = io::Error::from_raw_os_error(errno);
        let doing = text.strip_suffix(&cause.to_string()).unwrap_or(&text);
        let doing = doing.trim_end_matches(": ").to_owned();
        let report = Self::new(cause);
        Some(match doing.is_empty() {
            true => report,
            false => report.wrap_err(doing),
        })
    }
}

#[cfg(test)]
mod tests;
