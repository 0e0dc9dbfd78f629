//! Files beside the project.

use super::pattern::{Pattern, Step};
use super::place::{Listed, Opened, Place};
use async_trait::async_trait;
use jiff::Timestamp;
use segue_core::{Ctx, Error, Kind, Result};
use std::collections::HashSet;
use std::fs::{self, File, Metadata};
use std::path::{Path, PathBuf};

/// The project's folder.
pub struct Folder(pub PathBuf);

#[async_trait]
impl Place for Folder {
    /// The same wherever the project lies: a checkout elsewhere holds the same files.
    fn identity(&self) -> String {
        "files".into()
    }

    fn root(&self) -> String {
        self.0.display().to_string()
    }

    async fn test(&self, _ctx: &Ctx) -> Result<String> {
        match self.0.is_dir() {
            true => Ok(format!("files below {}", self.0.display())),
            false => {
                Err(Error::new(Kind::NotFound, "the project's folder is not there").with("folder", self.0.display()))
            }
        }
    }

    async fn list(&self, pattern: &Pattern, _ctx: &Ctx) -> Result<Vec<Listed>> {
        let (folder, pattern) = (self.0.clone(), pattern.clone());
        let listing = tokio::task::spawn_blocking(move || matching(&folder, &pattern));
        listing
            .await
            .map_err(|e| Error::bug("a folder was not listed to its end").caused_by(e))?
    }

    /// The file itself, which may change while it is read: who reads it looks at it again behind.
    async fn open(&self, listed: &Listed, _scratch: &Path, _ctx: &Ctx) -> Result<Opened> {
        let opened = File::open(self.0.join(&listed.path)).and_then(|file| file.metadata().map(|is| (file, is)));
        let (file, is) = opened.map_err(|e| failed(&e, format!("cannot read {}", listed.path)).caused_by(e))?;
        Ok(Opened {
            file,
            mark: mark(&is),
            is,
        })
    }
}

/// Size in bytes and time of change in nanoseconds: what tells one state of a local file from another.
pub fn mark(is: &Metadata) -> String {
    let since = is
        .modified()
        .ok()
        .and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    format!("{}@{}", is.len(), since.unwrap_or_default().as_nanos())
}

/// The files that fit, sorted by their paths, each once wherever links lead. `**` does not go into linked folders, which may go in
/// circles; a linked file or folder that the path itself names is followed.
///
/// # Errors
/// `NotFound` for a link that leads nowhere, `Denied` for what fits and may not be read, `Unavailable` for what cannot be, `Invalid` for
/// what is no file.
fn matching(folder: &Path, pattern: &Pattern) -> Result<Vec<Listed>> {
    let mut found = Vec::new();
    walk(folder, folder, pattern.steps(), &mut found)?;
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut seen = HashSet::new();
    let mut files = Vec::new();
    for (path, is) in found {
        let real = fs::canonicalize(&path).map_err(|e| unreadable(folder, &path, e))?;
        if !seen.insert(real) {
            continue;
        }
        let name = path.strip_prefix(folder).unwrap_or(&path);
        files.push(Listed {
            path: name.display().to_string(),
            size: is.len(),
            mark: mark(&is),
            modified: is.modified().ok().and_then(|at| Timestamp::try_from(at).ok()),
        });
    }
    Ok(files)
}

/// What lies at these steps below a folder.
fn walk(root: &Path, at: &Path, steps: &[Step], found: &mut Vec<(PathBuf, Metadata)>) -> Result<()> {
    let Some((step, rest)) = steps.split_first() else {
        let is = fs::metadata(at).map_err(|e| unreadable(root, at, e))?;
        if is.is_file() {
            found.push((at.to_path_buf(), is));
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
        Step::Like(_) => {
            for (name, path) in entries(root, at)? {
                if step.fits(&name) {
                    walk(root, &path, rest, found)?;
                }
            }
        }
        Step::Folders => {
            walk(root, at, rest, found)?;
            for (name, path) in entries(root, at)? {
                let is = fs::symlink_metadata(&path).map_err(|e| unreadable(root, &path, e))?;
                if is.is_dir() && step.fits(&name) {
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
