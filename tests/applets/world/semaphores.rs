//! A region's semaphores, looked at and made as the C tools do: by the C calls alone.

use ocfs2box::ids::Uuid;

/// The set of one region, there or not.
#[derive(Clone, Copy)]
pub struct Semaphores(libc::key_t);

impl Semaphores {
    /// libo2cb's key: the CRC-32 of the region's name.
    pub fn of(region: Uuid) -> Self {
        let crc = region.to_string().bytes().fold(!0u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| {
                (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
            })
        });
        Self(i32::from_ne_bytes((!crc).to_ne_bytes()))
    }

    pub fn key(self) -> i32 {
        self.0
    }

    /// Lock, references, owner; two of them in a set of C's, none where there is no set.
    pub fn values(self) -> Vec<i32> {
        let Some(set) = self.find() else {
            return Vec::new();
        };
        (0..3)
            // SAFETY: GETVAL takes no fourth argument and writes nothing.
            .map(|semaphore| unsafe { libc::semctl(set, semaphore, libc::GETVAL) })
            .take_while(|&value| value >= 0)
            .collect()
    }

    /// As a C tool makes it, with lasting references.
    pub fn make_like_c(self, references: i16) {
        // SAFETY: no pointer is passed.
        let set = unsafe { libc::semget(self.0, 2, libc::IPC_CREAT | 0o600) };
        assert!(set >= 0, "{}", std::io::Error::last_os_error());
        if references > 0 {
            self.add(references);
        }
    }

    /// References come or go, without SEM_UNDO.
    pub fn add(self, references: i16) {
        self.apply(1, references);
    }

    /// The process that has it does not let it go.
    pub fn lock(self) {
        self.apply(0, 1);
    }

    fn apply(self, semaphore: u16, delta: i16) {
        let set = self.find().expect("a set");
        let mut op = libc::sembuf {
            sem_num: semaphore,
            sem_op: delta,
            sem_flg: 0,
        };
        // SAFETY: one live operation.
        assert_eq!(unsafe { libc::semop(set, &mut op, 1) }, 0);
    }

    pub fn remove(self) {
        if let Some(set) = self.find() {
            // SAFETY: IPC_RMID takes no fourth argument.
            unsafe { libc::semctl(set, 0, libc::IPC_RMID) };
        }
    }

    fn find(self) -> Option<libc::c_int> {
        // SAFETY: no pointer is passed.
        let set = unsafe { libc::semget(self.0, 0, 0) };
        (set >= 0).then_some(set)
    }
}

#[test]
fn keys_are_those_of_the_c_tools() {
    for (name, key) in [
        ("8D55D77D7EF74F4E8E964F519A7060BF", 0x8a10_87a6_u32),
        ("26ED62C4ED914CD59B752A2344EDA969", 0x51bc_6e2a),
        ("4343EBC6EE254C7596FC08DF106E9A7D", 0xf27e_95bc),
    ] {
        let of = Semaphores::of(name.parse().unwrap());
        assert_eq!(of.0, i32::from_ne_bytes(key.to_ne_bytes()));
    }
}
