//! Which tests a program without the usual harness runs.

/// Returns whether `args` choose the test `name`, as with the usual harness: an argument that is
/// no option is a part of the names of the tests to run.
pub fn is_chosen(name: &str, args: &[String]) -> bool {
    let is_listing = args.iter().any(|arg| arg == "--list");
    let mut parts = args.iter().filter(|arg| !arg.starts_with('-')).peekable();
    !is_listing && (parts.peek().is_none() || parts.any(|part| name.contains(part.as_str())))
}
