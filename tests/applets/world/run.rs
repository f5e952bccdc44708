//! Running applets on the machine.

use super::World;
use ocfs2box::report::{self, Failure};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One applet at a time. A real one has its process to itself; beside another in a thread, its
/// children would inherit the other's sockets, and no test would see their end.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a program beside the applets of other tests. Until it has been executed, its process has
/// what an applet that runs meanwhile has open, and the end of that would come late.
pub fn spawn(command: &mut Command) -> io::Result<Child> {
    let _alone = alone();
    command.spawn()
}

/// Does `work`, and waits for the end of the processes that it leaves behind: they inherit a
/// socket. None of them has reason to live for long, but on a busy machine.
fn to_the_end<T>(work: impl FnOnce() -> T) -> T {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let done = work();
    drop(theirs);
    ours.set_read_timeout(Some(Duration::from_secs(300)))
        .unwrap();
    let heard = ours.read(&mut [0]);
    assert_eq!(heard.expect("the end of an applet's children"), 0);
    done
}

impl World {
    /// Runs an applet, and its children to their end. Where an argument begins with `/dev/`,
    /// it is this machine's.
    pub fn run(&self, applet: &str, args: &[&str]) -> Result<(), Failure> {
        self.alone(|| self.run_now(applet, args))
    }

    /// Runs an applet that succeeds.
    #[track_caller]
    pub fn ok(&self, applet: &str, args: &[&str]) {
        self.run(applet, args).unwrap();
    }

    /// Mounts the volume of `ubda`.
    #[track_caller]
    pub fn mount(&self, point: &str) {
        self.ok("mount.ocfs2", &["/dev/ubda", point]);
    }

    #[track_caller]
    pub fn umount(&self, point: &str) {
        self.ok("umount.ocfs2", &[point]);
    }

    /// Does `work` as an applet's is done, and its children's to their end.
    pub fn alone<T>(&self, work: impl FnOnce() -> T) -> T {
        let _alone = alone();
        to_the_end(work)
    }

    /// Runs an applet in a process of its own, which may die in it, and its children to
    /// their end.
    pub fn run_in_child(&self, applet: &str, args: &[&str]) {
        let _alone = alone();
        to_the_end(|| {
            let child = ocfs2box::syscall::fork::in_child(|| drop(self.run_now(applet, args)));
            child.unwrap().wait();
        });
    }

    /// Runs an applet that succeeds; what it printed.
    pub fn printed(&self, applet: &str, args: &[&str]) -> String {
        let (code, text) = self.ended(applet, args);
        assert_eq!(code, 0, "{text}");
        text
    }

    /// Runs an applet; its exit code, and what it printed, its error at last.
    pub fn ended(&self, applet: &str, args: &[&str]) -> (u8, String) {
        self.ended_before(applet, args, || {})
    }

    /// The same; `after` is done before its children are waited for.
    pub fn ended_before(&self, applet: &str, args: &[&str], after: impl FnOnce()) -> (u8, String) {
        self.ended_between(|| {}, applet, args, after)
    }

    /// The same of an applet that has got a SIGINT when it first asks.
    pub fn interrupted(&self, applet: &str, args: &[&str]) -> (u8, String) {
        let interrupt = || {
            // A shell has what it runs in the background ignore it, and so do the tools then.
            // SAFETY: no handler is set.
            unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
            let here = rustix::process::getpid();
            rustix::process::kill_process(here, rustix::process::Signal::INT).unwrap();
        };
        self.ended_between(interrupt, applet, args, || {})
    }

    /// Runs an applet whose standard error leads nowhere; its exit code, and what it printed.
    pub fn unheard(&self, applet: &str, args: &[&str]) -> (u8, String) {
        let nowhere = || {
            let null = File::options().write(true).open("/dev/null").unwrap();
            rustix::stdio::dup2_stderr(&null).unwrap();
        };
        self.ended_between(nowhere, applet, args, || {})
    }

    fn ended_between(
        &self,
        before: impl FnOnce(),
        applet: &str,
        args: &[&str],
        after: impl FnOnce(),
    ) -> (u8, String) {
        let [output, code] = ["output", "code"].map(|name| self.path("/.fake").join(name));
        let file = File::create(&output).unwrap();
        let _alone = alone();
        to_the_end(|| {
            let child = ocfs2box::syscall::fork::in_child(|| {
                rustix::stdio::dup2_stdout(&file).unwrap();
                before();
                let failed = self.run_now(applet, args).err();
                let said = failed.iter().map(Failure::to_string);
                for line in said.filter(|line| !line.starts_with("exit status")) {
                    report::say(line).unwrap();
                }
                fs::write(&code, [failed.map_or(0, |failure| failure.code())]).unwrap();
            });
            assert!(child.unwrap().wait());
            after();
        });
        let text = fs::read_to_string(output).unwrap();
        let code = fs::read(code).unwrap()[0];
        (code, text.replace(self.root.to_str().unwrap(), ""))
    }

    /// Runs an applet whose last argument is in any bytes.
    pub fn run_with(&self, applet: &str, args: &[&str], last: &[u8]) -> Result<(), Failure> {
        let mut args = self.placed(args);
        args.push(OsStr::from_bytes(last).to_owned());
        let applet = ocfs2box::applet::find(OsStr::new(applet)).expect("an applet");
        self.alone(|| (applet.run)(&self.system(), &args))
    }

    fn placed(&self, args: &[&str]) -> Vec<OsString> {
        let place = |arg: &&str| match arg.starts_with("/dev/") {
            true => self.path(arg).into_os_string(),
            false => OsString::from(arg),
        };
        args.iter().map(place).collect()
    }

    fn run_now(&self, applet: &str, args: &[&str]) -> Result<(), Failure> {
        let args = self.placed(args);
        let applet = ocfs2box::applet::find(OsStr::new(applet)).expect("an applet");
        (applet.run)(&self.system(), &args)
    }

    /// The exit code and the sentence of a run that has to fail.
    pub fn refused(&self, applet: &str, args: &[&str]) -> (u8, String) {
        let failure = self.run(applet, args).expect_err("a failure");
        let root = self.root.to_str().unwrap();
        (failure.code(), failure.to_string().replace(root, ""))
    }

    /// The volume `ubda` as an image in a file, which cannot be mounted.
    pub fn refuse_image(&self) {
        let image = self.path("/image");
        fs::rename(self.path("/dev/ubda"), &image).unwrap();
        let (code, said) = self.refused("mount.ocfs2", &[image.to_str().unwrap(), "/mnt"]);
        assert_eq!(code, 32);
        let why = "needs a block device (for an image: a loop device)";
        assert!(said.contains(why), "{said}");
    }
}
