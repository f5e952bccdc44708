use super::*;

#[test]
fn what_a_kill_has_cut_off_is_nothing() {
    let whole = b"8:17 /dev/sdb1\0+/srv/a b\0?/srv/\xc3\xa9\0";
    let (device, entries, end) = parse(whole);
    let number = DeviceNumber {
        major: 8,
        minor: 17,
    };
    let path = PathBuf::from("/dev/sdb1");
    assert_eq!(device, Some(Device { number, path }));
    let seen: Vec<_> = entries
        .iter()
        .map(|entry| (entry.service.to_str().unwrap(), entry.taken))
        .collect();
    assert_eq!(seen, [("/srv/a b", true), ("/srv/é", false)]);
    assert_eq!(end, whole.len() as u64);
    for cut in 0..whole.len() {
        let (_, fewer, end) = parse(&whole[..cut]);
        assert!(fewer.len() < 2 && entries.starts_with(&fewer), "{cut}");
        assert!(end <= cut as u64);
    }
}

#[test]
fn rubbish_is_no_service() {
    for bytes in [&b"\0\0\0"[..], b"8 x\0", b"x\0y\0", b"\xff\0"] {
        let (device, entries, _) = parse(bytes);
        assert_eq!((device, entries.len()), (None, 0), "{bytes:?}");
    }
}
