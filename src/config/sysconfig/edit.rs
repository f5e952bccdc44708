//! Changes values in the file, and leaves every other line as it was.

use super::lines::{assignments, is_plain};
use super::{Flaw, Sysconfig};
use eyre::{Result, bail};

/// Returns the known keys that the file sets, each with its last value, which counts.
pub fn values(text: &[u8]) -> Result<Vec<(String, String)>, Flaw> {
    let mut values = Vec::new();
    for found in assignments(text, &mut Vec::new())? {
        put(&mut values, found.key, found.value);
    }
    Ok(values)
}

fn put(values: &mut Vec<(String, String)>, key: &str, value: &str) {
    match values.iter_mut().find(|(known, _)| known == key) {
        Some((_, old)) => value.clone_into(old),
        None => values.push((key.to_owned(), value.to_owned())),
    }
}

/// Returns the text with these keys set to these values; an empty value sets nothing.
///
/// # Errors
/// A value that its key cannot have, or a file that is wrong or that cannot hold it.
pub fn set(text: &[u8], changes: &[(&str, impl AsRef<str>)]) -> Result<Vec<u8>> {
    let mut new = text.to_vec();
    let mut wanted = values(text)?;
    for (key, value) in changes {
        let value = value.as_ref();
        let found = assignments(&new, &mut Vec::new())?.into_iter();
        let place = found.rev().find_map(|it| (it.key == *key).then_some(it.at));
        match place {
            Some(at) => {
                new.splice(at, quoted(value).into_bytes());
            }
            None if value.is_empty() => continue,
            None => {
                if new.last().is_some_and(|&byte| byte != b'\n') {
                    new.push(b'\n');
                }
                new.extend(format!("{key}={}\n", quoted(value)).into_bytes());
            }
        }
        put(&mut wanted, key, value);
    }
    Sysconfig::parse(&new)?;
    if values(&new)? != wanted {
        bail!("the file cannot hold this");
    }
    Ok(new)
}

/// Quotes a value for a shell. One with both kinds of quotes would not read back, and is refused.
fn quoted(value: &str) -> String {
    let quote = match value {
        _ if value.chars().all(is_plain) => "",
        _ if value.contains('\'') => "\"",
        _ => "'",
    };
    format!("{quote}{value}{quote}")
}

/// Returns the value as the file has it, if the key can have it; the error's text follows the key.
pub fn checked(key: &str, value: &str) -> Result<String, String> {
    let mut alone = Sysconfig::default();
    if !alone.set(key, value)? {
        return Err("is not a key of this file".into());
    }
    Ok(match key {
        // The C tools' script knows no other values.
        "O2CB_ENABLED" => alone.enabled.to_string(),
        _ => value.to_owned(),
    })
}
