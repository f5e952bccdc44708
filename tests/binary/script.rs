//! `symlinks.sh` into a directory.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::{APPLETS, BOX, Dir, End, call, is_help, run};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/symlinks.sh");
const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs");

fn install(dest: &Path, variables: &[(&str, &str)]) -> End {
    install_by(Path::new(SCRIPT), dest, variables)
}

fn install_by(script: &Path, dest: &Path, variables: &[(&str, &str)]) -> End {
    let mut command = Command::new("/bin/sh");
    command.arg(script).arg(dest).env("OCFS2BOX", BOX);
    for name in ["DIVERT", "FORCE", "PREFIX", "UNITDIR"] {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied());
    run(&mut command)
}

/// Installs without a word on standard error.
fn installs(dest: &Path, variables: &[(&str, &str)]) -> End {
    let end = install(dest, variables);
    assert_eq!((end.code, end.err.as_str()), (0, ""), "{end:?}");
    end
}

fn is_installed(sbin: &Path) {
    assert!(
        fs::symlink_metadata(sbin.join("ocfs2box"))
            .unwrap()
            .is_file()
    );
    for name in APPLETS {
        let target = fs::read_link(sbin.join(name)).unwrap();
        assert_eq!(target, Path::new("ocfs2box"), "{name}");
    }
    assert!(is_help(
        &call(sbin.join("mount.ocfs2"), &["-h"]),
        "mount.ocfs2"
    ));
}

/// A destination that has these directories.
fn with_directories(directories: &[&str]) -> Dir {
    let dest = Dir::new();
    for directory in directories {
        fs::create_dir_all(dest.join(directory)).unwrap();
    }
    dest
}

#[test]
fn into_an_empty_destination() {
    let dest = Dir::new();
    let like_here = fs::canonicalize("/sbin").unwrap();
    let sbin = dest.join(like_here.strip_prefix("/").unwrap());
    for _ in 0..2 {
        let end = installs(&dest, &[]);
        assert!(end.out.contains("mount.ocfs2 -> ocfs2box\n"), "{end:?}");
        is_installed(&sbin);
    }
    assert_eq!(fs::read_dir(&sbin).unwrap().count(), APPLETS.len() + 1);
    assert_eq!(
        dest.names(),
        ["usr"],
        "no directory there for anything else"
    );
}

#[test]
fn the_destination_decides_where() {
    let split = with_directories(&["sbin"]);
    assert_eq!(install(&split, &[]).code, 0);
    is_installed(&split.join("sbin"));
    // An absolute link would lead out of the destination if it were followed.
    for target in ["usr/sbin", "/usr/sbin"] {
        let merged = Dir::new();
        symlink(target, merged.join("sbin")).unwrap();
        assert_eq!(install(&merged, &[]).code, 0);
        is_installed(&merged.join("usr/sbin"));
    }
}

#[test]
fn what_is_not_ours_stays() {
    let dest = with_directories(&["sbin"]);
    let sbin = dest.join("sbin");
    fs::write(sbin.join("mount.ocfs2"), "theirs").unwrap();
    let end = install(&dest, &[]);
    assert!(end.code != 0 && end.err.contains("mount.ocfs2"), "{end:?}");
    assert_eq!(fs::read(sbin.join("mount.ocfs2")).unwrap(), b"theirs");
    assert_eq!(install(&dest, &[("FORCE", "1")]).code, 0);
    is_installed(&sbin);
}

#[test]
fn each_manual_page_is_installed() {
    let dest = Dir::new();
    installs(&dest, &[]);
    let mut pages = 0;
    for entry in fs::read_dir(DOCS).unwrap() {
        let page = entry.unwrap().path();
        let Some(section @ ("5" | "7" | "8")) = page.extension().and_then(|end| end.to_str())
        else {
            continue;
        };
        let name = page.file_name().unwrap();
        let copy = dest
            .join(format!("usr/local/share/man/man{section}"))
            .join(name);
        assert_eq!(fs::read(&page).unwrap(), fs::read(copy).unwrap());
        pages += 1;
    }
    assert!(pages > 8);
    let package = Dir::new();
    installs(&package, &[("PREFIX", "/usr")]);
    assert!(package.join("usr/share/man/man8/o2cb.8").exists());
    assert!(!package.join("usr/local").exists());
}

#[test]
fn unit_is_installed_where_systemd_is_and_else_the_init_script() {
    let unit = "etc/systemd/system/o2cb.service";
    let script = "etc/init.d/o2cb";
    let systemd = with_directories(&["etc/systemd/system", "etc/init.d"]);
    installs(&systemd, &[]);
    assert!(systemd.join(unit).exists() && !systemd.join(script).exists());
    assert!(
        systemd
            .join("etc/systemd/system/ocfs2-ready.target")
            .exists()
    );
    let other = with_directories(&["etc/init.d"]);
    installs(&other, &[]);
    let mode = fs::metadata(other.join(script)).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o755);
    assert!(!other.join(unit).exists());
    let package = Dir::new();
    installs(&package, &[("UNITDIR", "/usr/lib/systemd/system")]);
    assert!(package.join("usr/lib/systemd/system/o2cb.service").exists());
}

#[test]
fn an_earlier_file_of_ours_is_replaced_and_any_other_stays() {
    let dest = with_directories(&["etc/systemd/system", "usr/local/share/man/man8"]);
    let [unit, target, page, other] = [
        "etc/systemd/system/o2cb.service",
        "etc/systemd/system/ocfs2-ready.target",
        "usr/local/share/man/man8/o2cb.8",
        "usr/local/share/man/man8/umount.ocfs2.8",
    ]
    .map(|path| dest.join(path));
    fs::write(&unit, "theirs").unwrap();
    symlink("/dev/null", &target).unwrap();
    fs::write(&page, "an older page of ocfs2box").unwrap();
    fs::write(&other, "theirs").unwrap();
    let end = install(&dest, &[("FORCE", "1")]);
    assert_eq!(end.code, 0, "{end:?}");
    for path in [&unit, &target, &other] {
        let line = format!("{}: not from ocfs2box, left alone", path.display());
        assert!(end.err.contains(&line), "{end:?}");
    }
    assert_eq!(end.err.lines().count(), 3, "{end:?}");
    assert_eq!(fs::read(&unit).unwrap(), b"theirs");
    assert_eq!(fs::read_link(&target).unwrap(), Path::new("/dev/null"));
    assert_eq!(fs::read(&other).unwrap(), b"theirs");
    assert_eq!(
        fs::read(page).unwrap(),
        fs::read(Path::new(DOCS).join("o2cb.8")).unwrap()
    );
}

#[test]
fn configuration_file_is_never_replaced_nor_hidden() {
    let [first, second] = ["etc/sysconfig/o2cb", "etc/default/o2cb"];
    let debian = with_directories(&["etc/default"]);
    installs(&debian, &[]);
    let template = fs::read(Path::new(DOCS).join("o2cb.sysconfig")).unwrap();
    assert_eq!(fs::read(debian.join(second)).unwrap(), template);
    fs::write(debian.join(second), "# ocfs2box\nO2CB_ENABLED=true\n").unwrap();
    fs::create_dir(debian.join("etc/sysconfig")).unwrap();
    installs(&debian, &[("FORCE", "1")]);
    assert!(fs::read(debian.join(second)).unwrap().ends_with(b"true\n"));
    assert!(!debian.join(first).exists(), "o2cb would read this one");
    let fedora = with_directories(&["etc/default", "etc/sysconfig"]);
    installs(&fedora, &[]);
    assert!(fedora.join(first).exists() && !fedora.join(second).exists());
}

#[test]
fn completions_are_installed_for_the_shells_that_are_there() {
    let dest = with_directories(&["usr/share/bash-completion", "usr/share/zsh"]);
    // Again, over its own.
    for _ in 0..2 {
        installs(&dest, &[]);
    }
    let share = dest.join("usr/local/share");
    assert!(share.join("zsh/site-functions/_o2cb").exists());
    for name in APPLETS {
        assert!(
            share
                .join("bash-completion/completions")
                .join(name)
                .exists()
        );
    }
    assert!(!share.join("fish").exists());
    fs::create_dir(dest.join("usr/share/fish")).unwrap();
    installs(&dest, &[]);
    assert!(
        share
            .join("fish/vendor_completions.d/mount.ocfs2.fish")
            .exists()
    );
    // Another's file stays.
    let other = share.join("fish/vendor_completions.d/o2cb.fish");
    fs::write(&other, "another").unwrap();
    assert!(
        install(&dest, &[])
            .err
            .contains("not from ocfs2box, left alone")
    );
    assert_eq!(fs::read(&other).unwrap(), b"another");
}

/// A Debian root in which a package owns some of our programs.
fn debian(owned: &[&str]) -> Dir {
    let dest = with_directories(&["sbin", "var/lib/dpkg/info", "var/lib/dpkg/updates"]);
    let dpkg = dest.join("var/lib/dpkg");
    fs::write(
        dpkg.join("status"),
        "Package: ocfs2-tools\nStatus: install ok installed\nMaintainer: m\n\
         Architecture: all\nVersion: 1.8.7-1\nDescription: d\n",
    )
    .unwrap();
    let mut list = "/.\n/sbin\n".to_owned();
    for name in owned {
        list += &format!("/sbin/{name}\n");
        fs::write(dest.join("sbin").join(name), format!("C {name}")).unwrap();
    }
    fs::write(dpkg.join("info/ocfs2-tools.list"), list).unwrap();
    dest
}

#[test]
fn programs_of_a_package_are_diverted() {
    let owned = ["mount.ocfs2", "o2cb", "ocfs2_hb_ctl"];
    let dest = debian(&owned);
    let end = install(&dest, &[]);
    assert!(end.code == 1 && end.err.contains("DIVERT=1"), "{end:?}");
    for _ in 0..2 {
        installs(&dest, &[("DIVERT", "1")]);
        is_installed(&dest.join("sbin"));
        for name in owned {
            let kept = dest.join("sbin").join(format!("{name}.distrib"));
            assert_eq!(fs::read_to_string(kept).unwrap(), format!("C {name}"));
        }
        let diversions = fs::read_to_string(dest.join("var/lib/dpkg/diversions")).unwrap();
        assert_eq!(diversions.matches(".distrib\n").count(), owned.len());
        assert!(diversions.contains("/sbin/o2cb\n/sbin/o2cb.distrib\n:\n"));
    }
}

#[test]
fn nothing_is_diverted_where_one_program_is_of_no_package() {
    let dest = debian(&["mount.ocfs2"]);
    fs::write(dest.join("sbin/o2cb"), "theirs").unwrap();
    let end = install(&dest, &[("DIVERT", "1")]);
    let why = "sbin/o2cb: belongs to no package";
    assert!(end.code == 1 && end.err.contains(why), "{end:?}");
    assert!(!dest.join("sbin/mount.ocfs2.distrib").exists());
    assert!(!dest.join("var/lib/dpkg/diversions").exists());
    assert_eq!(fs::read(dest.join("sbin/o2cb")).unwrap(), b"theirs");
}

#[test]
fn wrong_calls() {
    let sh = |args: &[&str], program: &str| {
        run(Command::new("/bin/sh")
            .arg(SCRIPT)
            .args(args)
            .env("OCFS2BOX", program))
    };
    assert_eq!(sh(&["a", "b"], BOX).code, 1);
    assert_eq!(sh(&["--help"], BOX).code, 1);
    let end = sh(&["/nonexistent"], "/nonexistent/ocfs2box");
    assert!(
        end.code == 1 && end.err.contains("not an executable"),
        "{end:?}"
    );
}
