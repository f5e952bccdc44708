use super::*;

#[derive(Debug, PartialEq)]
enum Kind {
    Plain,
    Full(Vec<PathBuf>, Option<u32>),
}

message!(enum Kind { 0 = Plain, 1 = Full(paths, number) });

#[test]
fn values_arrive_as_they_were() {
    let paths: Vec<PathBuf> = vec![
        "/mnt".into(),
        "".into(),
        OsString::from_vec(vec![255]).into(),
    ];
    for kind in [
        Kind::Plain,
        Kind::Full(paths, Some(7)),
        Kind::Full(Vec::new(), None),
    ] {
        assert_eq!(from_bytes(&to_bytes(&kind)).as_ref(), Some(&kind));
    }
    let told: Result<(String, bool), i32> = Ok(("a\0b".into(), true));
    assert_eq!(from_bytes(&to_bytes(&told)), Some(told));
}

#[test]
fn a_part_or_something_else_is_no_value() {
    let whole = to_bytes(&Kind::Full(vec!["/mnt".into()], Some(7)));
    for length in 0..whole.len() {
        assert_eq!(from_bytes::<Kind>(&whole[..length]), None, "{length}");
    }
    assert_eq!(from_bytes::<Kind>(&[&whole[..], b"?"].concat()), None);
    assert_eq!(from_bytes::<Kind>(&[2]), None);
    // Neither allocates what is not there.
    assert_eq!(from_bytes::<Vec<u8>>(&[255; 9]), None);
    assert_eq!(from_bytes::<Vec<PathBuf>>(&[255; 9]), None);
}

#[test]
fn a_system_error_stays_one() {
    let cause = io::Error::from_raw_os_error(libc::EBUSY);
    let report = Report::new(cause).wrap_err("removing it");
    let arrived: Report = from_bytes(&to_bytes(&report)).unwrap();
    assert_eq!(format!("{arrived:#}"), format!("{report:#}"));
    let cause = arrived.root_cause().downcast_ref::<io::Error>().unwrap();
    assert_eq!(cause.raw_os_error(), Some(libc::EBUSY));
    let bare = Report::new(io::Error::from_raw_os_error(libc::EBUSY));
    let arrived: Report = from_bytes(&to_bytes(&bare)).unwrap();
    assert_eq!(format!("{arrived:#}"), format!("{bare:#}"));
    let plain: Report = from_bytes(&to_bytes(&eyre!("no cause"))).unwrap();
    assert_eq!(format!("{plain:#}"), "no cause");
}
