use super::*;

const RO: u32 = 1;
const NOSUID: u32 = 2;
const NODEV: u32 = 4;
const NOEXEC: u32 = 8;
const USER: u32 = NOSUID | NODEV | NOEXEC;

fn parse(text: &str) -> MountOptions {
    MountOptions::parse(OsStr::new(text), false).unwrap()
}

/// Option string, flags of mount(2) by number, the driver's string.
const CASES: &[(&str, u32, &str)] = &[
    ("", 0, ""),
    (",,,", 0, ""),
    ("rw", 0, ""),
    ("ro", RO, ""),
    ("ro,rw", 0, ""),
    ("rw,ro", RO, ""),
    ("ro,ro", RO, ""),
    ("nosuid,nodev,noexec", USER, ""),
    ("nosuid,suid", 0, ""),
    ("suid,nosuid", NOSUID, ""),
    ("nodev,dev,nodev", NODEV, ""),
    ("noexec,exec", 0, ""),
    ("sync", 16, ""),
    ("sync,async", 0, ""),
    ("dirsync", 128, ""),
    ("mand", 64, ""),
    ("mand,nomand", 0, ""),
    ("noatime", 1 << 10, ""),
    ("noatime,atime", 0, ""),
    ("nodiratime", 1 << 11, ""),
    ("nodiratime,diratime", 0, ""),
    ("relatime", 1 << 21, ""),
    ("relatime,norelatime", 0, ""),
    ("strictatime", 1 << 24, ""),
    ("strictatime,nostrictatime", 0, ""),
    ("lazytime", 1 << 25, ""),
    ("lazytime,nolazytime", 0, ""),
    ("iversion", 1 << 23, ""),
    ("iversion,noiversion", 0, ""),
    ("nosymfollow", 1 << 8, ""),
    ("nosymfollow,symfollow", 0, ""),
    ("silent", 1 << 15, ""),
    ("quiet", 1 << 15, ""),
    ("quiet,loud", 0, ""),
    ("user", USER, ""),
    ("users", USER, ""),
    ("user=bob", USER, ""),
    ("rw,user=bob,exec,suid,dev", 0, ""),
    ("pamconsole", USER, ""),
    ("user,exec", NOSUID | NODEV, ""),
    ("exec,user", USER, ""),
    ("user,dev,suid", NOEXEC, ""),
    ("user,nouser", USER, ""),
    ("owner", NOSUID | NODEV, ""),
    ("group,dev", NOSUID, ""),
    ("defaults,auto,noauto,nouser,nousers,noowner,nogroup", 0, ""),
    ("nofail,_netdev,kudzu,managed,nopamconsole", 0, ""),
    ("x-systemd.automount,X-mount.mkdir=0755,x-", 0, ""),
    ("comment,comment=a b,comment=systemd.automount", 0, ""),
    (
        "loop,loop=/dev/loop0,offset=1,sizelimit=2,encryption=x,vfs=y,speed=3",
        0,
        "",
    ),
    ("helper=ocfs2,uhelper=udisks2", 0, ""),
    ("shared,rslave,private,unbindable,rshared", 0, ""),
    ("acl,data=writeback", 0, "acl,data=writeback"),
    (
        "data=ordered,noatime,,commit=5,",
        1 << 10,
        "data=ordered,commit=5",
    ),
    (
        "ro,relatime,remount,heartbeat=local,nointr,_netdev",
        RO | 1 << 21 | 32,
        "nointr",
    ),
    ("heartbeat=none,cluster_stack=pcmk,acl", 0, "acl"),
    ("nocluster", 0, "nocluster"),
    ("acl,nocluster=yes,nocluster,ro", RO, "acl,nocluster"),
    ("noclusters", 0, "noclusters"),
    ("uid=bob,gid=7", 0, "uid=bob,gid=7"),
    (
        "context=\"a:b:s0:c1,c2\",ro",
        RO,
        "context=\"a:b:s0:c1,c2\"",
    ),
    (
        "ro,fscontext=\"x,ro,rw\",rootcontext=y",
        RO,
        "fscontext=\"x,ro,rw\",rootcontext=y",
    ),
    ("seclabel,nosense", 0, "seclabel,nosense"),
    (
        "errors=panic,errors=remount-ro,errors=continue",
        0,
        "errors=panic,errors=remount-ro,errors=continue",
    ),
    (
        "barrier=1,commit=0x10,localalloc=-1,resv_level=+2",
        0,
        "barrier=1,commit=0x10,localalloc=-1,resv_level=+2",
    ),
    (
        "atime_quantum=60,preferred_slot=4294967295",
        0,
        "atime_quantum=60,preferred_slot=4294967295",
    ),
    (
        "coherency=full,dir_resv_level=8,inode64",
        0,
        "coherency=full,dir_resv_level=8,inode64",
    ),
    (
        "usrquota,grpquota,user_xattr,nouser_xattr,noacl",
        0,
        "usrquota,grpquota,user_xattr,nouser_xattr,noacl",
    ),
    (
        "localflocks,intr,journal_async_commit",
        0,
        "localflocks,intr,journal_async_commit",
    ),
    ("ro=vfs", 0, "ro=vfs"),
    ("RO", 0, "RO"),
    (" ro", 0, " ro"),
    ("=", 0, "="),
    (
        "rw,noexec,nosuid,nodev,acl,data=writeback,nofail,user,users,_netdev",
        USER,
        "acl,data=writeback",
    ),
];

#[test]
fn words_go_where_they_belong() {
    for (text, flags, data) in CASES {
        let got = parse(text);
        assert_eq!(got.flags.bits(), *flags, "{text}");
        assert_eq!(
            got.data_string(None).unwrap().to_str().unwrap(),
            *data,
            "{text}"
        );
    }
}

#[test]
fn words_that_are_no_flags() {
    let got = parse("remount,heartbeat=local,heartbeat=global,cluster_stack=o2cb,x-y=1,nofail");
    assert!(got.data.is_empty());
    assert!(got.is_remount() && !got.is_bind() && got.nocluster.is_none());
    assert_eq!(got.heartbeat.as_deref(), Some(OsStr::new("global")));
    assert_eq!(got.cluster_stack.as_deref(), Some(OsStr::new("o2cb")));
    assert!(parse("bind").is_bind());
    for (text, confirmed) in [
        ("nocluster", false),
        ("nocluster=yes", true),
        ("nocluster=yes,nocluster", true),
        ("nocluster,nocluster=yes", true),
    ] {
        assert_eq!(
            parse(text).nocluster,
            Some(NoCluster { confirmed }),
            "{text}"
        );
    }
}

#[test]
fn what_every_kernel_refuses() {
    for (text, why) in [
        ("commit=abc", "\"commit=abc\" needs a number"),
        ("commit", "\"commit\" needs a number"),
        ("commit=", "\"commit=\" needs a number"),
        ("commit=-", "\"commit=-\" needs a number"),
        ("commit=+-1", "\"commit=+-1\" needs a number"),
        ("commit=5s", "\"commit=5s\" needs a number"),
        ("commit=4294967296", "needs a number"),
        ("commit=0x", "needs a number"),
        ("acl=1", "\"acl=1\" takes no value"),
        ("data=journal", "has to be one of ordered, writeback"),
        ("errors", "has to be one of panic, remount-ro, continue"),
        ("heartbeat=disk", "has to be one of none, local, global"),
        ("cluster_stack", "needs a value"),
        ("nocluster=no", "has to be one of yes"),
        ("context=\"a,b", "is not closed"),
        ("x\ny", r#""x\ny" holds a NUL or a new line"#),
        ("x-a\0b", "holds a NUL"),
    ] {
        let usage = MountOptions::parse(OsStr::new(text), false).unwrap_err().0;
        assert!(usage.contains(why), "{text:?}: {usage}");
    }
}

#[test]
fn sloppy_drops_the_unknown_only() {
    let got = MountOptions::parse(OsStr::new("ro,nosense,acl,nocluster,context=c,uid=1"), true);
    let got = got.unwrap();
    assert_eq!(got.data, ["acl", "nocluster", "context=c"]);
    assert!(MountOptions::parse(OsStr::new("commit=x"), true).is_err());
}

#[test]
fn bytes_that_are_not_text_pass() {
    let word = OsStr::from_bytes(b"a\xff=\xe9,ro");
    let got = MountOptions::parse(word, false).unwrap();
    assert_eq!(got.data[0].as_bytes(), b"a\xff=\xe9");
    assert!(got.flags.contains(MountFlags::RDONLY));
    let usage = MountOptions::parse(OsStr::from_bytes(b"data=\xff"), false).unwrap_err();
    assert!(usage.0.contains(r#""data=\xff""#), "{usage}");
}

#[test]
fn the_data_string_fits_a_page() {
    let got = parse(&"a".repeat(4000));
    let added = "b".repeat(94);
    assert_eq!(
        got.data_string(Some(&added)).unwrap().as_bytes().len(),
        4095
    );
    let added = added + "b";
    let error = got.data_string(Some(&added)).unwrap_err();
    assert!(error.0.contains("4096 bytes"), "{error}");
    assert_eq!(
        parse("acl").data_string(Some("heartbeat=local")).unwrap(),
        c"acl,heartbeat=local".to_owned()
    );
}

#[test]
fn what_verbose_shows() {
    for (text, clustered, shown) in [
        ("", false, "rw"),
        ("ro,quiet", true, "ro,silent,_netdev"),
        ("nodev,user,ro", false, "ro,noexec,nosuid,nodev"),
        (
            "noatime,remount,acl,data=ordered",
            true,
            "rw,remount,noatime,_netdev,acl,data=ordered",
        ),
        (
            "lazytime,iversion,bind,dirsync,x-y",
            false,
            "rw,dirsync,bind,lazytime,iversion",
        ),
    ] {
        let options = parse(text);
        let data = options.data_string(None).unwrap();
        let line = options.describe(Path::new("/dev/sdb"), Path::new("/m\n"), clustered, &data);
        assert_eq!(
            line,
            format!(r"/dev/sdb on /m\n type ocfs2 ({shown})"),
            "{text}"
        );
    }
}
