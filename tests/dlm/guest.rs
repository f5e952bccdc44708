//! The half that runs on a node: `try pr NAME`, `lock ex NAME`, `unlock NAME`, `unlink NAME`,
//! `set NAME VALUE`, `value NAME`, `down`, `up`, `end`; one line of answer for each.

use ocfs2box::disk::VolumeInfo;
use ocfs2box::dlm::{Dlm, Level, Lock, LockName, LockedDown};
use ocfs2box::host::System;
use std::collections::HashMap;
use std::path::Path;

pub fn serve(device: &Path) {
    let system = System::real();
    let volume = VolumeInfo::read(&system, device).expect("a volume");
    let joined = Dlm::initialize(&system, volume, "dlm-test", &mut |_, _| Ok(()));
    let dlm = match joined {
        Ok(dlm) => dlm,
        Err(error) => return println!("error: {error:#}"),
    };
    println!("joined");
    let mut locks = HashMap::new();
    let mut down = None;
    for line in std::io::stdin().lines() {
        let line = line.expect("a line");
        if line == "end" {
            break;
        }
        let answer = act(&dlm, &mut locks, &mut down, &line);
        println!(
            "{}",
            answer.unwrap_or_else(|error| format!("error: {error:#}"))
        );
    }
    drop(locks);
    drop(down);
    let left = dlm.shutdown();
    println!(
        "{}",
        left.map_or_else(
            |error| format!("error: {error:#}"),
            |left| format!("{left:?}")
        )
    );
}

fn act<'d>(
    dlm: &'d Dlm,
    locks: &mut HashMap<String, Lock<'d>>,
    down: &mut Option<LockedDown<'d>>,
    line: &str,
) -> eyre::Result<String> {
    let words: Vec<&str> = line.split(' ').collect();
    let level = |word: &str| match word {
        "pr" => Level::Shared,
        _ => Level::Exclusive,
    };
    let held = |locks: &mut HashMap<String, Lock<'d>>, name: &str| {
        locks.remove(name).expect("a lock that is held")
    };
    let done = Ok("done".to_owned());
    match words.as_slice() {
        ["try", how, name] => match dlm.try_lock(&name.parse::<LockName>()?, level(how))? {
            Some(lock) => locks.insert(name.to_string(), lock),
            None => return Ok("held elsewhere".to_owned()),
        },
        ["lock", how, name] => {
            let lock = dlm.lock(&name.parse()?, level(how))?;
            locks.insert(name.to_string(), lock)
        }
        ["unlock", name] => {
            drop(held(locks, name));
            return done;
        }
        ["unlink", name] => {
            held(locks, name).unlink()?;
            return done;
        }
        ["set", name, value] => {
            locks[*name].set_value(value.as_bytes())?;
            return done;
        }
        ["value", name] => {
            let value = String::from_utf8(locks[*name].value()?)?;
            return Ok(value.trim_end_matches('\0').to_owned());
        }
        ["down"] => {
            return Ok(match dlm.lock_down()? {
                Ok(locked) => {
                    *down = Some(locked);
                    "locked down".to_owned()
                }
                Err(in_use) => format!("{in_use:?}"),
            });
        }
        ["up"] => {
            *down = None;
            return done;
        }
        _ => eyre::bail!("no such line"),
    };
    Ok("taken".to_owned())
}
