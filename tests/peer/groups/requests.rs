//! What clients ask for (mount.c).

use super::{Group, Groups, InProgress, Status, Step, device_number, failure, fill};
use std::time::Instant;

impl Groups {
    /// start_mount (600-664).
    pub fn mount(&mut self, slot: usize, uuid: &[u8], device: &[u8], service: &[u8]) -> Status {
        if uuid.len() > 32 {
            let parts: [&[u8]; 2] = [b"UUID too long: ", uuid];
            return Some(Err(failure(libc::ENAMETOOLONG, &parts)));
        }
        let known = self.at(uuid);
        if known.is_none() {
            let group = Group {
                uuid: uuid.into(),
                device: device.into(),
                services: Vec::new(),
                in_progress: None,
                client: None,
                notified: false,
                error: None,
                joined: false,
                registered: false,
                next: None,
            };
            self.known.insert(0, group);
        }
        let at = known.unwrap_or(0);
        let group = &mut self.known[at];
        add_service(group, slot, device, service);
        if known.is_none() && group.error.is_none() {
            group.next = Some((Instant::now() + self.timing.join, Step::Joined));
        }
        let error = group.error.take()?;
        if error.0 == libc::EALREADY {
            // Whatever the text says (650-651).
            group.notified = true;
        } else if group.services.is_empty() {
            // 655-659: freed, though its group is being joined or left.
            if group.next.is_some() {
                self.broken = Some("MOUNT while the group was joined or left");
            }
            self.known.remove(at);
        }
        Some(Err(error))
    }

    /// complete_mount (669-794).
    pub fn result(&mut self, slot: usize, uuid: &[u8], errno: &[u8], service: &[u8]) -> Status {
        let Some(at) = self.of_client(slot) else {
            let text = b"Client is not attached to a mountgroup";
            return Some(Err(failure(libc::EINVAL, &[text])));
        };
        let group = &mut self.known[at];
        let own = group.uuid.clone();
        let error = &mut group.error;
        let known = group.services.iter().any(|known| known == service);
        match &group.in_progress {
            _ if own != uuid => {
                let parts: [&[u8]; 4] = [b"UUID ", uuid, b" does not match mountgroup ", &own];
                fill(error, libc::EINVAL, &parts);
            }
            None => {
                let text = b"No mount in progress for filesystem ";
                fill(error, libc::ENOENT, &[text, &own]);
            }
            Some(_) if !known => {
                let parts: [&[u8]; 4] = [b"Unknown service ", service, b" for filesystem ", &own];
                fill(error, libc::ENOENT, &parts);
            }
            Some(now) if now.service != service => {
                let parts: [&[u8]; 3] = [b"Service ", service, b" is not in progress"];
                fill(error, libc::EINVAL, &parts);
            }
            Some(now) => {
                let failed = errno != b"0" && !now.additional;
                group.in_progress = None;
                match failed {
                    // The slot stays (766-775).
                    true => self.remove(at, service),
                    false => group.client = None,
                }
            }
        }
        let group = &self.known[at];
        match (&group.error, &group.in_progress) {
            // The error is not cleared: the next MOUNT has it (788-791).
            (Some(error), _) => Some(Err(error.clone())),
            (None, Some(_)) => None,
            (None, None) => Some(Ok(())),
        }
    }

    /// remove_mount (796-893).
    pub fn unmount(&mut self, slot: usize, uuid: &[u8], service: &[u8]) -> Status {
        let Some(at) = self.at(uuid) else {
            let parts: [&[u8]; 3] = [b"Filesystem ", uuid, b" is unknown or not mounted anywhere"];
            return Some(Err(failure(libc::ENOENT, &parts)));
        };
        let group = &mut self.known[at];
        if !group.services.iter().any(|known| known == service) {
            let parts: [&[u8]; 4] = [b"Service ", uuid, b" is not mounted on ", service];
            return Some(Err(failure(libc::ENOENT, &parts)));
        }
        if let Some(now) = &mut group.in_progress {
            now.additional = false;
            let text = b"Another mount is in progress";
            return Some(Err(failure(libc::EBUSY, &[text])));
        }
        self.remove(at, service);
        let group = &mut self.known[at];
        if group.in_progress.is_some() {
            group.client = Some(slot);
            return None;
        }
        Some(Ok(()))
    }

    /// dead_mounter (895-970).
    pub fn lost(&mut self, slot: usize) {
        let Some(at) = self.of_client(slot) else {
            return;
        };
        let group = &mut self.known[at];
        let Some(now) = &group.in_progress else {
            return;
        };
        group.client = None;
        if group.services.is_empty() {
            return;
        }
        if now.additional || group.notified {
            // Taken for mounted, also where the answer was to another service.
            group.in_progress = None;
            return;
        }
        let service = now.service.clone();
        self.remove(at, &service);
    }
}

/// add_service (257-351).
fn add_service(group: &mut Group, slot: usize, device: &[u8], service: &[u8]) {
    let numbers = device_number(&group.device).and_then(|own| Ok((own, device_number(device)?)));
    let there = group.services.iter().any(|known| known == service);
    match numbers {
        Err(failure) => {
            group.error.get_or_insert(failure);
            return;
        }
        Ok((own, other)) if own != other => {
            let parts: [&[u8]; 7] = [
                b"Trying to mount fs \"",
                &group.uuid,
                b"\" on device \"",
                device,
                b"\", but it is already mounted from device \"",
                &group.device,
                b"\"",
            ];
            return fill(&mut group.error, libc::EINVAL, &parts);
        }
        Ok(_) if group.in_progress.is_some() => {
            let text = b"Another mount is in progress";
            return fill(&mut group.error, libc::EBUSY, &[text]);
        }
        // Any number of real mounts have this one name (295-304).
        Ok(_) if there && service != b"ocfs2" => {
            let parts: [&[u8]; 4] = [
                b"Filesystem ",
                &group.uuid,
                b" is already mounted on ",
                service,
            ];
            return fill(&mut group.error, libc::EBUSY, &parts);
        }
        Ok(_) => {}
    }
    group.client = Some(slot);
    group.in_progress = Some(InProgress {
        service: service.into(),
        additional: there,
    });
    if !group.services.is_empty() {
        let text = b"Already mounted, go ahead";
        fill(&mut group.error, libc::EALREADY, &[text]);
    }
    // Also behind an error that stayed: refused, and added (346-351).
    if !there {
        group.services.push(service.into());
    }
}
