//! Link arguments of the released executable alone: tests unwind, and need what it does without.

fn main() {
    println!("cargo:rerun-if-changed=.cargo/no-unwinding.ld");
    let variable = |name| std::env::var(name).unwrap_or_default();
    if variable("PROFILE") == "release" && variable("CARGO_CFG_TARGET_OS") == "linux" {
        let script = format!("{}/.cargo/no-unwinding.ld", variable("CARGO_MANIFEST_DIR"));
        for argument in ["-Wl,--no-eh-frame-hdr", "-T", &script] {
            println!("cargo:rustc-link-arg-bin=ocfs2box={argument}");
        }
    }
}
