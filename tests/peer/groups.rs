//! What the daemon knows, and its answers (ocfs2-tools, ocfs2_controld/main.c and mount.c).

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

struct Group {
    rdev: u64,
    services: Vec<String>,
    /// Until its result: the connection, the service, and whether it was there before.
    mounting: Option<(usize, String, bool)>,
}

/// The groups that the node has joined, by the volume's UUID.
pub struct Groups {
    cluster: String,
    known: BTreeMap<String, Group>,
}

impl Groups {
    pub fn new(cluster: &str) -> Groups {
        Groups {
            cluster: cluster.to_owned(),
            known: BTreeMap::new(),
        }
    }

    pub fn describe(&self) -> Vec<String> {
        let known = self.known.iter();
        known
            .map(|(uuid, group)| format!("{uuid} {}", group.services.join(",")))
            .collect()
    }

    /// The answers to a message; to one with a wrong number of words, none.
    pub fn answer(&mut self, connection: usize, text: &str) -> Vec<String> {
        let words = |count| -> Vec<&str> { text.splitn(count, ' ').collect() };
        let command = text.split(' ').next().unwrap_or_default();
        let status = match (command, words(6).len(), words(5).len(), words(4).len()) {
            ("MOUNT", 6, ..) => self.mount(connection, &words(6)),
            ("MRESULT", _, 5, _) => self.result(connection, &words(5)),
            ("UNMOUNT", _, _, 4) => self.unmount(&words(4)),
            ("LISTFS", 3, ..) => match words(3).as_slice() {
                [_, "ocfs2", cluster] if *cluster == self.cluster => {
                    return list(self.known.keys().cloned().collect());
                }
                [_, "ocfs2", _] => Err((libc::EINVAL, "Invalid cluster name")),
                _ => Err((libc::EINVAL, "Invalid filesystem type")),
            },
            ("LISTCLUSTERS", 1, ..) => return list(vec![self.cluster.clone()]),
            ("DUMP", 1, ..) => {
                let text = self.describe().join("\n") + "\n";
                let chunks = text.as_bytes().chunks(250);
                return list(chunks.map(|c| String::from_utf8_lossy(c).into()).collect());
            }
            _ => return Vec::new(),
        };
        let (errno, text) = status.err().unwrap_or((0, "OK"));
        vec![format!("STATUS {errno} {text}")]
    }

    fn mount(&mut self, connection: usize, words: &[&str]) -> Result<(), (i32, &'static str)> {
        let [_, kind, uuid, cluster, device, service] = words else {
            unreachable!("words are counted")
        };
        if *kind != "ocfs2" {
            return Err((libc::EINVAL, "Invalid filesystem type"));
        }
        if *cluster != self.cluster {
            return Err((libc::EINVAL, "Invalid cluster name"));
        }
        if uuid.len() > 32 {
            return Err((libc::ENAMETOOLONG, "UUID too long"));
        }
        let found = std::fs::metadata(device);
        let rdev = found
            .map_err(|error| (error.raw_os_error().unwrap(), "Unable to stat device"))?
            .rdev();
        let joined = self.known.contains_key(*uuid);
        let group = self.known.entry((*uuid).to_owned()).or_insert(Group {
            rdev,
            services: Vec::new(),
            mounting: None,
        });
        if group.rdev != rdev {
            return Err((libc::EINVAL, "Device does not match"));
        }
        if group.mounting.is_some() {
            return Err((libc::EBUSY, "Mount in progress"));
        }
        let there = group.services.iter().any(|known| known == service);
        if there && *service != "ocfs2" {
            return Err((libc::EBUSY, "Service exists"));
        }
        if !there {
            group.services.push((*service).to_owned());
        }
        group.mounting = Some((connection, (*service).to_owned(), there));
        match joined {
            true => Err((libc::EALREADY, "Group joined already")),
            false => Ok(()),
        }
    }

    fn result(&mut self, connection: usize, words: &[&str]) -> Result<(), (i32, &'static str)> {
        let [_, _, uuid, errno, service] = words else {
            unreachable!("words are counted")
        };
        let group = self.known.get_mut(*uuid);
        let group = group.ok_or((libc::EINVAL, "No mount in progress"))?;
        let wanted = |mount: &(usize, String, bool)| mount.0 == connection && mount.1 == *service;
        if !group.mounting.as_ref().is_some_and(wanted) {
            return Err((libc::ENOENT, "No such mount in progress"));
        }
        let there = group.mounting.take().is_some_and(|(_, _, there)| there);
        if *errno != "0" && !there {
            let _ = self.unmount(&["", "", uuid, service]);
        }
        Ok(())
    }

    fn unmount(&mut self, words: &[&str]) -> Result<(), (i32, &'static str)> {
        let [_, _, uuid, service] = words else {
            unreachable!("words are counted")
        };
        let group = self.known.get_mut(*uuid);
        let group = group.ok_or((libc::ENOENT, "Unknown filesystem"))?;
        let at = group.services.iter().position(|known| known == service);
        group
            .services
            .remove(at.ok_or((libc::ENOENT, "Unknown service"))?);
        if group.services.is_empty() {
            self.known.remove(*uuid);
        }
        Ok(())
    }

    /// After the answer, its mount is taken for made.
    pub fn lost(&mut self, connection: usize) {
        for group in self.known.values_mut() {
            if group
                .mounting
                .as_ref()
                .is_some_and(|mount| mount.0 == connection)
            {
                group.mounting = None;
            }
        }
    }
}

fn list(items: Vec<String>) -> Vec<String> {
    let count = format!("ITEMCOUNT {}", items.len());
    let items = items.into_iter().map(|item| format!("ITEM {item}"));
    [count]
        .into_iter()
        .chain(items)
        .chain(["STATUS 0 OK".into()])
        .collect()
}
