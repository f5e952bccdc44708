//! JSON, for programs.

use crate::host::places::Place;
use crate::report::is_unprintable;
use std::fmt::{self, Write};

/// A value, to be printed on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// Nothing is known, or there is none.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number, which stays below 2^53 here, so that every reader keeps it.
    Number(u64),
    /// Text.
    Text(String),
    /// Values in their order.
    List(Vec<Json>),
    /// Names, each once, and their values.
    Object(Vec<(&'static str, Json)>),
}

impl Json {
    /// Makes a text value.
    pub fn text(text: impl fmt::Display) -> Self {
        Self::Text(text.to_string())
    }

    /// Makes a list of each of `items`, by `each`.
    pub fn list<T>(items: &[T], each: fn(&T) -> Self) -> Self {
        Self::List(items.iter().map(each).collect())
    }
}

/// Makes a [`Json::Object`] of `"name": value, ...`.
macro_rules! object {
    ($($name:literal: $value:expr),+ $(,)?) => {
        $crate::json::Json::Object(vec![$(($name, $value.into())),+])
    };
}
pub(crate) use object;

macro_rules! conversions {
    ($($(#[$doc:meta])* $type:ty: $it:ident => $json:expr;)*) => {$(
        $(#[$doc])*
        impl From<$type> for Json {
            fn from($it: $type) -> Self {
                $json
            }
        }
    )*};
}

conversions! {
    bool: it => Self::Bool(it);
    u8: it => Self::Number(it.into());
    u32: it => Self::Number(it.into());
    u64: it => Self::Number(it);
    &str: it => Self::Text(it.to_owned());
    &String: it => Self::Text(it.clone());
    /// Makes text of bytes such as a path. JSON has no bytes: what is not UTF-8 becomes U+FFFD.
    &[u8]: it => Self::Text(String::from_utf8_lossy(it).into_owned());
    &std::path::PathBuf: it => it.as_os_str().as_encoded_bytes().into();
    &Place: it => object! { "path": &it.point, "process": it.process };
}

impl<T: Into<Json>> From<Option<T>> for Json {
    fn from(it: Option<T>) -> Self {
        it.map_or(Self::Null, Into::into)
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Text(text) => quote(f, text),
            Self::List(items) => enclosed(f, ['[', ']'], items, |f, item| item.fmt(f)),
            Self::Object(members) => enclosed(f, ['{', '}'], members, |f, (name, value)| {
                quote(f, name)?;
                write!(f, ": {value}")
            }),
        }
    }
}

fn enclosed<'f, T>(
    f: &mut fmt::Formatter<'f>,
    [open, close]: [char; 2],
    items: &[T],
    each: fn(&mut fmt::Formatter<'f>, &T) -> fmt::Result,
) -> fmt::Result {
    f.write_char(open)?;
    for (at, item) in items.iter().enumerate() {
        f.write_str(if at == 0 { "" } else { ", " })?;
        each(f, item)?;
    }
    f.write_char(close)
}

/// Escapes more than JSON requires, since a terminal may show it.
fn quote(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            // None of them needs more than four digits.
            c if is_unprintable(c) => write!(f, "\\u{:04x}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_inside_its_quotes() {
        for (bytes, wanted) in [
            (&b""[..], r#""""#),
            (b"\"", r#""\"""#),
            (b"\\\"", r#""\\\"""#),
            (b"a\nb\tc\0", r#""a\u000ab\u0009c\u0000""#),
            (b"\x1b[2J\x7f", r#""\u001b[2J\u007f""#),
            ("\u{9b}ä€😀".as_bytes(), r#""\u009bä€😀""#),
            (
                "\u{202e}x\u{2028}\u{2066}".as_bytes(),
                r#""\u202ex\u2028\u2066""#,
            ),
            (b"a\xff", "\"a\u{fffd}\""),
            (b"\"}, {\"online\": true", r#""\"}, {\"online\": true""#),
        ] {
            assert_eq!(Json::from(bytes).to_string(), wanted);
        }
    }

    #[test]
    fn values_nest() {
        let value = object! {
            "none": Json::Null,
            "yes": true,
            "count": Some(7_u32),
            "missing": None::<u32>,
            "empty": Json::List(Vec::new()),
            "list": Json::list(&["a", "b"], |text| Json::text(text)),
        };
        let wanted = r#"{"none": null, "yes": true, "count": 7, "missing": null, "empty": [], "list": ["a", "b"]}"#;
        assert_eq!(value.to_string(), wanted);
    }
}
