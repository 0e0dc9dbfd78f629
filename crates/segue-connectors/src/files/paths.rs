//! Which files a path names.

use segue_core::{Error, Kind, Result};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The files that fit, sorted by their paths, each once wherever links lead. `**` does not go into linked folders, which may go in
/// circles; a linked file or folder that the path itself names is followed.
///
/// # Errors
/// `Invalid` for a path that is none or leaves the folder, `NotFound` where no file fits and for a link that leads nowhere, `Denied` for
/// what fits and may not be read, `Unavailable` for what cannot be.
pub fn matching(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>> {
    let bad = |why: &str| Error::new(Kind::Invalid, format!("`{pattern}` is no path to files")).hint(why);
    let outside = Path::new(pattern).is_absolute() || pattern.split(['/', '\\']).any(|part| part == "..");
    if outside {
        return Err(bad("paths are relative to the project's folder and do not leave it"));
    }
    let parts = pattern.split('/').filter(|part| !matches!(*part, "" | "."));
    let steps = parts.map(Step::new).collect::<std::result::Result<Vec<_>, _>>();
    let mut steps = steps.map_err(|e| bad(&format!("{} (character {} of that part)", e.msg, e.pos + 1)))?;
    if let Some(Step::Folders) = steps.last() {
        steps.push(Step::new("*").map_err(|e| bad(e.msg))?);
    }
    let mut found = Vec::new();
    walk(folder, folder, &steps, &mut found)?;
    found.sort();
    let mut seen = HashSet::new();
    let mut files = Vec::new();
    for path in found {
        let real = fs::canonicalize(&path).map_err(|e| unreadable(folder, &path, e))?;
        if seen.insert(real) {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(Error::new(Kind::NotFound, format!("no file fits `{pattern}`"))
            .code(segue_diag::FILES_NONE)
            .with("folder", folder.display())
            .hint("paths are relative to the folder of segue.yaml; * stands for anything but /, ** for folders"));
    }
    Ok(files)
}

/// One part of a path between slashes.
enum Step {
    /// A name as it is.
    Name(String),
    /// A name with `*`, `?` or `[…]`.
    Pattern(glob::Pattern),
    /// `**`: folders of any depth, none included; at the end, all files in them.
    Folders,
}

impl Step {
    fn new(part: &str) -> std::result::Result<Step, glob::PatternError> {
        Ok(match part {
            "**" => Step::Folders,
            _ if part.contains(['*', '?', '[']) => Step::Pattern(glob::Pattern::new(part)?),
            _ => Step::Name(part.to_string()),
        })
    }
}

/// Files that hidden names are, only a pattern that says so finds.
const OPTIONS: glob::MatchOptions = glob::MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// What lies at these steps below a folder.
fn walk(root: &Path, at: &Path, steps: &[Step], found: &mut Vec<PathBuf>) -> Result<()> {
    let Some((step, rest)) = steps.split_first() else {
        let is = fs::metadata(at).map_err(|e| unreadable(root, at, e))?;
        if is.is_file() {
            found.push(at.to_path_buf());
        } else if !is.is_dir() {
            let name = at.strip_prefix(root).unwrap_or(at).display();
            return Err(
                Error::new(Kind::Invalid, format!("{name} is no file: it cannot be read twice"))
                    .hint("write what it gives into a file"),
            );
        }
        return Ok(());
    };
    match step {
        Step::Name(name) => {
            let path = at.join(name);
            if fs::symlink_metadata(&path).is_ok() {
                walk(root, &path, rest, found)?;
            }
        }
        Step::Pattern(pattern) => {
            for (name, path) in entries(root, at)? {
                if pattern.matches_with(&name, OPTIONS) {
                    walk(root, &path, rest, found)?;
                }
            }
        }
        Step::Folders => {
            walk(root, at, rest, found)?;
            for (name, path) in entries(root, at)? {
                let is = fs::symlink_metadata(&path).map_err(|e| unreadable(root, &path, e))?;
                if is.is_dir() && !name.starts_with('.') {
                    walk(root, &path, steps, found)?;
                }
            }
        }
    }
    Ok(())
}

/// What is in a folder; nothing where there is none.
fn entries(root: &Path, folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let failed = |e| unreadable(root, folder, e);
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // A name that is no Unicode fits no pattern.
        if let Ok(name) = entry.file_name().into_string() {
            all.push((name, entry.path()));
        }
    }
    all.sort();
    Ok(all)
}

fn unreadable(root: &Path, path: &Path, e: std::io::Error) -> Error {
    let name = path.strip_prefix(root).unwrap_or(path).display();
    failed(&e, format!("{name} fits the path and cannot be read")).caused_by(e)
}

/// An error about a file, of the kind that says whether trying again may help.
pub fn failed(e: &std::io::Error, what: String) -> Error {
    match e.kind() {
        std::io::ErrorKind::PermissionDenied => {
            Error::new(Kind::Denied, what).hint("give this user the right to read it")
        }
        std::io::ErrorKind::NotFound => Error::new(Kind::NotFound, what),
        _ => Error::new(Kind::Unavailable, what),
    }
}
