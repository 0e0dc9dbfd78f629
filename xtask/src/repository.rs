//! The repository on disk: where it is, where cargo builds, and which files are its own.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder that holds the workspace's Cargo.toml.
pub fn root() -> PathBuf {
    // Cargo sets the variable for `cargo run` and `cargo test`; the compiled-in value serves when the binary is started by hand.
    let manifest =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    manifest
        .parent()
        .expect("xtask is a folder of the repository")
        .to_path_buf()
}

/// Where cargo puts what it builds: this program was built there.
pub fn target_dir() -> PathBuf {
    let here = std::env::current_exe().ok();
    here.as_deref()
        .and_then(|exe| exe.parent()?.parent())
        .map_or_else(|| root().join("target"), Path::to_path_buf)
}

/// Every text file of ours, as git sees it: tracked, or new and not ignored. Paths are relative to the root, sorted.
#[cfg_attr(not(test), allow(dead_code))]
pub fn files() -> Vec<String> {
    let listed = crate::process::output(Command::new("git").arg("-C").arg(root()).args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
    ]));
    let mut files: Vec<String> = match listed {
        Some(text) => text.lines().map(str::to_string).collect(),
        // An unpacked archive has no git beside it.
        None => walk(&root()),
    };
    files.retain(|file| root().join(file).is_file());
    files.sort();
    files.dedup();
    files
}

fn walk(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if path.is_dir() {
                if name != "target" && name != ".git" && name != ".segue" {
                    folders.push(path);
                }
            } else if let Ok(relative) = path.strip_prefix(root) {
                found.push(relative.to_string_lossy().into_owned());
            }
        }
    }
    found
}
