//! What configfs makes of a directory, and what its attributes take (fs/ocfs2/cluster).

use super::Era;
use super::kernel::FakeKernel;
use std::fs;
use std::io;
use std::path::Path;

type Error = i32;

impl FakeKernel {
    /// The attributes that come with a directory of configfs, by its path below `cluster`.
    pub fn furnish(&self, path: &Path, parts: &[&str]) {
        let now = self.era() == Era::Now;
        let files: &[(&str, &str)] = match parts {
            [_] => &[
                ("idle_timeout_ms", "30000\n"),
                ("keepalive_delay_ms", "2000\n"),
                ("reconnect_delay_ms", "2000\n"),
                ("fence_method", "reset\n"),
            ],
            [_, "node", _] => &[
                ("num", "0\n"),
                ("ipv4_port", "0\n"),
                ("ipv4_address", "0.0.0.0\n"),
                ("local", "0\n"),
            ],
            _ => &[
                ("block_bytes", "0\n"),
                ("start_block", "0\n"),
                ("blocks", "0\n"),
                ("dev", ""),
                ("pid", ""),
            ],
        };
        fs::create_dir(path).unwrap();
        let absent = |name: &str| !now && (parts.len() == 1 || name == "pid");
        for (name, value) in files.iter().filter(|(name, _)| !absent(name)) {
            fs::write(path.join(name), value).unwrap();
        }
        if parts.len() == 1 {
            fs::create_dir(path.join("node")).unwrap();
            fs::create_dir(path.join("heartbeat")).unwrap();
            if now {
                fs::write(path.join("heartbeat/mode"), "local\n").unwrap();
                fs::write(path.join("heartbeat/dead_threshold"), "31\n").unwrap();
            }
        }
    }

    /// What a write of `value` leaves in the attribute `parts`, by its path below `cluster`.
    pub fn accept(&self, path: &Path, parts: &[&str], value: &str) -> Result<String, Error> {
        let text = value.trim_end_matches('\n');
        let stored = match parts {
            [_, "node", _, attribute] => self.accept_for_node(path, attribute, text)?,
            [_, "heartbeat", attribute] => {
                let heartbeat = path.parent().unwrap();
                let now = fs::read_to_string(path).unwrap_or_default();
                let idle = directories(heartbeat).is_empty();
                match *attribute {
                    "mode" if !["local", "global"].contains(&text) => return Err(libc::EINVAL),
                    "dead_threshold" if number(text)? <= 2 => now,
                    // Without a word.
                    _ if !idle => now,
                    _ => text.to_owned(),
                }
            }
            [_, "heartbeat", region, attribute] => {
                self.accept_for_region(path, region, attribute, text)?
            }
            [_, "fence_method"] if !["reset\n", "panic\n"].contains(&value) => {
                return Err(libc::EINVAL);
            }
            [_, attribute] => {
                let cluster = path.parent().unwrap();
                let limit = |name: &str| number(read(&cluster.join(name)).as_str());
                let fits = match *attribute {
                    "idle_timeout_ms" => number(text)? > limit("keepalive_delay_ms")?,
                    "keepalive_delay_ms" => number(text)? < limit("idle_timeout_ms")?,
                    _ => true,
                };
                if !fits {
                    return Err(libc::EINVAL);
                }
                text.to_owned()
            }
            _ => text.to_owned(),
        };
        Ok(stored.trim_end().to_owned() + "\n")
    }

    fn accept_for_node(&self, path: &Path, attribute: &str, text: &str) -> Result<String, Error> {
        let node = path.parent().unwrap();
        let is_set = |name: &str| self.noted("set", &node.join(name)).exists();
        let others = |name: &str| -> Vec<String> {
            let nodes = node.parent().unwrap();
            let others = directories(nodes)
                .into_iter()
                .filter(|other| nodes.join(other) != node);
            others
                .map(|other| read(&nodes.join(other).join(name)))
                .collect()
        };
        match attribute {
            "local" => {
                let whole = ["ipv4_port", "ipv4_address", "num"]
                    .iter()
                    .all(|a| is_set(a));
                match text {
                    _ if !whole => return Err(libc::EINVAL),
                    "1" if others("local").contains(&"1".to_owned()) => return Err(libc::EBUSY),
                    _ => return Ok(text.to_owned()),
                }
            }
            _ if is_set(attribute) => return Err(libc::EBUSY),
            "ipv4_port" if !(1..65_535).contains(&number(text)?) => return Err(libc::ERANGE),
            "ipv4_address" if text.parse::<std::net::Ipv4Addr>().is_err() => {
                return Err(libc::EINVAL);
            }
            "num" if !(is_set("ipv4_port") && is_set("ipv4_address")) => {
                return Err(libc::EINVAL);
            }
            "num" if number(text)? > 254 => return Err(libc::ERANGE),
            "ipv4_address" | "num" if others(attribute).contains(&text.to_owned()) => {
                return Err(libc::EEXIST);
            }
            _ => {}
        }
        fs::write(self.noted("set", path), "").unwrap();
        Ok(text.to_owned())
    }

    fn accept_for_region(
        &self,
        path: &Path,
        name: &str,
        attribute: &str,
        text: &str,
    ) -> Result<String, Error> {
        let region = path.parent().unwrap();
        let value = |name: &str| number(&read(&region.join(name))).unwrap_or(0);
        if !read(&region.join("dev")).is_empty() {
            return Err(libc::EINVAL);
        }
        let fits = match attribute {
            "block_bytes" => [512, 1024, 2048, 4096].contains(&number(text)?),
            "blocks" => (1..=255).contains(&number(text)?),
            "start_block" => number(text)? > 0,
            "dev" => ["block_bytes", "start_block", "blocks"]
                .iter()
                .all(|a| value(a) > 0),
            _ => false,
        };
        if !fits || (attribute == "dev" && !has_local_node(region)) {
            return Err(libc::EINVAL);
        }
        if attribute != "dev" {
            return Ok(text.to_owned());
        }
        self.beat(region, name, text)
    }

    /// `text` is a descriptor of the process that writes.
    fn beat(&self, region: &Path, name: &str, text: &str) -> Result<String, Error> {
        let opened = fs::read_link(format!("/proc/self/fd/{text}")).map_err(|_| libc::EINVAL)?;
        let device = self.block_name(&opened).ok_or(libc::EINVAL)?;
        if self.uuid_of(&device).is_none_or(|uuid| uuid != name) {
            self.log
                .harm("a region was started on another volume's device");
        }
        if region.join("pid").exists() {
            let pid = 4_100_000 + directories(region.parent().unwrap()).len();
            fs::write(region.join("pid"), format!("{pid}\n")).unwrap();
            let process = self.root.join(format!("proc/{pid}"));
            fs::create_dir_all(&process).unwrap();
            fs::write(process.join("comm"), format!("o2hb-{name}\n")).unwrap();
        }
        Ok(device)
    }
}

fn has_local_node(region: &Path) -> bool {
    let nodes = region.ancestors().nth(2).unwrap().join("node");
    directories(&nodes)
        .iter()
        .any(|node| read(&nodes.join(node).join("local")) == "1")
}

/// The names of the directories in a directory.
pub fn directories(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// A file's text without its line end; nothing where there is none.
pub fn read(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&text).trim_end().to_owned()
}

fn number(text: &str) -> Result<u64, Error> {
    text.trim().parse().map_err(|_| libc::EINVAL)
}

/// An errno as the answer of a call.
pub fn refuse<T>(errno: Error) -> io::Result<T> {
    Err(io::Error::from_raw_os_error(errno))
}
