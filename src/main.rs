//! Nothing but the way in: `argv` goes to the applet table, its exit code comes back.

use ocfs2box::system::System;
use std::process::ExitCode;

// Whoever starts us may have closed descriptors 0, 1 and 2; the kernel's call-out of
// `ocfs2_hb_ctl` does. Before `main`, Rust's runtime has opened /dev/null on each of them,
// so that no device opened later becomes standard output (a test holds it to that).
fn main() -> ExitCode {
    let argv: Vec<_> = std::env::args_os().collect();
    ocfs2box::applet::main(&System::real(), &argv)
}
