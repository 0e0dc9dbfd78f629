//! Memory that is given back: an option of the allocator that must stand before the program begins.

use std::ffi::OsStr;

/// mimalloc reads its options from the environment when the process begins, and from nowhere else. By default it commits whole arenas
/// at once, and what a run has freed stays resident: 320 MB in place of 265 for the demo.
const OPTION: (&str, &str) = ("MIMALLOC_ARENA_EAGER_COMMIT", "0");

/// Begins this process again with the option, where nobody has set it: same process id, same words. Where that cannot be, it goes on as it is.
/// It takes a few milliseconds, so only what works for long does it.
pub fn begin_again() {
    if std::env::var_os(OPTION.0).is_some() {
        return;
    }
    #[cfg(unix)]
    if let Ok(program) = std::env::current_exe() {
        use std::os::unix::process::CommandExt as _;
        let mut words = std::env::args_os();
        let name = words.next().unwrap_or_else(|| OsStr::new("segue").to_owned());
        let refused = std::process::Command::new(program)
            .arg0(name)
            .args(words)
            .env(OPTION.0, OPTION.1)
            .exec();
        tracing::debug!(%refused, "memory that is freed stays with this process");
    }
}
